"""Mission §1: a listed card stops, and it alone: at its phone, and at every fresh reader."""

from config.wire import b64
from issuers.wire import Action, Command
from tests.journeys.street import now, tap

SHARE = 10_000


def test_1_01_listing_card_a_freezes_a_only(desks, street, customer, handset, counter):
    card_a, card_b = street.card(customer), street.card(customer)
    a, b = handset.take(card_a["card"]), handset.take(card_b["card"])
    assert tap(handset, a, counter, SHARE).state == "approved"

    risk = desks("issuer risk")
    at = f"/issuer/{card_a['issuer']}/cards/{card_a['card']}/block"
    risk.submit(at, to="/block", reason="STOLEN", note="Call from the holder")
    handset.portal.pull_commands(at=now())

    refused, paid = tap(handset, a, counter, SHARE), tap(handset, b, counter, SHARE)
    assert (refused.state, refused.code) == ("refused", "card_blocked")
    assert paid.state == "approved"
    told = street.portal.manage("blacklist", "status", "--card", card_a["card"])
    assert told["state"] == "BLOCKED"


def test_1_02_frozen_card_is_refused_by_the_phone_and_the_reader_logs_no_contact(
    street, card, handset, counter
):
    token = handset.take(card["card"])
    street.block(card["card"])
    handset.portal.pull_commands(at=now())

    refused = tap(handset, token, counter, SHARE)

    assert (refused.code, refused.contacted, refused.signed) == ("card_blocked", False, False)
    assert counter.contacts() == []
    applied = street.portal.manage("blacklist", "status", "--card", card["card"])
    assert applied["state"] == "BLOCKED"


def test_1_12_unblock_v6_before_block_v5(street, card, handset, counter):
    token = handset.take(card["card"])
    for _ in range(3):
        street.block(card["card"])
        street.unblock(card["card"])
    waiting = handset.session.get("/wallet/commands?after=0").json()["commands"]
    by_version = {Command.peek(b64.decode(entry["command"])).version: entry for entry in waiting}
    last = max(by_version)
    assert Command.peek(b64.decode(by_version[last]["command"])).action is Action.UNBLOCK
    assert last >= 6

    unblock_first = [by_version[last], by_version[last - 1]]
    handled = [handset.portal.take_command(entry, at=now()) for entry in unblock_first]

    assert all(one.acknowledged for one in handled)
    assert handset.phone.credential(token).version == last
    assert tap(handset, token, counter, SHARE).state == "approved"


def test_1_13_fresh_list_refuses_a_card_whose_phone_never_heard(street, card, handset, counter):
    token = handset.take(card["card"])
    blocked = street.block(card["card"], reason="FRAUD")
    counter.refresh(issuer=card["issuer"], version=blocked["version"])

    outcome = tap(handset, token, counter, SHARE)

    assert (outcome.state, outcome.code) == ("declined", "blacklisted")
    assert outcome.contacted
    assert handset.phone.credential(token).blocked is False
    assert counter.stored() == 0

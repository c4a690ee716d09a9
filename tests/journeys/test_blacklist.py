"""Mission §1: a listed card stops, and it alone: at its phone, and at every fresh reader."""

from typing import Any

from config.wire import b64
from issuers.wire import Action, Command
from tests.journeys.counter import now
from tests.journeys.desk import Desk
from tests.journeys.street import Handset, tap

SHARE = 10_000


def test_1_01_listing_card_a_freezes_a_only(desks, street, customer, handset, counter):
    card_a, card_b = street.card(customer), street.card(customer)
    a, b = handset.take(card_a["card"]), handset.take(card_b["card"])
    assert tap(handset, a, counter, SHARE).state == "approved"

    block_by_page(desks("issuer risk"), card_a)
    handset.portal.pull_commands(at=now())

    refused, paid = tap(handset, a, counter, SHARE), tap(handset, b, counter, SHARE)
    assert (refused.state, refused.code) == ("refused", "card_blocked")
    assert paid.state == "approved"
    told = street.portal.manage("blacklist", "status", "--card", card_a["card"])
    assert told["state"] == "BLOCKED"


def test_1_02_frozen_card_is_refused_by_the_phone_and_the_reader_logs_no_contact(
    street, card, handset, token, counter
):
    street.block(card["card"])
    handset.portal.pull_commands(at=now())

    refused = tap(handset, token, counter, SHARE)

    assert (refused.code, refused.contacted, refused.signed) == ("card_blocked", False, False)
    assert counter.contacts() == []
    applied = street.portal.manage("blacklist", "status", "--card", card["card"])
    assert applied["state"] == "BLOCKED"


def test_1_12_unblock_v6_before_block_v5(desks, card, handset, token, counter):
    for _ in range(3):
        block_by_page(desks("issuer risk"), card)
        unblock_by_page(desks("issuer risk"), card)
    waiting = commands_of(handset, token)
    assert [command.action for command, _entry in waiting.values()][-2:] == [
        Action.BLOCK,
        Action.UNBLOCK,
    ]

    handled = [handset.portal.take_command(waiting[v][1], at=now()) for v in (6, 5)]

    assert all(one.acknowledged for one in handled)
    assert handset.phone.credential(token).version == 6
    assert tap(handset, token, counter, SHARE).state == "approved"


def commands_of(handset: Handset, token: bytes) -> dict[int, tuple[Command, dict[str, Any]]]:
    """Return the card's commands that wait for this phone, by version."""
    entries = handset.session.get("/wallet/commands?after=0").json()["commands"]
    read = [(Command.peek(b64.decode(entry["command"])), entry) for entry in entries]
    return {one.version: (one, entry) for one, entry in read if one.card_token == token}


def block_by_page(desk: Desk, card: dict[str, Any]) -> None:
    path = f"/issuer/{card['issuer']}/cards/{card['card']}/block"
    desk.submit(path, to="/block", reason="STOLEN", note="Call from the holder")


def unblock_by_page(desk: Desk, card: dict[str, Any]) -> None:
    path = f"/issuer/{card['issuer']}/cards/{card['card']}/unblock"
    desk.submit(path, to="/unblock", reason="Found again")


def test_1_13_fresh_list_refuses_a_card_whose_phone_never_heard(
    street, card, handset, token, counter
):
    blocked = street.block(card["card"], reason="FRAUD")
    counter.refresh(issuer=card["issuer"], version=blocked["version"])

    outcome = tap(handset, token, counter, SHARE)

    assert (outcome.state, outcome.code) == ("declined", "blacklisted")
    assert outcome.contacted
    assert handset.phone.credential(token).blocked is False
    assert counter.stored() == 0

"""The blacklist page: what it lists, how it is narrowed, and how reach moves while it is open."""

from datetime import timedelta

import pytest

from config.audit import Actor
from tests.factories.config import UserFactory
from tests.factories.wallets import CustomerFactory
from tests.issuers_portal.scene import add_card

pytestmark = pytest.mark.django_db


def listed(answer):
    return [line.entry.card.last4 for line in answer.context["lines"]]


def test_an_empty_list_offers_the_first_block(risk, at):
    body = risk.get(at("blacklist")).content.decode()

    assert "Nothing blocked" in body
    assert at("card-find") in body


def test_an_entry_tells_reason_author_version_and_reach(scene, risk, at, now):
    author = UserFactory(name="Mina Park")
    scene.block(0, at=now, reason="FRAUD", by=Actor(kind="USER", name=str(author.pk)))
    scene.fetch(0, at=now)

    line = risk.get(at("blacklist")).context["lines"][0]

    assert (line.reason, line.by, line.version, line.holding) == ("Fraud", "Mina Park", 1, 1)
    assert (line.entry.phones, line.entry.reached) == (1, 0)
    assert (line.mark.tone, line.mark.label) == ("info", "Pending")


def test_views_split_the_list(scene, risk, at, now):
    for number in range(3):
        scene.block(number, at=now)
    scene.apply(1, at=now)
    scene.unblock(2, at=now)
    cards = [card.last4 for card in scene.cards]

    found = {
        view: sorted(listed(risk.get(at("blacklist", query=f"?view={view}"))))
        for view in ("listed", "waiting", "undelivered", "lifted", "all")
    }

    assert found == {
        "listed": sorted(cards[:2]),
        "waiting": cards[:1],
        "undelivered": [],
        "lifted": cards[2:],
        "all": sorted(cards),
    }
    counts = risk.get(at("blacklist")).context["counts"]
    assert counts == {"listed": 2, "waiting": 1, "undelivered": 0, "lifted": 1, "all": 3}


def test_filters_stand_in_the_address(scene, risk, at, now):
    scene.block(0, at=now - timedelta(days=2), reason="LOST")
    scene.block(1, at=now, reason="STOLEN")

    answer = risk.get(at("blacklist", query="?reason=STOLEN&since=1"))

    assert listed(answer) == [scene.cards[1].last4]
    assert [chip.remove_url for chip in answer.context["chips"]] == ["?since=1", "?reason=STOLEN"]


def test_a_search_knows_last_four_card_id_and_holder(scene, risk, at, now):
    holder = CustomerFactory(name="Hana Seo")
    card = add_card(scene, at=now - timedelta(days=1), customer=holder)
    scene.block(0, at=now)
    scene.block(3, at=now)

    for typed in (f"•••• {card.last4}", card.reference, "hana", holder.reference.lower()):
        assert card.last4 in listed(risk.get(at("blacklist"), {"q": typed})), typed
    assert listed(risk.get(at("blacklist"), {"q": "nobody"})) == []


def test_pages_keep_the_order_asked_for(scene, risk, at, now):
    for number in range(3):
        scene.block(number, at=now + timedelta(seconds=number))
    in_order = sorted(card.last4 for card in scene.cards)

    assert listed(risk.get(at("blacklist", query="?sort=card"))) == in_order
    assert listed(risk.get(at("blacklist", query="?sort=-card"))) == in_order[::-1]


def test_reach_moves_while_the_page_is_open(scene, risk, at, now):
    scene.block(0, at=now)
    page = risk.get(at("blacklist"))
    address = at("blacklist-reach", query=f"?ids={page.context['polled_ids']}")
    assert address in page.content.decode()
    assert "0 of 1" in risk.get(address).content.decode()

    scene.apply(0, at=now)
    scene.fetch(0, at=now)
    scene.fetch(1, at=now)
    body = risk.get(address).content.decode()

    assert 'hx-swap-oob="true"' in body
    assert "1 of 1" in body
    assert "2 of 2" in body
    assert "All 2 readers hold version 1." in body
    assert "<html" not in body


def test_a_poll_tells_nothing_of_another_issuers_entries(scene, other, risk, at):
    theirs = other.cards[0].blacklist_entries.get()

    answer = risk.get(at("blacklist-reach", query=f"?ids={theirs.pk}.x.-1"))

    assert answer.context["lines"] == []

"""The page of debts: who owes, since when, how much came back; and the card's own line."""

from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.roles import Role
from issuers.models import Debt
from issuers.services import debts
from tests.factories.config import member, signed_in
from tests.issuers_portal.scene import add_card

pytestmark = pytest.mark.django_db


def text(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def owe(card, minor, *, at, collected=0):
    return Debt.objects.create(
        account=card.account,
        card=card,
        amount_minor=minor,
        collected_minor=collected,
        opened_at=at,
        closed_at=at if collected == minor else None,
    )


def test_a_debt_tells_card_amounts_and_what_is_outstanding(scene, risk, at, now):
    owe(scene.cards[0], 20_000, at=now, collected=4_500)
    debts.list_cards(at=now)

    html = text(risk.get(at("debts")))

    assert "•••• " + scene.cards[0].last4 in html
    assert "15,500 <small>KRW" in html
    assert "15,500 KRW is owed" in html
    assert ">yes</td>" in html


def test_the_collected_stand_in_a_view_of_their_own(scene, risk, at, now):
    owe(scene.cards[0], 777, at=now, collected=777)

    assert "None in this view" in text(risk.get(at("debts")))
    assert "Collected" in text(risk.get(at("debts", query="?view=collected")))
    assert "Nothing is owed." in text(risk.get(at("debts")))


def test_the_card_says_what_its_account_owes(scene, risk, at, now):
    owe(scene.cards[0], 9_000, at=now)

    html = text(risk.get(at("card", scene.cards[0].reference)))

    assert "Owes" in html
    assert "9,000 <small>KRW" in html
    assert at("debts") in html


def test_another_issuers_debts_are_not_there(scene, other, at, now):
    owe(scene.cards[0], 9_000, at=now)
    stranger = signed_in(member(Role.ISSUER_RISK, other.issuer.reference))

    assert stranger.get(at("debts")).status_code == 404
    own = reverse("debts", args=[other.issuer.reference])
    assert "Nobody owes" in text(stranger.get(own))


@pytest.mark.parametrize("query", ["", "?view=all&sort=amount"])
def test_the_list_takes_the_same_few_queries_however_long(scene, risk, at, now, query):
    def count():
        with CaptureQueriesContext(connection) as asked:
            text(risk.get(at("debts", query=query)))
        return len(asked)

    owe(scene.cards[0], 9_000, at=now)
    count()
    before = count()
    for number in (3, 4, 5):
        add_card(scene, at=now)
        owe(scene.cards[number], 100 * number, at=now)

    assert count() == before <= 12

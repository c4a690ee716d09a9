"""Cards: the list, one card's dossier, and a new card with its opening balance."""

import pytest
from django.db import connection

from issuers.models import Account, Card
from settlement.models import Transfer
from tests.factories.wallets import CustomerFactory
from wallets.models import ShadowCounter

pytestmark = pytest.mark.django_db


def listed(answer):
    return [line["card"].pk for line in answer.context["lines"]]


def test_cards_are_listed_with_holder_and_what_is_available(scene, risk, at):
    answer = risk.get(at("card-list"))

    assert listed(answer) == [card.pk for card in reversed(scene.cards)]
    body = answer.content.decode()
    assert "200,000 <small>KRW</small>" in body  # 400,000 less what is set aside offline
    assert "Kim Customer" in body


def test_views_and_filters_narrow_the_list(scene, risk, at, now):
    scene.block(0, at=now)
    Card.objects.filter(pk=scene.cards[1].pk).update(frozen_by_owner_at=now)

    def narrowed(query):
        return listed(risk.get(at("card-list", query=query)))

    assert narrowed("?view=blocked") == [scene.cards[0].pk]
    assert narrowed("?view=frozen") == [scene.cards[1].pk]
    assert narrowed("?view=closed") == []
    assert len(narrowed(f"?programme={scene.programme.reference}")) == 3
    assert narrowed(f"?q={scene.cards[2].reference}") == [scene.cards[2].pk]


def test_a_cards_page_tells_its_position(scene, risk, at):
    position = risk.get(at("card", scene.cards[0].reference)).context["position"]

    assert [value for _label, value in position["lines"]] == ["400,000", "0", "−200,000"]
    assert position["total"][1] == "200,000"
    assert (position["value"], position["max"]) == (200_000, 400_000)


def test_a_debt_leaves_nothing_and_is_said(scene, risk, at):
    with (
        connection.cursor() as cursor
    ):  # what the database refuses, the page must show all the same
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE issuers_account DROP CONSTRAINT account_available_not_negative")
    Account.objects.filter(pk=scene.cards[0].account_id).update(balance_minor=-5_000)

    position = risk.get(at("card", scene.cards[0].reference)).context["position"]

    assert (position["value"], position["tone"]) == (0, "bad")
    assert position["total"][1] == "−205,000"


def test_a_phones_counters_show_as_limits(scene, risk, at, now):
    credential = scene.cards[0].credentials.get()
    ShadowCounter.objects.create(
        credential=credential, atc=4, uses=6, amount_minor=190_000, reported_at=now
    )

    row = risk.get(at("card", scene.cards[0].reference)).context["carried"][0]

    assert (row["left_minor"], row["tone"]) == (10_000, "warn")
    assert (row["uses_left"], row["uses_tone"]) == (4, "warn")


def test_history_tells_listing_lifting_and_commands(scene, risk, at, now):
    scene.block(0, at=now, reason="LOST", note="Left in a taxi")
    scene.apply(0, at=now)
    scene.unblock(0, at=now)

    context = risk.get(at("card", scene.cards[0].reference)).context

    assert [event["what"] for event in context["entries"]] == ["Lifted", "Listed: Lost"]
    assert context["entries"][1]["detail"] == "Left in a taxi"
    assert [event["what"] for event in context["commands"]] == [
        "Unblock, pending",
        "Block, applied",
    ]


def test_only_who_may_block_is_asked(scene, risk, operations, at):
    block = at("card-block", scene.cards[0].reference)

    assert block in risk.get(at("card", scene.cards[0].reference)).content.decode()
    assert block not in operations.get(at("card", scene.cards[0].reference)).content.decode()


def test_issuing_a_card_books_its_opening_balance(scene, operations, at):
    holder = CustomerFactory()
    typed = {
        "programme": scene.programme.reference,
        "holder": holder.reference.lower(),
        "balance": "₩120,000",
        "limit": "0",
    }

    answer = operations.post(at("card-issue"), typed, follow=True)

    card = Card.objects.get(account__holder=holder.reference)
    assert answer.redirect_chain == [(at("card", card.reference), 302)]
    assert card.account.balance_minor == 120_000
    assert Transfer.objects.get(code=Transfer.Code.OPENING).amount_minor == 120_000
    assert f"Card •••• {card.last4} is issued." in answer.content.decode()


@pytest.mark.parametrize(
    ("field", "typed"),
    [("holder", "CUS-NOBODY"), ("balance", "12.50"), ("limit", "a lot"), ("programme", "PRG-X")],
)
def test_a_fault_stands_beside_its_field(field, typed, scene, operations, at):
    told = {
        "programme": scene.programme.reference,
        "holder": scene.cards[0].account.holder,
        "balance": "0",
        "limit": "0",
    }

    answer = operations.post(at("card-issue"), told | {field: typed})

    assert field in answer.context["form"].errors
    assert Card.objects.count() == 3


def test_a_limit_on_a_card_that_lends_nothing_is_refused(scene, operations, at):
    told = {
        "programme": scene.programme.reference,
        "holder": scene.cards[0].account.holder,
        "balance": "0",
        "limit": "100,000",
    }

    answer = operations.post(at("card-issue"), told)

    assert "A card cannot begin with this balance or limit" in answer.content.decode()
    assert Card.objects.count() == 3

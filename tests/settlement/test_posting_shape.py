"""One batch of n is n batches of one, and costs the same number of statements."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from config.models import Event
from issuers.models import Account, Credential, OtaCommand
from issuers.services import blacklist
from settlement.models import (
    AtcSeen,
    BatchRecord,
    Dispute,
    ExceptionItem,
    MerchantDay,
    Payment,
    Transfer,
)
from settlement.services import batches, ledger, posting
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db


def posting_of(till, cards, count):
    """Return the statements that post ``count`` records, some of each kind."""
    records = []
    for each in (cards * count)[: count // 2]:
        records += [each.sale(till, 500), each.sale(till, 900, atc=each.atc)]
    till.upload(*records)
    with CaptureQueriesContext(connection) as captured:
        assert batches.post_waiting(limit=20, at=till.now) == 1
    return [each["sql"] for each in captured]


def test_ten_records_and_two_hundred_take_the_same_statements(till, noon):
    cards = [factory.card_on_phone() for _ in range(5)]
    for each in cards:
        blacklist.block(card=each.card, reason="LOST", at=noon, actor=SYSTEM)

    few, many = posting_of(till, cards[:1], 10), posting_of(till, cards, 200)

    assert sum('UPDATE "settlement_dispute"' in sql for sql in many) == 100
    assert begun(few) == begun(many)
    assert len(begun(many)) < 45


def begun(statements):
    """Return how each statement of the posting begins; the disputes' cards are listed after it."""
    end = next(place for place, sql in enumerate(statements) if "pg_notify" in sql)
    return [" ".join(sql.split()[:3]) for sql in statements[: end + 1] if "SAVEPOINT" not in sql]


def test_a_turn_with_nothing_to_do_is_one_statement(db, noon, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert batches.post_waiting(limit=20, at=noon) == 0
    with django_assert_num_queries(1):
        assert batches.post_all_waiting(limit=20, clock=lambda: noon, until=noon) == 0


def test_a_turn_with_no_batch_does_what_a_killed_one_left(till, noon, monkeypatch):
    programme = factory.programme()
    programme.reset_on_posting = True
    programme.save()
    card = factory.card_on_phone(of=programme)
    till.upload(card.sale(till, 500))
    with monkeypatch.context() as killed:
        killed.setattr(posting, "_follow_up", lambda **_: None)
        batches.post_waiting(limit=20, at=noon)
    assert not OtaCommand.objects.exists()

    assert batches.post_waiting(limit=20, at=noon) == 0

    assert OtaCommand.objects.get().action == OtaCommand.Action.RESET


KINDS = ("sale", "void", "clone", "again", "skip", "dear", "other card")


def records_of(plan, till, cards):
    """Return the signed records that a plan of kinds stands for."""
    made, amounts = [], {}
    for number, kind in enumerate(plan):
        card = cards[kind == "other card"]
        if (kind in ("clone", "again") and not made) or (kind == "void" and not amounts):
            continue
        if kind == "void":
            target, amount = next(reversed(amounts.items()))
            made.append(cards[0].void(till, amount, target))
        elif kind == "clone":
            made.append(card.sale(till, 1 + number, atc=max(card.atc, 1)))
        elif kind == "again":
            made.append(made[-1])
        else:
            card.atc += kind == "skip"
            amount = 60_000 if kind == "dear" else 100 + number
            made.append(card.sale(till, amount))
            if card is cards[0]:
                amounts[card.atc] = amount
    return made


def outcome():
    """Return the whole end state, ids, references and batches left out."""
    payments = dict(Payment.objects.values_list("id", "atc"))
    return {
        "payments": sorted(
            Payment.objects.values_list("atc", "amount_minor", "state", "bearer", "card_id")
        ),
        "seen": sorted(
            (credential, atc, bytes(digest), payments[payment])
            for credential, atc, digest, payment in AtcSeen.objects.values_list(
                "credential", "atc", "payload_digest", "payment"
            )
        ),
        "verdicts": list(
            BatchRecord.objects.order_by("batch", "index").values_list("state", "reason", "atc")
        ),
        "transfers": sorted(
            Transfer.objects.exclude(code="OPENING").values_list(
                "code", "amount_minor", "debit__owner"
            )
        ),
        "days": list(MerchantDay.objects.values_list("sales", "sales_minor", "reversals_minor")),
        "accounts": sorted(Account.objects.values_list("balance_minor", "offline_reserve_minor")),
        "reserves": sorted(Credential.objects.values_list("reserve_minor", flat=True)),
        "gaps": sorted(
            (kind, str(detail), resolution)
            for kind, detail, resolution in ExceptionItem.objects.values_list(
                "kind", "detail", "resolution"
            )
        ),
        "disputes": Dispute.objects.count(),
        "events": [
            kind
            for kind in Event.objects.order_by("id").values_list("type", flat=True)
            if kind != "batch.posted"
        ],
    }


def posted(till, parts):
    """Post ``parts``, a batch each, in a transaction that is undone; return the end state."""
    with transaction.atomic():
        each_till = replace(till)
        for number, part in enumerate(parts):
            each_till.upload(*part)
            batches.post_waiting(limit=20, at=till.now + timedelta(milliseconds=number))
        state = outcome()
        assert ledger.check() == []
        transaction.set_rollback(True)
    return state


@settings(max_examples=25)
@given(plan=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12))
def test_one_batch_of_n_is_n_batches_of_one(till, two_cards, plan):
    cards = [replace(card) for card in two_cards]
    records = records_of(plan, till, cards)

    together = posted(till, [records])

    assert posted(till, [[record] for record in records]) == together


@pytest.fixture
def two_cards(db):
    return [factory.card_on_phone() for _ in range(2)]

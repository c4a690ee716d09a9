"""Records are judged while payments are copied: what a break or a race in the middle leaves."""

import pytest
from django.db import connection

from issuers.models import Credential
from settlement.models import AtcSeen, Batch, BatchRecord, ExceptionItem, Payment, Transfer
from settlement.rules import sheet
from settlement.services import (
    batches,
    entries,
    evidence,
    history,
    ledger,
    offline_events,
    online,
    posting,
)
from tests.settlement import at_once
from tests.settlement.test_online import card_with

pytestmark = pytest.mark.django_db(transaction=True)

SALES = 300


class Broken(Exception):
    pass


def post(now):
    return batches.post_waiting(limit=20, at=now)


def brought():
    """Return what batches have brought into the books."""
    transfers = Transfer.objects.exclude(code="OPENING").count()
    return transfers, *(each.objects.count() for each in (Payment, AtcSeen, BatchRecord))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (sheet, "judge"),
        (entries, "payment"),
        (entries, "verdict"),
        (offline_events, "of_payment"),
    ],
)
def test_a_fault_in_the_middle_of_a_copy_leaves_nothing(
    till, card, noon, monkeypatch, module, name
):
    till.upload(*[card.sale(till, 100) for _ in range(SALES)], card.void(till, 100, 1))
    calls, intact = [], getattr(module, name)

    def breaks(*args, **kwargs):
        calls.append(args)
        if len(calls) == 200:
            raise Broken
        return intact(*args, **kwargs)

    with monkeypatch.context() as broken:
        broken.setattr(module, name, breaks)
        with pytest.raises(Broken):
            post(noon)

    assert connection.connection.info.transaction_status.name == "IDLE"
    assert brought() == (0, 0, 0, 0)
    waiting = list(Batch.objects.values_list("pk", flat=True))
    assert posting.post(batches=evidence.gather(batch_ids=waiting), at=noon) == 1
    assert brought() == (SALES + 1, SALES, SALES + 1, SALES + 1)
    assert Payment.objects.get(state="REVERSED").atc == 1
    assert ledger.check() == []


@pytest.mark.parametrize("place", [0, 150, SALES - 1])
def test_a_payment_refused_while_others_are_judged_is_judged_again(
    till, card, noon, monkeypatch, place
):
    records = [card.sale(till, 100) for _ in range(SALES)]
    till.upload(records[place])
    post(noon)
    till.upload(*records, card.void(till, 100, 1))
    loaded, intact = [], history.load

    def hides_what_was_used(genuine):
        loaded.append(intact(genuine))
        if len(loaded) == 1:
            loaded[0].seen.clear()
        return loaded[-1]

    monkeypatch.setattr(history, "load", hides_what_was_used)
    assert post(noon) == 1

    assert len(loaded) == 2
    assert [said for said in till.result() if said[1]] == [("POSTED", "already_posted")]
    assert Payment.objects.count() == SALES
    assert Payment.objects.get(state="REVERSED").atc == 1
    assert ledger.check() == []


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("after", [1, 2])
def test_a_tap_between_the_questions_of_the_history_is_found(till, noon, monkeypatch, same, after):
    card = card_with(balance=5_000_000)
    first = card.sale(till, 700)
    till.upload(first)
    post(noon)
    second, third = card.sale(till, 800), card.sale(till, 900)
    tapped = second if same else card.sale(till, 1_100, atc=2)
    till.upload(first, second, third)
    certificate = bytes(Credential.objects.get(pk=card.credential.pk).certificate)
    asked, intact = [], history._fill

    def tap():
        return online.authorise(device=till.device, record=tapped, certificate=certificate, at=noon)

    def fill(past, records, queries):
        intact(past, records, queries)
        asked.append(queries)
        if len(asked) == after:
            (answer,) = at_once.run([tap])
            assert not isinstance(answer, Exception), answer

    monkeypatch.setattr(history, "_fill", fill)
    assert post(noon) == 1

    assert till.result() == [
        ("POSTED", "already_posted"),
        ("POSTED", "already_posted") if same else ("REJECTED", "duplicate_atc"),
        ("POSTED", ""),
    ]
    assert Payment.objects.count() == AtcSeen.objects.count() == 3
    assert not ExceptionItem.objects.filter(kind="atc_gap", resolved_at=None).exists()
    assert ledger.check() == []

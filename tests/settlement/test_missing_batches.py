"""A reader that went on without a batch: one exception a gap, never closed silently."""

from contextlib import suppress

import pytest

from config.audit import SYSTEM
from settlement.models import ExceptionItem
from settlement.selectors import readers
from settlement.services import batches, missing, resolutions

pytestmark = pytest.mark.django_db


def ahead(till, card, *sequences):
    for sequence in sequences:
        with suppress(batches.BatchRefused):
            till.send(till.batch(card.sale(till), sequence=sequence))


def gaps():
    rows = ExceptionItem.objects.filter(kind="reader_sequence_missing").order_by("pk")
    return [(row.detail["first"], row.detail["last"], row.resolution) for row in rows]


def test_a_later_sequence_opens_one_exception_of_the_shop(till, card):
    ahead(till, card, 3, 3, 4)

    assert gaps() == [(1, 3, "")]
    item = ExceptionItem.objects.get()
    assert (item.tenant, item.detail["reader"]) == (till.merchant.reference, till.device.reference)


def test_it_closes_when_the_last_missing_one_is_accepted(till, card, noon):
    ahead(till, card, 3)
    till.upload(card.sale(till))
    assert gaps() == [(2, 2, "")]
    (incomplete,) = readers.readers_of(merchant=till.merchant, at=noon)
    assert incomplete.missing == (2, 2)

    till.upload(card.sale(till))

    assert gaps() == [(2, 2, "filled")]
    (whole,) = readers.readers_of(merchant=till.merchant, at=noon)
    assert whole.missing is None


def test_what_was_explained_by_hand_is_not_opened_again(till, card, noon):
    ahead(till, card, 3)
    item = ExceptionItem.objects.get()
    resolutions.resolve(item=item, reason="The reader burned down.", at=noon, actor=SYSTEM)

    ahead(till, card, 4)

    assert gaps() == [(1, 2, "The reader burned down.")]


def test_a_batch_refused_for_another_reason_opens_nothing(till, card):
    with suppress(batches.BatchRefused):
        till.send(till.batch(card.sale(till), count=2))

    assert gaps() == []


def test_negative_control_without_the_note_nobody_would_know(till, card, monkeypatch):
    monkeypatch.setattr(missing, "note", lambda **_: None)

    with pytest.raises(AssertionError):
        test_a_later_sequence_opens_one_exception_of_the_shop(till, card)

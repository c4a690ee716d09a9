"""Repetitions are kept whole and bounded: counted, numbered, and never taken back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from config import repetitions
from config.models import Repetition
from config.models.repetitions import NUMBERED_MOST
from config.repetitions import Call

NOON = datetime(2026, 11, 27, 3, tzinfo=UTC)
MORE = 7


def again(*, at=NOON, subject="PAY-1", call=Call.CLAIM, device="PH-1"):
    repetitions.note(subject=subject, call=call, device=device, at=at)


@pytest.mark.django_db
class TestKeeping:
    def test_each_has_its_time_until_there_are_too_many(self):
        for second in range(NUMBERED_MOST + MORE):
            again(at=NOON + timedelta(seconds=second))
        rows = list(repetitions.about(subjects=["PAY-1"]))
        assert [row.number for row in rows] == list(range(1, NUMBERED_MOST + 1))
        assert [row.times for row in rows] == [1] * (NUMBERED_MOST - 1) + [1 + MORE]
        assert rows[-1].last_at == NOON + timedelta(seconds=NUMBERED_MOST + MORE - 1)

    def test_who_repeats_himself_takes_nobody_elses_place(self):
        for device in ["PH-1"] * (NUMBERED_MOST + MORE) + ["PH-2"]:
            again(device=device)
        again(call=Call.APPROVE)
        again(subject="PAY-2")
        first = Repetition.objects.filter(number=1).values_list("caller", "call", "subject")
        assert set(first) == {
            ("device:PH-1", "CLAIM", "PAY-1"),
            ("device:PH-2", "CLAIM", "PAY-1"),
            ("device:PH-1", "APPROVE", "PAY-1"),
            ("device:PH-1", "CLAIM", "PAY-2"),
        }

    def test_a_clock_that_goes_back_harms_nothing(self):
        for second in range(NUMBERED_MOST + 1):
            again(at=NOON - timedelta(seconds=second))
        assert Repetition.objects.get(number=NUMBERED_MOST).times == 2

    def test_many_subjects_are_one_statement(self, django_assert_num_queries):
        subjects = [f"PAY-{number}" for number in range(500)]
        told = repetitions.noting(subjects=subjects, call=Call.COPIES, caller="device:PH", at=NOON)
        with django_assert_num_queries(1), connection.cursor() as cursor:
            cursor.execute(told.sql, told.parameters)
        assert Repetition.objects.count() == 500

    @pytest.mark.parametrize(
        "change",
        [
            {"times": 1},
            {"times": 5},
            {"times": 3, "subject": "PAY-2"},
            {"times": 3, "caller": "device:PH-2"},
            {"times": 3, "first_at": NOON},
            {"times": 3, "last_at": NOON - timedelta(days=1)},
        ],
    )
    def test_a_row_only_counts(self, change):
        later = NOON + timedelta(minutes=1)
        row = Repetition.objects.create(
            subject="PAY-1", call="CLAIM", caller="device:PH-1", number=1, times=2,
            first_at=later, last_at=later,
        )  # fmt: skip
        rows = Repetition.objects.filter(pk=row.pk)
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)
        assert rows.update(times=3) == 1, "the control"

    def test_a_row_stays(self):
        again()
        with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
            Repetition.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_each_is_counted():
    callers, each = 8, 10
    ready = threading.Barrier(callers)

    def insist(_number):
        try:
            ready.wait()
            for _ in range(each):
                again()
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(insist, range(callers)))
    rows = list(Repetition.objects.all())
    assert sum(row.times for row in rows) == callers * each
    assert len(rows) <= NUMBERED_MOST

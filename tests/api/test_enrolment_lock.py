"""Guessing enrolment codes: ten failures a minute lock an address for a minute (protocol §3)."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from config import enrolment
from config.models import EnrolmentFailure
from tests.api.caller import code_of
from tests.api.test_enrolment import enrol, new_code
from tests.api.test_idempotency import at_once

pytestmark = pytest.mark.django_db


class TestAnAddress:
    def _fail(self, count, address="192.0.2.1"):
        for _ in range(count):
            assert code_of(enrol("0000000000", address=address)) == "enrolment_code_invalid"

    def test_is_locked_for_a_minute_after_ten_failures_in_one(self):
        at = timezone.now()
        with time_machine.travel(at, tick=False):
            self._fail(10)
            answer = enrol(new_code())
            assert (answer.status_code, code_of(answer)) == (429, "enrolment_locked")
            assert answer["Retry-After"] == "60"
        with time_machine.travel(at + timedelta(seconds=59), tick=False):
            assert enrol(new_code()).status_code == 429
        with time_machine.travel(at + timedelta(seconds=60), tick=False):
            assert enrol(new_code()).status_code == 201

    def test_is_not_locked_by_others(self):
        self._fail(10)

        assert enrol(new_code(), address="192.0.2.2").status_code == 201

    def test_is_not_locked_by_successes(self):
        self._fail(9)

        assert [enrol(new_code()).status_code for _ in range(3)] == [201] * 3

    def test_is_not_locked_by_failures_over_more_than_a_minute(self):
        at = timezone.now()
        with time_machine.travel(at, tick=False):
            self._fail(5)
        with time_machine.travel(at + timedelta(seconds=60), tick=False):
            self._fail(5)
            assert enrol(new_code()).status_code == 201

    def test_is_the_one_our_proxy_saw(self, settings):
        settings.PROXIES = 1
        self._fail(10)
        spoofed = {"X-Forwarded-For": "198.51.100.1, 192.0.2.1"}

        assert enrol(new_code(), headers=spoofed, address="10.0.0.1").status_code == 429

    def test_forgets(self, noon):
        EnrolmentFailure.objects.create(address="192.0.2.1", at=noon)

        assert enrolment.forget_failures(at=noon + timedelta(seconds=119), limit=9) == 0
        assert enrolment.forget_failures(at=noon + timedelta(seconds=120), limit=9) == 1


def test_ten_at_once_pass_no_eleventh(transactional_db):
    answers = at_once(*[lambda: enrol("0000000000") for _ in range(14)])

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [422] * 10 + [429] * 4
    assert EnrolmentFailure.objects.count() == 10

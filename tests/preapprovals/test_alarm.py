"""Somebody guesses numbers at many terminals, at each below its lock (protocol §2)."""

from datetime import timedelta

import pytest

from benefits.models import WrongNumber
from benefits.services import lookups
from config.models import Alert
from tests.factories import preapprovals as made
from tests.factories.merchants import StoreFactory

pytestmark = pytest.mark.django_db


def wrong(count, *, at):
    store = StoreFactory()
    devices = [made.atm(store=store).device for _ in range(-(-count // 9))]
    for place in range(count):
        WrongNumber.objects.create(device=devices[place // 9], at=at)


def test_raises_the_platforms_alarm_once_and_ends_it(noon):
    wrong(lookups.ALARM_AT - 1, at=noon)
    lookups.watch(at=noon)
    assert not Alert.objects.exists()
    wrong(1, at=noon)
    for _ in range(2):
        lookups.watch(at=noon)
    assert (Alert.objects.get().tenant, Alert.objects.get().cleared_at) == ("", None)
    later = noon + timedelta(minutes=30)
    lookups.watch(at=later)
    assert Alert.objects.get().cleared_at == later

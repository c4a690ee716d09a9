"""Guarded states: one winner in the domain, and the database holds the same table."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from config.models import Device
from config.states import InvalidTransition
from tests.factories.wallets import enrolled_phone

pytestmark = pytest.mark.django_db


def test_of_two_readers_of_the_same_state_the_second_is_refused():
    first, _ = enrolled_phone()
    second = Device.objects.get(pk=first.pk)
    first.transition(Device.State.REVOKED, revoked_at=timezone.now())

    with pytest.raises(InvalidTransition):
        second.transition(Device.State.REVOKED, revoked_at=timezone.now())


def test_the_database_refuses_an_edge_the_table_does_not_have():
    device, _ = enrolled_phone()
    device.transition(Device.State.REVOKED, revoked_at=timezone.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        Device.objects.filter(pk=device.pk).update(state="ACTIVE", revoked_at=None)


def test_without_the_trigger_the_edge_would_pass():
    device, _ = enrolled_phone()
    device.transition(Device.State.REVOKED, revoked_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE config_device DISABLE TRIGGER USER")

    moved = Device.objects.filter(pk=device.pk).update(state="ACTIVE", revoked_at=None)

    assert moved == 1

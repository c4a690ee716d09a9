"""Guarded states: one winner in the domain, and the database holds the same table."""

import pgtrigger
import pytest
from django.apps import apps
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


KEEPING = {"append_only", "no_delete", "state_guard"}
KEPT = sorted(
    {model for model, trigger in pgtrigger.registered() if trigger.name in KEEPING}, key=str
)


class TestTruncate:
    """It fires no row trigger, so it would empty what no DELETE can."""

    @pytest.mark.parametrize("model", KEPT, ids=lambda model: model.__name__)
    def test_is_refused_for_every_table_whose_rows_stay(self, model):
        with pytest.raises(IntegrityError, match="stay"), transaction.atomic():
            truncate(model._meta.db_table)

    def test_of_a_table_they_refer_to_is_refused_too(self):
        """CASCADE would reach the cards by way of their issuers, which are not guarded so."""
        with pytest.raises(IntegrityError, match="stay"), transaction.atomic():
            truncate(apps.get_model("issuers.Issuer")._meta.db_table)

    def test_without_the_trigger_it_would_empty_the_trail(self):
        """The negative control."""
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE config_audit DISABLE TRIGGER USER")

        truncate("config_audit")


def truncate(table):
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")

"""Exceptions are explained and disputes closed once, with words, in the audit trail."""

import pytest
from django.utils import timezone

from config.audit import Actor
from config.models import Audit
from settlement.models import Dispute, ExceptionItem
from settlement.services import resolutions
from tests.settlement_portal.world import made

pytestmark = pytest.mark.django_db
CLERK = Actor(kind="USER", name="7")


@pytest.fixture
def world(db):
    return made()


def gap(world):
    world.post(world.shop, world.card.sale(world.shop, 1000, atc=4))
    return ExceptionItem.objects.get()


def dispute(world):
    world.post(world.shop, world.card.sale(world.shop, 1000))
    world.post(world.other_shop, world.card.sale(world.other_shop, 2000, atc=1))
    return Dispute.objects.get()


def test_an_exception_is_resolved_once_and_audited(world):
    item, at = gap(world), timezone.now()

    done = resolutions.resolve(item=item, reason=" Reader drowned. ", at=at, actor=CLERK)

    assert (done.resolution, done.resolved_at) == ("Reader drowned.", at)
    row = Audit.objects.get(action="exception.resolve")
    assert (row.actor, row.tenant, row.reason) == ("7", item.tenant, "Reader drowned.")
    with pytest.raises(resolutions.ExceptionResolved):
        resolutions.resolve(item=item, reason="Again.", at=at, actor=CLERK)
    assert ExceptionItem.objects.get().resolution == "Reader drowned."


def test_a_dispute_is_closed_once_and_audited(world):
    row, at = dispute(world), timezone.now()

    resolutions.close(dispute=row, outcome="Cloned phone, police told.", at=at, actor=CLERK)

    row.refresh_from_db()
    assert (row.outcome, row.closed_at) == ("Cloned phone, police told.", at)
    assert Audit.objects.filter(action="dispute.close", subject=row.reference).count() == 1
    with pytest.raises(resolutions.DisputeClosed):
        resolutions.close(dispute=row, outcome="Again.", at=at, actor=CLERK)


def test_nothing_ends_without_words(world):
    item = gap(world)
    with pytest.raises(resolutions.WordsMissing):
        resolutions.resolve(item=item, reason="  ", at=timezone.now(), actor=CLERK)
    assert not Audit.objects.filter(action="exception.resolve").exists()

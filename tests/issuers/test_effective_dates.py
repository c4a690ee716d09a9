"""Offline limits take effect at their time, for new certificates and for renewed ones."""

from datetime import timedelta

import pytest

from config.audit import SYSTEM
from config.models import Device
from issuers.models import Credential
from issuers.services import profiles, renewals
from issuers.services.profiles import Caps
from issuers.wire import CardCertificate
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db

LATER = timedelta(days=3)
NEXT = Caps(per_payment_cap_minor=10_000, cumulative_cap_minor=30_000, unverified_cap_minor=5_000)


@pytest.fixture
def card(noon):
    card = made.card(at=noon - timedelta(days=1))
    profiles.change(
        programme=card.programme, effective_from=noon + LATER, caps=NEXT, at=noon, actor=SYSTEM
    )
    return card


def stated(credential):
    told = CardCertificate.peek(bytes(credential.certificate)).profile
    return told.version, told.per_payment_cap, told.cumulative_cap, told.unverified_cap


def test_1_02_limits_of_tomorrow_are_not_used_today(card, noon):
    early = made.credential(of=card, at=noon + LATER - timedelta(seconds=1))

    assert stated(early) == (1, 50_000, 200_000, 50_000)


def test_1_02_they_are_used_from_their_very_moment(card, noon):
    assert stated(made.credential(of=card, at=noon + LATER)) == (2, 10_000, 30_000, 5_000)


def test_1_02_a_renewal_takes_the_limits_in_force_then(card, noon):
    older = made.credential(of=card, at=noon)
    Device.objects.update(seen_at=noon + LATER)

    renewals.renew_due(at=noon + LATER)

    fresh = Credential.objects.get(state="ACTIVE")
    assert fresh.pk != older.pk
    assert stated(fresh) == (2, 10_000, 30_000, 5_000)


def test_1_02_a_renewal_before_keeps_the_limits_of_then(card, noon):
    made.credential(of=card, at=noon - timedelta(seconds=1))
    Device.objects.update(seen_at=noon + LATER)

    renewals.renew_due(at=noon + LATER - timedelta(seconds=1))

    assert stated(Credential.objects.get(state="ACTIVE"))[0] == 1

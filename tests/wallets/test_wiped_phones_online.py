"""A tap with a card that was taken off its phone is declined online; on another phone it pays."""

import pytest

from config.audit import SYSTEM
from issuers.models import Credential
from issuers.services import cards, wipes
from issuers.services.profiles import default_caps
from settlement.services import online
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


def tap(till, held, amount=1_000):
    credential = Credential.objects.get(pk=held.credential.pk)
    return online.authorise(
        device=till.device,
        record=held.sale(till, amount),
        certificate=bytes(credential.certificate),
        at=till.now,
    )


@pytest.fixture
def till(noon):
    return factory.till(now=noon)


@pytest.fixture
def held(db):
    of = factory.programme(caps=default_caps(currency="KRW"))
    return factory.card_on_phone(of=of)


def test_one_that_was_wiped_is_declined(till, held, noon):
    wipes.wipe(card=held.card, device=held.phone, reason="LOST", at=noon, actor=SYSTEM)

    answer = tap(till, held)

    assert (answer.state, answer.decline_reason) == ("DECLINED", "card_blocked")


def test_one_that_its_owner_froze_is_declined_and_unfrozen_pays(till, held, noon):
    cards.freeze(card=held.card, at=noon, actor=SYSTEM)
    assert tap(till, held).decline_reason == "card_blocked"

    cards.unfreeze(card=held.card, at=noon, actor=SYSTEM)

    assert tap(till, held, 2_000).state == "APPROVED"

"""What belongs to another tenant is neither shown, nor moved, nor guessed at through one's own."""

import pytest
from django.urls import reverse

from config.models import Authenticator, Device
from config.roles import Role
from issuers.models import Card
from tests.factories import issuers as make
from tests.factories.config import MembershipFactory, member, signed_in, with_authenticator
from tests.factories.merchants import MerchantFactory, StoreFactory, enrolled

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops():
    """Two shops and somebody who owns both."""
    here, there = StoreFactory(), StoreFactory()
    owner = member(Role.MERCHANT_OWNER, here.merchant.reference)
    MembershipFactory(user=owner, role=Role.MERCHANT_OWNER, tenant=there.merchant.reference)
    return here, there, signed_in(owner)


def test_a_device_is_found_at_its_own_merchant_alone(shops):
    here, there, owner = shops
    device, _key = enrolled(store=there)
    address = [here.merchant.reference, device.reference]
    told = {"name": "moved", "store": here.reference, "capacity": 5, "floor": 1, "max_unsent": 1}

    found = [
        owner.get(reverse("equipment-edit", args=address)),
        owner.post(reverse("equipment-edit", args=address), told),
        owner.post(reverse("equipment-revoke", args=address)),
    ]

    assert [answer.status_code for answer in found] == [404, 404, 404]
    assert Device.objects.get(pk=device.pk).state == Device.State.ACTIVE


def test_a_foreign_card_as_cursor_tells_nothing_of_its_number():
    ours, theirs = make.programme(), make.programme()
    card, foreign = make.card(of=ours), make.card(of=theirs)
    numbers = ("0001", "9999")
    Card.objects.filter(pk=card.pk).update(last4="5000")
    desk = signed_in(member(Role.ISSUER_AUDITOR, ours.issuer.reference))
    shown = []
    for number in numbers:
        Card.objects.filter(pk=foreign.pk).update(last4=number)
        asked = {"sort": "card", "after": foreign.pk}
        page = desk.get(reverse("card-list", args=[ours.issuer.reference]), asked)
        shown.append([row.pk for row in page.context["page"].rows])

    assert shown[0] == shown[1]


def test_a_shop_takes_no_factor_away_that_opens_more_than_the_shop():
    merchant = MerchantFactory()
    admin = member(Role.PLATFORM_ADMIN)
    with_authenticator(admin)
    at_shop = MembershipFactory(user=admin, role=Role.MERCHANT_CASHIER, tenant=merchant.reference)
    owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))

    answer = owner.post(reverse("staff-reset-factor", args=[at_shop.pk]))

    assert answer.status_code == 403
    assert Authenticator.objects.filter(user=admin, confirmed=True).exists()


def test_the_platform_resets_it():
    merchant = MerchantFactory()
    cashier = member(Role.MERCHANT_CASHIER, merchant.reference)
    with_authenticator(cashier)
    desk = signed_in(member(Role.PLATFORM_ADMIN))

    desk.post(reverse("staff-reset-factor", args=[cashier.memberships.get().pk]))

    assert not Authenticator.objects.filter(user=cashier).exists()

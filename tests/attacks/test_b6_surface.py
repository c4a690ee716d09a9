"""Attacks on the portal's surface by people and machines of another shop.

Every address of a shop's pages is taken from the URL conf, so that a new one is attacked too.
"""

import os

import pytest
from django.conf import settings
from django.urls import reverse

from config.models import Device
from config.roles import Role
from config.wire.client import PortalRefused
from merchants.models import (
    ApiKey,
    Merchant,
    RelayPairing,
    VirtualTill,
    WebhookDelivery,
    WebhookEndpoint,
)
from merchants.portal import urls as shop_urls
from settlement.models import Checkout, Payment, PaymentRequest, Redemption, Refund
from settlement.portal import places
from settlement.portal import urls as money_urls
from tests.attacks.shops import shop
from tests.clients import http, session_of
from tests.factories import requests as made
from tests.factories.config import member, signed_in
from tests.factories.merchants import enrolled

pytestmark = pytest.mark.django_db
SHOP_ROLES = [role for role in Role if role.value.startswith("MERCHANT")]
REFUSED = {403, 404, 405}
FORMS = {
    "amount": "1",
    "how": "part",
    "seen": "0",
    "reason": "Fraud",
    "key": "x" * 24,
    "url": "https://thief.example/",
    "name": "Stolen",
    "hours": "1",
}


@pytest.fixture
def theirs(db):
    return shop()


@pytest.fixture
def ours(db):
    return shop()


def standing():
    """Return all that an act at these addresses could move."""
    columns = {
        Payment: ("state", "refunded_minor"),
        PaymentRequest: ("claimed_by", "ended_at"),
        Refund: (),
        Checkout: ("state",),
        Redemption: ("state",),
        Device: ("state", "name"),
        ApiKey: ("revoked_at",),
        RelayPairing: ("ended_at",),
        VirtualTill: ("closed_at", "counter"),
        WebhookEndpoint: ("state", "url"),
        WebhookDelivery: ("state",),
    }
    return [
        list(model.objects.order_by("pk").values_list("pk", *names))
        for model, names in columns.items()
    ]


# Pages that name a payout or a batch are tested where these are made.
ELSEWHERE = {"payout", "payout-lines", "batch", "batch-content"}
SHOP_PAGES = sorted(
    pattern.name
    for pattern in [*shop_urls.urlpatterns, *money_urls.urlpatterns]
    if pattern.pattern.converters
    and "issuer" not in pattern.pattern.converters
    and pattern.name not in ELSEWHERE
)


def address(name, of, *, at=None):
    """Return the address of what belongs to ``of``, in the pages of ``at``."""
    patterns = [*shop_urls.urlpatterns, *money_urls.urlpatterns]
    wanted = next(p for p in patterns if p.name == name).pattern.converters
    told = {key: value for key, value in of.named(name).items() if key in wanted}
    if at is not None and "merchant" in told:
        told["merchant"] = at.merchant.reference
    return reverse(name, kwargs=told)


class TestForeignPages:
    """A person of one shop reaches nothing of another's, by whatever address."""

    def test_none_is_forgotten(self):
        assert {"till-cancel", "relay-pair", "webhook-replay", "payment-refund"} <= set(SHOP_PAGES)
        assert len(SHOP_PAGES) >= 30

    @pytest.mark.parametrize("role", SHOP_ROLES)
    def test_at_their_own_address(self, ours, theirs, role):
        browser, before = signed_in(member(role, ours.merchant.reference)), standing()
        answers = [
            call(address(name, theirs), FORMS)
            for name in SHOP_PAGES
            for call in (browser.get, browser.post)
        ]

        assert {answer.status_code for answer in answers} <= REFUSED
        assert not [it for it in theirs.told() for answer in answers if it in answer.text]
        assert standing() == before

    @pytest.mark.parametrize("role", SHOP_ROLES)
    def test_under_ones_own_shop(self, ours, theirs, role):
        browser, before = signed_in(member(role, ours.merchant.reference)), standing()
        found = {name: address(name, theirs, at=ours) for name in SHOP_PAGES}
        foreign = [where for name, where in found.items() if where != address(name, ours)]
        answers = [call(where, FORMS) for where in foreign for call in (browser.get, browser.post)]

        assert len(foreign) >= 20
        assert {answer.status_code for answer in answers} <= REFUSED
        assert standing() == before

    def test_lists_and_the_search_tell_nothing_of_them(self, ours, theirs):
        browser = signed_in(member(Role.MERCHANT_OWNER, ours.merchant.reference))
        asked = [f"/search?q={it}" for it in theirs.told()]
        asked += ["/merchant/payments", "/merchant/payments/rows", "/queues", "/batches"]
        secret = {theirs.merchant.name, theirs.paid.reference, theirs.relay.reference}

        for where in asked:
            shown = browser.get(where).text.replace(f"{where.partition('=')[2]}", "")
            assert not [it for it in secret if it in shown], where

    def test_control_without_the_filter_they_are_there(self, ours, theirs, monkeypatch):
        monkeypatch.setattr(places, "merchants_visible_to", lambda *_: Merchant.objects.all())
        browser = signed_in(member(Role.MERCHANT_OWNER, ours.merchant.reference))

        assert browser.get(address("till", theirs)).status_code == 200


class TestForeignPayments:
    """Money goes back by the hand of the shop that took it, through whichever door."""

    def doors(self, ours, theirs):
        """Return calls of ours that name a payment of theirs, each by its door."""
        terminal = session_of(key=ours.terminal.key, device=ours.terminal.device)
        tid, reference = theirs.paid.request.tid, theirs.paid.reference
        server = {"Authorization": f"Bearer {ours.token}"}

        def by_key(path):
            url = f"{settings.ORIGIN}/api/v1/{path}"
            headers = server | {"Idempotency-Key": os.urandom(16).hex()}
            answer = http().post(url, json={"amount": 1}, headers=headers)
            return answer.status_code

        def by_terminal(path, **more):
            try:
                return terminal.post(path, **more).status
            except PortalRefused as refused:
                return refused.status

        names = (tid, reference)
        return [
            *(by_terminal(f"/terminal/payments/{n}/refunds", body={"amount": 1}) for n in names),
            *(by_key(f"terminal/payments/{n}/refunds") for n in names),
            *(by_key(f"merchant/payments/{n}/refunds") for n in names),
            by_terminal(f"/terminal/payments/{tid}/cancel"),
        ]

    def test_none_opens(self, ours, theirs):
        before = standing()

        assert set(self.doors(ours, theirs)) == {404}
        assert standing() == before

    def test_control_the_same_doors_open_to_their_own(self, theirs):
        assert self.doors(theirs, theirs) == [201] * 6 + [409], "what is refunded is not cancelled"

    def test_another_terminal_of_the_same_shop_gives_nothing_back(self, theirs):
        other = made.terminal(store=theirs.terminal.place.store)
        session = session_of(key=other.key, device=other.device)

        for act, body in (("refunds", {"amount": 1}), ("cancel", None)):
            with pytest.raises(PortalRefused) as refused:
                session.post(f"/terminal/payments/{theirs.paid.request.tid}/{act}", body=body)
            assert refused.value.status == 404

    @pytest.mark.parametrize("kind", ["PHONE", "READER", "RELAY", "ATM"])
    def test_no_other_kind_of_device_does(self, theirs, kind):
        place = theirs.terminal.place
        if kind == "PHONE":
            payer = made.payer()
            device, key = payer.phone, payer.key
        else:
            device, key = enrolled(kind=kind, store=place.store)
        session, tid = session_of(key=key, device=device), theirs.paid.request.tid

        for act in ("refunds", "cancel"):
            with pytest.raises(PortalRefused) as refused:
                session.post(f"/terminal/payments/{tid}/{act}", body={"amount": 1})
            assert (refused.value.status, refused.value.code) == (403, "wrong_kind")

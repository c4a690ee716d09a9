"""Shops with one of everything that an address may name."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from config.audit import SYSTEM
from config.models import Device, Job
from merchants.models import ApiKey, Merchant, WebhookDelivery, WebhookEndpoint
from merchants.services import api_keys, relays
from merchants.services.webhooks import endpoints, replays
from settlement.models import Checkout, Payment, Redemption
from settlement.services import checkouts, stock_files, tills
from tests.factories import benefits, preapprovals
from tests.factories import requests as made
from tests.factories.merchants import StoreFactory, enrolled

KEY = "k" * 24


@dataclass
class Shop:
    """A shop with one of everything that an address of its pages may name."""

    merchant: Merchant
    terminal: made.Terminal
    relay: Device
    till_tid: str
    paid: Payment
    quoted: Checkout
    redeemed: Redemption
    endpoint: WebhookEndpoint
    message: WebhookDelivery
    token: str

    def named(self, name):
        """Return what the parameters of its addresses are called here."""
        device = self.relay if name.startswith("relay") else self.terminal.device
        return {
            "merchant": self.merchant.reference,
            "store": self.terminal.place.store.reference,
            "device": device.reference,
            "key": ApiKey.objects.get(merchant=self.merchant).pk,
            "endpoint": self.endpoint.reference,
            "message": self.message.webhook_id,
            "act": "pause",
            "tid": self.till_tid,
            "reference": (self.redeemed if name.startswith("atm-") else self.paid).reference,
            "checkout": self.quoted.reference,
            "item": 1,
            "job": Job.objects.get(tenant=self.merchant.reference).reference,
            "day": self.paid.business_date.isoformat(),
        }

    def told(self):
        """Return what no stranger may read."""
        return [
            *(self.merchant.reference, self.till_tid, self.paid.reference, self.paid.request.tid),
            *(self.endpoint.reference, self.relay.reference, self.terminal.device.reference),
        ]


def shop():
    now, store = timezone.now(), StoreFactory()
    terminal = made.terminal(store=store)
    relay, _key = enrolled(kind="RELAY", store=store)
    relays.pair(relay=relay, terminal=terminal.device, actor=SYSTEM, at=now)
    request = terminal.asks(10_000, at=now)
    payer = made.payer(at=now - timedelta(hours=1))
    payer.pays(request, at=now)
    plan = benefits.plan_of(payer.phone, at=now)
    code = checkouts.Asked(plan.tsn, 3_000, store.merchant.currency)
    quoted = checkouts.begin(device=terminal.device, asked=code, at=now).checkout
    preapprovals.policy(payer)
    approved = preapprovals.approved(payer, at=now)
    redeemed = preapprovals.atm(store=store).takes(approved, at=now)
    wish = tills.Wish(KEY, 5_000, store.merchant.currency, "")
    sale = tills.ring_up(
        merchant=store.merchant, store=store.reference, wish=wish, actor=SYSTEM, at=now
    )
    Job.objects.create(
        reference=f"JOB-{store.pk}",
        kind=stock_files.KIND,
        tenant=store.merchant.reference,
        created_by="1",
        created_at=now,
    )
    url = f"https://hook-{store.pk}.example/"
    endpoint = endpoints.add(merchant=store.merchant, url=url, actor=SYSTEM, at=now).endpoint
    return Shop(
        merchant=store.merchant,
        terminal=terminal,
        relay=relay,
        till_tid=sale.tid,
        quoted=quoted,
        redeemed=redeemed,
        paid=Payment.objects.get(reference=request.reference),
        endpoint=endpoint,
        message=replays.send_test(endpoint=endpoint, actor=SYSTEM, at=now),
        token=api_keys.make(merchant=store.merchant, name="Shop", actor=SYSTEM, at=now),
    )

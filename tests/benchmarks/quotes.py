"""Phones with benefits, plans of theirs, and tills that ask for quotes by their numbers."""

import itertools
import json

from django.utils import timezone

from benefits.models import Lock, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services.holdings import Worth
from settlement.models import Checkout
from tests.benchmarks import asking
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.merchants import StoreFactory
from tests.factories.wallets import CustomerFactory, enrolled_phone

AMOUNT = 20_000
# 2,000 of 20,000; 1,000; 850 of 17,000; 500 of the points; 2,000 of the gift card.
REMAINDER = 13_650
_PLENTY = Worth(amount_minor=10**9)


class Quotes:
    """Phones that hold five benefits each: two coupons with a budget, a grade, points, a gift card.

    Coupons and grade count without end, so that a phone may be quoted again and again.
    """

    def __init__(self, *, tills, phones):
        at = timezone.now()
        store = StoreFactory()
        self.tills = [made.till(store=store) for _ in range(tills)]
        endless = {"uses_each": None, "budget_minor": 10**12}
        self._offered = [
            (held.definition(Kind.COUPON_PERCENT, percent_bps=1_000, **endless), None),
            (held.definition(Kind.COUPON_FIXED, amount_minor=1_000, **endless), None),
            (held.definition(Kind.GRADE, percent_bps=500, uses_each=None), None),
            (held.definition(Kind.POINTS), 500),
            (held.definition(Kind.GIFT_CARD), 2_000),
        ]
        self._phones = itertools.cycle([self._phone(at) for _ in range(phones)])
        self.asked = 0

    def _phone(self, at):
        customer = CustomerFactory()
        phone, _key = enrolled_phone(customer=customer, at=at)
        balances = {Kind.POINTS, Kind.GIFT_CARD}
        chosen = [
            (
                held.held(customer, of=of, at=at, worth=_PLENTY if of.kind in balances else None),
                most,
            )
            for of, most in self._offered
        ]
        return phone, chosen

    def requests(self, origin, *, count, lines):
        """Return ``count`` signed requests for a quote, by connection; a phone keeps to one."""
        by_line = [[] for _ in range(lines)]
        for place in range(count):
            phone, chosen = next(self._phones)
            plan = held.plan_of(phone, *chosen, at=timezone.now())
            line = place % lines
            till = self.tills[line % len(self.tills)]
            body = {"code": plan.tsn, "amount": AMOUNT, "currency": "KRW"}
            by_line[line].append(
                asking.signed(
                    origin=origin,
                    method="POST",
                    path="/api/v1/terminal/checkouts",
                    key=till.key,
                    keyid=till.device.reference,
                    body=json.dumps(body).encode(),
                    headers=asking.idempotency_key(),
                )
            )
        self.asked += count
        return by_line

    def faults(self):
        """Return what is wrong with what is held: as many purchases, and lines, as were asked."""
        found = (
            Checkout.objects.filter(state="QUOTED", remainder_minor=REMAINDER).count(),
            Redemption.objects.filter(state="HELD").count(),
            Lock.objects.filter(state="HELD").count() // len(self._offered),
        )
        right = found == (self.asked,) * len(found)
        return [] if right else [f"{found} checkouts, redemptions, lines, not {self.asked} each"]

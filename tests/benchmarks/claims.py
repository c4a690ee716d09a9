"""Requests to pay that phones have claimed: all that stands before an approval."""

import itertools
from time import perf_counter

from django.utils import timezone

from issuers.models import Authorisation
from settlement.models import Payment, Transfer
from settlement.services import ledger, payments
from tests.factories import requests as made

AMOUNT = 1000
BALANCE = 10**11


class Claims:
    """Tills and payers; each payment is of another pair, in turn."""

    def __init__(self, *, tills, payers):
        at = timezone.now()
        self.tills = [made.terminal() for _ in range(tills)]
        of = made.programme_without_velocity(at=at)
        self.payers = [made.payer(balance=BALANCE, of=of, at=at) for _ in range(payers)]
        self._pairs = itertools.cycle(
            (self.tills[number % tills], self.payers[number]) for number in range(payers)
        )
        self.approved = 0
        self._before = self._held()

    def ready(self, count):
        """Return ``count`` claimed requests, each with its phone and the customer's consent."""
        at, ready = timezone.now(), []
        for _ in range(count):
            till, payer = next(self._pairs)
            request = payer.claims(till.asks(AMOUNT, at=at), at=at)
            ready.append((payer.phone, request.tid, payer.consent(request)))
        return ready

    def approve(self, ready):
        """Approve what is ready; return how many that is a second."""
        at, begun = timezone.now(), perf_counter()
        for phone, tid, consent in ready:
            payments.approve(device=phone, tid=tid, consent=consent, at=at)
        self.approved += len(ready)
        return len(ready) / (perf_counter() - begun)

    def faults(self):
        """Return what is wrong: an approval too many or too few, or books that do not add up."""
        grown = [now - before for now, before in zip(self._held(), self._before, strict=True)]
        right = grown == [self.approved] * len(grown)
        told = [] if right else [f"{grown} payments, transfers, words, not {self.approved} each"]
        return [*told, *ledger.check()]

    def _held(self):
        return (
            Payment.objects.filter(channel="TID", state="APPROVED").count(),
            Transfer.objects.filter(code="ONLINE_SALE").count(),
            Authorisation.objects.filter(decline_reason="").count(),
        )

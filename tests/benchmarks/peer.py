"""The peer of A1: django-hordak, the Django ledger, through its own public call.

One client posts one two-leg transfer after the other, each a transaction of its own, as
``transfer_to`` makes it. It does less than ours does: no evidence, no deduplication, no positions,
no events; its tables start empty.
"""

import itertools
from importlib.metadata import version
from time import perf_counter

from hordak.models import Account, AccountType, Leg, Transaction
from moneyed import Money

NAME = f"django-hordak {version('django-hordak')}, one client, autocommit"
_CARDS, _SHOPS = 50, 20
_AMOUNT = Money(1000, "KRW")


class Peer:
    """Accounts of cards and shops, between which payments are posted in turn."""

    def __init__(self):
        self._cards = itertools.cycle([_account(f"Card {n}") for n in range(_CARDS)])
        self._shops = itertools.cycle([_account(f"Shop {n}") for n in range(_SHOPS)])
        self._before = Transaction.objects.count(), Leg.objects.count()
        self._posted = 0

    def post(self, count):
        """Post ``count`` payments; return how many that is a second."""
        begun = perf_counter()
        for _ in range(count):
            next(self._cards).transfer_to(next(self._shops), _AMOUNT)
        self._posted += count
        return count / (perf_counter() - begun)

    def faults(self):
        """Return what is wrong with the peer's own books, for the comparison would be unfair."""
        transactions, legs = self._before
        held = Transaction.objects.count() - transactions, Leg.objects.count() - legs
        due = self._posted, 2 * self._posted
        return [] if held == due else [f"the peer holds {held} transactions and legs, not {due}"]


def _account(name):
    return Account.objects.create(name=name, type=AccountType.liability, currencies=["KRW"])

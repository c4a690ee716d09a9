"""The portal the posting benchmarks share: readers, cards on phones, and a past in its books."""

from datetime import timedelta
from functools import cache
from time import perf_counter
from typing import NamedTuple

from config.models import Event
from settlement.models import AtcSeen, Batch, BatchRecord, ExceptionItem, Payment, Transfer
from settlement.services import evidence, posting
from tests.benchmarks import past, people

_OPENING = people.START - timedelta(hours=23)  # of the readers: the first tap comes after it
_COUNTED = {
    "payments": Payment,
    "atcs": AtcSeen,
    "records": BatchRecord,
    "transfers": Transfer,
    "events": Event,
    "exceptions": ExceptionItem,
}


class Posted(NamedTuple):
    """How long one joined posting took, after its uploads: in seconds, for ``records``."""

    records: int
    verifying_s: float
    posting_s: float

    @property
    def records_per_s(self):
        """Return how many verified records a second were posted."""
        return self.records / self.posting_s


class Books:
    """Readers that upload, cards that pay at them in turn, and a portal with a past."""

    def __init__(self, *, tills, records, cards, payments, indexes_last=False):
        self.records = records  # in one upload
        self.joined = tills * records  # in one posting
        self.tills, self.cards = people.tills(tills), people.cards(cards)
        self._turn = 0
        self.payments = past.fill(
            tills=self.tills, cards=self.cards, payments=payments, indexes_last=indexes_last
        )

    def conditions(self):
        """Return the sizes, for the conditions of a benchmark."""
        return {
            "payments_before": self.payments,
            "readers": len(self.tills),
            "records_per_upload": self.records,
            "joined_records": self.joined,
            "cards": len(self.cards),
        }

    def sale(self, till):
        """
        Return a sale at ``till``, signed by the next card in turn.

        Time goes on with the sales, a second for one of every reader: a sale older than its
        reader's last batch would be doubted, and an exception opened for it.
        """
        self._turn += 1
        till.now = _OPENING + timedelta(seconds=self._turn // len(self.tills))
        assert till.now < people.START, "more sales than fit into the day before the posting"
        return self.cards[self._turn % len(self.cards)].sale(till, 1000)

    def upload(self, *, uploads=1):
        """Upload so many batches of every reader; return the ids of all that wait."""
        for till in self.tills * uploads:
            till.upload(*[self.sale(till) for _ in range(self.records)])
        return list(Batch.objects.filter(state=Batch.State.RECEIVED).values_list("pk", flat=True))

    def post_joined(self, *, uploads=1):
        """Upload from every reader, then verify all of it, then post all of it together."""
        waiting = self.upload(uploads=uploads)
        begun = perf_counter()
        proven = evidence.gather(batch_ids=waiting)
        verified = perf_counter()
        assert posting.post(batches=proven, at=people.START) == len(waiting)
        return Posted(self.joined, verified - begun, perf_counter() - verified)


@cache
def opened(*, short):
    """Return the books of this run, opened once: small ones where it is ``short``."""
    if short:
        return Books(tills=4, records=25, cards=40, payments=2_000)
    return Books(tills=20, records=500, cards=5_000, payments=1_000_000)


def counts():
    """Return how many rows of each kind the portal holds."""
    return {name: model.objects.count() for name, model in _COUNTED.items()}


def not_grown(before, *, records, batches):
    """Return what did not grow since ``before`` as posting so many good sales must make it."""
    now = counts()
    wanted = dict.fromkeys(before, records) | {"events": records + batches, "exceptions": 0}
    return [
        f"{name}: {now[name] - count} new rows, not {wanted[name]}"
        for name, count in before.items()
        if now[name] - count != wanted[name]
    ]

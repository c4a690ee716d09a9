"""A1: posting verified offline records, against a plain two-leg ORM posting in the same run."""

import itertools
import statistics
from time import perf_counter

from config import references
from settlement.models import Batch
from settlement.services import evidence, ledger, posting
from tests.benchmarks import peer, people

TITLE = "posting verified offline records / plain two-leg ORM posting"
GOAL = 50.0
_TILLS, _RECORDS, _CARDS, _PEER = 20, 500, 2000, 1000


def run(*, rounds):
    """Alternate ours and the peer's; return rates per second, seconds per 1,000, and the ratio."""
    peer.create()
    tills, cards = people.tills(_TILLS), itertools.cycle(people.cards(_CARDS))
    _ours(tills, cards)
    measured = [(*_ours(tills, cards), _peers()) for _ in range(rounds)]
    assert ledger.check() == [], "the ledger does not add up"
    verified, ours, peers = (statistics.median(column) for column in zip(*measured, strict=True))
    ratios = [posted / theirs for _verified, posted, theirs in measured]
    return {
        "title": TITLE,
        "goal": GOAL,
        "ratio": round(statistics.median(ratios), 1),
        "ratio_range": [round(min(ratios), 1), round(max(ratios), 1)],
        "posted_per_s": round(ours),
        "peer_per_s": round(peers),
        "verified_per_s": round(verified),
        "posting_s_per_1000": round(1000 / ours, 4),
        "verifying_s_per_1000": round(1000 / verified, 4),
        "records": _TILLS * _RECORDS,
        "readers": _TILLS,
        "rounds": rounds,
    }


def _ours(tills, cards):
    """Upload, verify and post; return how many records a second were verified, and posted."""
    for till in tills:
        till.upload(*[next(cards).sale(till, 1000) for _ in range(_RECORDS)])
    waiting = list(Batch.objects.filter(state="RECEIVED").values_list("pk", flat=True))
    begun = perf_counter()
    proven = evidence.gather(batch_ids=waiting)
    verified = perf_counter()
    assert posting.post(batches=proven, at=people.START) == _TILLS
    posted = perf_counter()
    count = _TILLS * _RECORDS
    return count / (verified - begun), count / (posted - verified)


def _peers():
    named = [references.new("PAY") for _ in range(_PEER)]
    begun = perf_counter()
    peer.post(references=named, at=people.START)
    return _PEER / (perf_counter() - begun)

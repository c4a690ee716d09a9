"""B4: from the sequencer's publish to the frame at a shop's socket, against bare publish/subscribe.

Both sides have the same approvals at the same pace beside them, the same server, and one blocking
Python client.
"""

import statistics
from bisect import bisect_left
from time import perf_counter
from typing import NamedTuple

from django.utils import timezone

from config.audit import SYSTEM
from merchants.services import api_keys
from tests.benchmarks import pushed, served
from tests.benchmarks.claims import Claims
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "p99 from the sequencer's publish to the frame / p99 of a bare publish and subscribe"
GOAL = Goal(goal=3, required=3, higher_is_better=False)
_COUNT, _SHORT = 500, 20
_PER_S = 50
_WARM_UP, _WARM_UP_S = 16, 0.5


class Framed(NamedTuple):
    """The frames of one round, and when the approval of each T-ID had committed."""

    frames: list[pushed.Frame]
    committed: dict[str, float]


def run(*, rounds, short):
    """Approve at an even pace at one shop, where one client hears of it, or of bare messages."""
    count = _SHORT if short else _COUNT
    claims = Claims(tills=1, payers=8)
    merchant = claims.tills[0].place.merchant
    token = api_keys.make(merchant=merchant, name="Screen", actor=SYSTEM, at=timezone.now())
    faults, sizes = [], []

    with served.portal("sockets") as portal, pushed.sequencing() as published:

        def ours():
            framed = _framed(portal, claims, token, count)
            sizes.append(max(frame.size for frame in framed.frames))
            return framed

        measured = alternate(
            rounds=rounds, ours=ours, peer=lambda: _bare(claims, count, size=sizes[-1])
        )
    to_frame = [_from_publish(own, published, merchant.reference) for own, _bare in measured]
    for own, bare in measured:
        faults += faults_of(own, bare, count=count)
    commits = [_from_commit(own) for own, _bare in measured]
    return Measured(
        ratios=[_p99(own) / _p99(bare) for own, (_, bare) in zip(to_frame, measured, strict=True)],
        rows_checked=sum(len(own.frames) + len(bare) for own, bare in measured),
        faults=[*faults, *claims.faults()],
        figures={
            **_told("publish_to_frame", to_frame),
            **_told("bare", [bare for _, bare in measured]),
            **_told("commit_to_frame", commits),
        },
        conditions={
            "approvals": count,
            "per_s": _PER_S,
            "sockets": 1,
            "message_bytes": sizes[-1],
        },
    )


def _framed(portal, claims, token, count):
    warm = iter(claims.ready(_WARM_UP))
    ready, committed = claims.ready(count), {}
    with pushed.listening(f"{portal.sockets}/ws/v1/merchant/payments", token) as client:
        while not client.poll(_WARM_UP_S):
            claims.approve([next(warm)])
        client.recv()
        client.send([tid for _phone, tid, _consent in ready])
        client.recv()
        for each in pushed.at_pace(ready, per_s=_PER_S):
            claims.approve([each])
            committed[each[1]] = perf_counter()
        frames = client.recv()
    return Framed([frame for frame in frames if frame.tid in committed], committed)


def _bare(claims, count, *, size):
    """Return how long each of ``count`` bare messages took, in seconds."""
    ready, sent = claims.ready(count), []
    publish = pushed.publisher(size)
    with pushed.subscribing(count) as client:
        for each in pushed.at_pace(ready, per_s=_PER_S):
            claims.approve([each])
            sent.append(publish())
        came = client.recv()
    return [arrived - at for at, arrived in zip(sent, came, strict=False)]


def _from_publish(own, published, scope):
    """Return how long each frame took from the publish of the first hint that covers it."""
    heads = [(told[scope], at) for told, at in published if scope in told]
    numbers = [seq for seq, _at in heads]
    return [frame.at - heads[bisect_left(numbers, frame.seq)][1] for frame in own.frames]


def _from_commit(own):
    return [frame.at - own.committed[frame.tid] for frame in own.frames]


def faults_of(own, bare, *, count):
    """Return what is wrong: not one frame an approval, once and in order, or a message lost."""
    numbers = [frame.seq for frame in own.frames]
    told = []
    if {frame.tid for frame in own.frames} != set(own.committed) or len(numbers) != count:
        told.append(f"{len(numbers)} frames, not one for each of {count} approvals")
    if numbers != sorted(set(numbers)):
        told.append("frames came twice, or out of order")
    if len(bare) != count:
        told.append(f"{len(bare)} bare messages, not {count}")
    return told


def _p99(delays_s):
    return statistics.quantiles(delays_s, n=100, method="inclusive")[98]


def _told(name, rounds):
    p50 = statistics.median(statistics.median(each) for each in rounds)
    p99 = statistics.median(_p99(each) for each in rounds)
    return {f"{name}_p50_ms": round(1000 * p50, 2), f"{name}_p99_ms": round(1000 * p99, 2)}

"""How many datagrams a key or a network may cost us: the generic cell rate algorithm.

One moment is kept for each: when all that came so far would have been due at the even rate (ITU-T
I.371, annex A). It is as exact as a token bucket and takes no refilling.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

_NETWORKS_MAX: Final = 10_000


class Pace(NamedTuple):
    """Seconds between two at the even rate, and how many seconds' worth may come at once."""

    every_s: float
    burst_s: float

    @classmethod
    def of(cls, *, per_s: float, burst: float) -> "Pace":
        """Return the pace of ``per_s`` datagrams a second, ``burst`` of them at once."""
        return cls(every_s=1 / per_s, burst_s=burst / per_s)


class Networks:
    """What came in vain from each network (/24, or /56 of IPv6): charged, and barred above a pace.

    ``barred`` is empty while every network keeps the pace, which is all the receive loop looks at.
    """

    def __init__(self, *, pace: Pace, most: int = _NETWORKS_MAX) -> None:
        self._pace, self._most = pace, most
        self._due_at: dict[str, float] = {}
        self.barred: dict[str, float] = {}  # until when

    def charge(self, *, address: str, at: float) -> bool:
        """Charge one datagram at ``at`` (s); say whether the network still keeps the pace."""
        network = network_of(address)
        due_at = max(self._due_at.get(network, 0.0), at)
        if due_at - at > self._pace.burst_s:
            self.barred[network] = at + self._pace.every_s
            return False
        if network not in self._due_at and len(self._due_at) >= self._most:
            self._forget(at)
        self._due_at[network] = due_at + self._pace.every_s
        return True

    def is_barred(self, *, address: str, at: float) -> bool:
        """Say whether what comes from there at ``at`` (s) is to be dropped unread."""
        network = network_of(address)
        until = self.barred.get(network)
        if until is None:
            return False
        if at < until:
            return True
        self.barred.pop(network, None)
        return False

    def _forget(self, at: float) -> None:
        """Forget whoever owes nothing; when too many owe, all: memory stays bounded."""
        owing = {network: due for network, due in self._due_at.items() if due > at}
        self._due_at = owing if len(owing) < self._most else {}


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return the network an address lies in: 24 bits of IPv4, 56 of IPv6."""
    if ":" not in address:
        return address.rpartition(".")[0]
    packed = ip_address(address.partition("%")[0]).packed
    mapped = packed[:12] == bytes(10) + b"\xff\xff"
    return packed[:15].hex() if mapped else packed[:7].hex()

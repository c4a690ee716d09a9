"""The blacklists a reader holds, one per issuer, and how old each is (protocol section 5.1)."""

from dataclasses import dataclass
from typing import Any, Self

from config.wire import b64, trust
from issuers.wire import BlacklistFile, rice
from issuers.wire.held import HeldBlacklist, WrongDigest


@dataclass(slots=True, kw_only=True)
class _List:
    """``confirmed_at``: when the portal last said this is the current one; None: not to be used.

    ``dropped``: its digest did not fit. On the disk stays the list before, so that a reader does
    not go back even after a restart.
    """

    held: HeldBlacklist
    confirmed_at: int | None = None
    dropped: bool = False
    ask_at: int = 0
    etag: str | None = None


class Blacklists:
    """The lists of all issuers this reader takes cards of. Times are epoch seconds."""

    def __init__(self) -> None:
        self._lists: dict[str, _List] = {}

    def has(self, *, issuer: str, list_number: int) -> bool:
        """Return whether the list held names this credential; one not held names nobody."""
        known = self._lists.get(issuer)
        return known is not None and list_number in known.held

    def knows(self, *, issuer: str) -> bool:
        """Return whether anything was ever heard of that issuer's list."""
        return issuer in self._lists

    def version(self, *, issuer: str) -> int:
        """Return the version held, which is also what to ask with as ``have``; 0 for none."""
        known = self._lists.get(issuer)
        return 0 if known is None else known.held.version

    def versions(self) -> dict[str, int]:
        """Return the version held of every issuer whose list is held."""
        return {
            issuer: known.held.version
            for issuer, known in sorted(self._lists.items())
            if known.confirmed_at is not None
        }

    def is_fresh(self, *, issuer: str, at: int, max_age_s: int) -> bool:
        """Return whether the list held was current less than ``max_age_s`` ago, or just then."""
        known = self._lists.get(issuer)
        if known is None or known.confirmed_at is None:
            return False
        return at - known.confirmed_at <= max_age_s

    def is_due(self, *, issuer: str, at: int) -> bool:
        """Return whether the issuer's minimum wait since the latest file is over."""
        known = self._lists.get(issuer)
        return known is None or at >= known.ask_at

    def etag(self, *, issuer: str) -> str | None:
        """Return the entity tag of the latest file applied, while what it made is still held."""
        known = self._lists.get(issuer)
        return known.etag if known is not None and known.confirmed_at is not None else None

    def confirm(self, *, issuer: str, at: int) -> None:
        """Take the portal's word that what is held is current; also that nothing is listed yet.

        After a list was dropped only a file can make things good again.
        """
        known = self._list(issuer)
        if not known.dropped:
            known.confirmed_at = at

    def apply(self, *, data: bytes, trusted: trust.TrustList, at: int, etag: str | None) -> str:
        """Apply a file and return whose list it is.

        :raises WireError: no trusted key of that issuer signed it
        :raises NotNewer: not above the version held; nothing changed
        :raises WrongBase: a delta on another version; nothing changed
        :raises WrongDigest: the list was dropped, ask with ``have=0``; until then it counts as old
        """
        issuer = BlacklistFile.peek(data).issuer
        key = trusted.key_for(holder=issuer, signed=data, at=at)
        file = BlacklistFile.open(data, public_key=key)
        known = self._list(issuer)
        try:
            known.held.apply(file)
        except WrongDigest:
            known.confirmed_at, known.etag, known.dropped = None, None, True
            raise
        known.dropped = False
        known.confirmed_at, known.etag = at, etag
        known.ask_at = at + file.wait_s
        return issuer

    def _list(self, issuer: str) -> _List:
        return self._lists.setdefault(issuer, _List(held=HeldBlacklist(issuer=issuer)))

    def to_state(self, *, issuer: str) -> dict[str, Any]:
        """Return one issuer's list as JSON-able values, its numbers Rice-coded.

        :raises KeyError: nothing is known of that issuer's list
        """
        known = self._lists[issuer]
        coded = rice.encode(known.held)
        return {
            "issuer": issuer,
            "version": known.held.version,
            "numbers": [coded.k, coded.count, b64.encode(coded.data)],
            "ask_at": known.ask_at,
            "etag": known.etag,
        }

    @classmethod
    def from_state(cls, states: list[dict[str, Any]], *, confirmed: dict[str, int]) -> Self:
        """Return the lists that :meth:`to_state` wrote, with the times of :meth:`confirmations`."""
        lists = cls()
        for state in states:
            k, count, data = state["numbers"]
            numbers = rice.decode(rice.RiceSet(k, count, b64.decode(data)))
            lists._lists[state["issuer"]] = _List(
                held=HeldBlacklist.holding(
                    issuer=state["issuer"], version=state["version"], numbers=numbers
                ),
                confirmed_at=confirmed.get(state["issuer"]),
                ask_at=state["ask_at"],
                etag=state["etag"],
            )
        return lists

    def confirmations(self) -> dict[str, int]:
        """Return when each list held was last current."""
        return {
            issuer: known.confirmed_at
            for issuer, known in self._lists.items()
            if known.confirmed_at is not None
        }

"""The trust list a device holds: whose signature it takes for what, and from when until when.

Several keys may stand for one holder at a time, so that keys can roll (protocol section 3). The key
is found by the kid the signed object names; its window is tested against the device's time,
half-open, and with a day of grace before its beginning: a device whose clock is that far behind
must still pay, and a key that is announced is its holder's already.

A list is the platform's word of one moment: a device takes no older one than it holds, and asks for
it signed by a platform key it already knows, so that each list vouches for the keys of the next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from config.wire import b64, cbor, cose
from config.wire.errors import Malformed, WireError
from config.wire.keys import kid_of

PLATFORM: Final = "platform"
RENEW_EVERY_S: Final = 6 * 60 * 60  # a new key is published long before it signs: this is in time
CLOCK_GRACE_S: Final = 25 * 3600


class Untrusted(WireError):
    """No key of that holder, valid now, made this signature."""


class Outdated(WireError):
    """The configuration is older than one already taken: somebody plays back what was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A public key (65 bytes) of a holder, since and until epoch seconds; None: no end known."""

    holder: str
    public_key: bytes
    since: int = 0
    until: int | None = None

    def holds_at(self, at: int) -> bool:
        """Return whether the key is trusted at ``at``."""
        begun = self.since - CLOCK_GRACE_S <= at
        return begun and (self.until is None or at < self.until)


class TrustList:
    """Keys of the platform and of issuers, by holder and kid.

    ``issued_at``: when the platform drew the list up (epoch seconds); 0 for an enrolment's.
    """

    def __init__(self, *, keys: Iterable[TrustedKey] = (), issued_at: int = 0) -> None:
        self._keys = {(key.holder, kid_of(key.public_key)): key for key in keys}
        self.issued_at = issued_at

    @property
    def holders(self) -> list[str]:
        """Return the issuers the list knows, in order."""
        return sorted({holder for holder, _ in self._keys if holder != PLATFORM})

    def is_due(self, *, at: int) -> bool:
        """Return whether it is time to fetch the list anew; an enrolment's is due at once."""
        return at >= self.issued_at + RENEW_EVERY_S

    def config_path(self, *, at: int) -> str:
        """Return where to ask for the configuration, signed by the platform key known here.

        The newest of those in force is named by its kid: a device that slept through a roll-over
        would not know the key that signs now, but the older one vouches for it.
        """
        known = [
            (key.since, kid)
            for (holder, kid), key in self._keys.items()
            if holder == PLATFORM and key.since <= at and key.holds_at(at)
        ]
        named = f"?key={b64.encode(max(known)[1])}" if known else ""
        return f"/device/config{named}"

    def key_for(self, *, holder: str, signed: bytes, at: int) -> bytes:
        """Return the public key of ``holder`` that ``signed`` (COSE_Sign1) names by its kid.

        :raises Untrusted: none of the holder's keys, or not at this time
        :raises Malformed: not a signed object at all
        """
        key = self._keys.get((holder, cose.parse(signed).kid))
        if key is None or not key.holds_at(at):
            raise Untrusted(f"{holder} has no such key now.")
        return key.public_key

    def open_config(self, *, document: Mapping[str, Any], at: int) -> dict[str, Any]:
        """Return the device configuration that the platform signed; the JSON around it is ignored.

        :raises WireError: the signature is missing or is not the platform's
        :raises Outdated: it was issued before the one this list came with
        """
        signed = document.get("signed")
        if not isinstance(signed, str):
            raise Malformed("The configuration is not signed.")
        data = b64.decode(signed)
        key = self.key_for(holder=PLATFORM, signed=data, at=at)
        content = cbor.decode(cose.verify(data=data, public_key=key))
        if not isinstance(content, dict):
            raise Malformed("The signed configuration is not an object.")
        if _issued(content.get("issued_at")) < self.issued_at:
            raise Outdated("A newer configuration was taken before.")
        return {str(name): value for name, value in content.items()}

    @classmethod
    def of_enrolment(cls, *, platform_key: str, issuers: Iterable[Mapping[str, str]]) -> Self:
        """Return a device's first list, as its enrolment's answer states it (no windows yet)."""
        first = TrustedKey(holder=PLATFORM, public_key=b64.decode(platform_key))
        others = (
            TrustedKey(holder=entry["issuer"], public_key=b64.decode(entry["public_key"]))
            for entry in issuers
        )
        return cls(keys=[first, *others])

    @classmethod
    def of_config(cls, trust: Mapping[str, Any], *, issued_at: str | None = None) -> Self:
        """Return the list of ``GET /api/v1/device/config``.

        ``trust`` is ``{platform: [{public_key, from, until}], issuers: [{issuer, public_key, from,
        until}]}`` with RFC 3339 times; ``issued_at`` is the configuration's own.
        """
        entries = [(PLATFORM, entry) for entry in trust["platform"]]
        entries += [(entry["issuer"], entry) for entry in trust["issuers"]]
        return cls(
            keys=[_trusted(holder, entry) for holder, entry in entries],
            issued_at=_issued(issued_at),
        )

    def to_state(self) -> dict[str, Any]:
        """Return the list as JSON-able values."""
        return {
            "issued_at": self.issued_at,
            "keys": [
                {
                    "holder": key.holder,
                    "public_key": b64.encode(key.public_key),
                    "since": key.since,
                    "until": key.until,
                }
                for key in self._keys.values()
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the list that :meth:`to_state` wrote."""
        return cls(
            issued_at=state["issued_at"],
            keys=[
                TrustedKey(
                    holder=entry["holder"],
                    public_key=b64.decode(entry["public_key"]),
                    since=entry["since"],
                    until=entry["until"],
                )
                for entry in state["keys"]
            ],
        )


def _trusted(holder: str, entry: Mapping[str, Any]) -> TrustedKey:
    until = entry.get("until")
    return TrustedKey(
        holder=holder,
        public_key=b64.decode(entry["public_key"]),
        since=_seconds(entry["from"]),
        until=None if until is None else _seconds(until),
    )


def _issued(text: object) -> int:
    return _seconds(text) if isinstance(text, str) else 0


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())

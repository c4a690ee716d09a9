"""The trust list a device holds: whose signature it takes for what, and from when until when.

Several keys may stand for one holder at a time, so that keys can roll (protocol section 3). The key
is found by the kid the signed object names; its window is tested against the device's time,
half-open.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from config.wire import b64, cbor, cose
from config.wire.errors import Malformed, WireError
from config.wire.keys import kid_of

PLATFORM: Final = "platform"


class Untrusted(WireError):
    """No key of that holder, valid now, made this signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A public key (65 bytes) of a holder, since and until epoch seconds; None: no end known."""

    holder: str
    public_key: bytes
    since: int = 0
    until: int | None = None

    def holds_at(self, at: int) -> bool:
        """Return whether the key is trusted at ``at``."""
        return self.since <= at and (self.until is None or at < self.until)


class TrustList:
    """Keys of the platform and of issuers, by holder and kid."""

    def __init__(self, *, keys: Iterable[TrustedKey] = ()) -> None:
        self._keys = {(key.holder, kid_of(key.public_key)): key for key in keys}

    @property
    def holders(self) -> list[str]:
        """Return the issuers the list knows, in order."""
        return sorted({holder for holder, _ in self._keys if holder != PLATFORM})

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
        """
        signed = document.get("signed")
        if not isinstance(signed, str):
            raise Malformed("The configuration is not signed.")
        data = b64.decode(signed)
        key = self.key_for(holder=PLATFORM, signed=data, at=at)
        content = cbor.decode(cose.verify(data=data, public_key=key))
        if not isinstance(content, dict):
            raise Malformed("The signed configuration is not an object.")
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
    def of_config(cls, trust: Mapping[str, Any]) -> Self:
        """Return the list of ``GET /api/v1/device/config``.

        ``trust`` is ``{platform: [{public_key, from, until}], issuers: [{issuer, public_key, from,
        until}]}`` with RFC 3339 times.
        """
        entries = [(PLATFORM, entry) for entry in trust["platform"]]
        entries += [(entry["issuer"], entry) for entry in trust["issuers"]]
        return cls(keys=[_trusted(holder, entry) for holder, entry in entries])

    def to_state(self) -> list[dict[str, Any]]:
        """Return the list as JSON-able values."""
        return [
            {
                "holder": key.holder,
                "public_key": b64.encode(key.public_key),
                "since": key.since,
                "until": key.until,
            }
            for key in self._keys.values()
        ]

    @classmethod
    def from_state(cls, state: Iterable[Mapping[str, Any]]) -> Self:
        """Return the list that :meth:`to_state` wrote."""
        return cls(
            keys=[
                TrustedKey(
                    holder=entry["holder"],
                    public_key=b64.decode(entry["public_key"]),
                    since=entry["since"],
                    until=entry["until"],
                )
                for entry in state
            ]
        )


def _trusted(holder: str, entry: Mapping[str, Any]) -> TrustedKey:
    until = entry.get("until")
    return TrustedKey(
        holder=holder,
        public_key=b64.decode(entry["public_key"]),
        since=_seconds(entry["from"]),
        until=None if until is None else _seconds(until),
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())

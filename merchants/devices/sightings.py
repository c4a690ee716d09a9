"""What this reader itself has seen of each card: a clone forgets its counters, the reader does not.

Counted by list number within the contact-by window of the certificate shown, that is since its
``issued``; the split-sale sum by card over a window of the merchant's. Epoch seconds, minor units.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from config.wire import b64
from issuers.wire import CardCertificate
from wallets.wire import OfflineRecord


@dataclass(slots=True, kw_only=True)
class _Sighting:
    issuer: str
    list_number: int
    atc: int
    amount_minor: int
    at: int
    forget_at: int
    voided: bool = False
    settled: bool = False  # the issuer has counted it: it no longer counts here


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the reader knows of one card at one time; ``latest_atc`` is -1 for a new face."""

    uses: int = 0
    amount_minor: int = 0
    split_minor: int = 0
    latest_atc: int = -1


class Sightings:
    """Approved offline sales of each card at this reader, as long as they can count."""

    def __init__(self) -> None:
        self._by_card: dict[bytes, list[_Sighting]] = {}

    def of(self, certificate: CardCertificate, *, at: int, split_window_s: int) -> Seen:
        """Return what was seen of the card that ``certificate`` names, at the time ``at``."""
        of_card = self._by_card.get(certificate.card_token, [])
        of_number = [
            sighting
            for sighting in of_card
            if (sighting.issuer, sighting.list_number)
            == (certificate.issuer, certificate.list_number)
        ]
        counted = [
            sighting
            for sighting in of_number
            if sighting.at >= certificate.issued and not sighting.settled
        ]
        return Seen(
            uses=len(counted),
            amount_minor=sum(sighting.amount_minor for sighting in counted),
            split_minor=sum(
                sighting.amount_minor
                for sighting in of_card
                if not sighting.voided and sighting.at > at - split_window_s
            ),
            latest_atc=max((sighting.atc for sighting in of_number), default=-1),
        )

    def add(self, *, record: OfflineRecord, certificate: CardCertificate) -> None:
        """Remember an approved sale.

        It is kept for one window's length from now: no certificate that was issued before the sale
        runs longer than that, so none that counts it is left afterwards.
        """
        window_s = certificate.profile.contact_by - certificate.issued
        of_card = self._by_card.setdefault(certificate.card_token, [])
        of_card.append(
            _Sighting(
                issuer=certificate.issuer,
                list_number=certificate.list_number,
                atc=record.atc,
                amount_minor=record.amount,
                at=record.at,
                forget_at=record.at + window_s,
            )
        )

    def take_back(self, *, card_token: bytes, atc: int) -> None:
        """Forget a sale whose approval was never given."""
        of_card = self._by_card[card_token]
        self._by_card[card_token] = [sighting for sighting in of_card if sighting.atc != atc]

    def set_voided(self, *, card_token: bytes, atc: int, voided: bool) -> None:
        """Mark a sale voided: it no longer counts as part of a split sale; its use still does."""
        for sighting in self._by_card.get(card_token, []):
            if sighting.atc == atc:
                sighting.voided = voided

    def settle(self, *, record: OfflineRecord, certificate: CardCertificate) -> None:
        """Remember a tap the issuer itself approved: it resets the card's counters, so do we.

        The ATCs stay known, and so does what a split sale is made of.
        """
        self.add(record=record, certificate=certificate)
        for sighting in self._by_card[certificate.card_token]:
            sighting.settled = sighting.settled or sighting.atc <= record.atc

    def forget(self, *, at: int) -> None:
        """Drop what no certificate can count any more."""
        kept = {
            card: [sighting for sighting in of_card if sighting.forget_at > at]
            for card, of_card in self._by_card.items()
        }
        self._by_card = {card: of_card for card, of_card in kept.items() if of_card}

    def to_state(self) -> list[dict[str, Any]]:
        """Return the sightings as JSON-able values."""
        return [
            asdict(sighting) | {"card": b64.encode(card)}
            for card, of_card in self._by_card.items()
            for sighting in of_card
        ]

    @classmethod
    def from_state(cls, state: Iterable[dict[str, Any]]) -> Self:
        """Return the sightings that :meth:`to_state` wrote."""
        sightings = cls()
        for entry in state:
            values = dict(entry)
            card = b64.decode(values.pop("card"))
            sightings._by_card.setdefault(card, []).append(_Sighting(**values))
        return sightings

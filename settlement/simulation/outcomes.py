"""What a run came to, counted from its journals and the books; the checker judges it apart."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from config.audit import SYSTEM
from issuers.models import BlacklistEntry, Card
from issuers.selectors import card_of
from settlement.models import Payment
from settlement.simulation import journal
from settlement.simulation.children import Answer
from settlement.simulation.journal import Entry

type _Sale = tuple[int, str, str, int]

_SALE_ENDS = ("amount_minor", "state", "bearer", "card_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts by reason. ``end`` is a digest over every outcome: one seed, one end."""

    payments: int
    posted: int
    online: int
    declined: dict[str, int]
    rejected: dict[str, int]
    bearers: dict[str, int]
    faults: dict[str, int]
    sales: dict[str, int]
    end: str

    @classmethod
    def of(
        cls,
        *,
        folder: Path,
        taps: Mapping[int, Answer],
        readers: Sequence[str],
        cards: Iterable[str],
        tills: Sequence[str] = (),
    ) -> Self:
        """Count the run whose journals lie in ``folder``; devices and cards: references."""
        entries = [entry for path in sorted(folder.glob("*.jsonl")) for entry in journal.read(path)]
        books = list(Payment.objects.filter(device__reference__in=readers).values_list(*_SALE_ENDS))
        held = [card_of(reference=card) for card in cards]
        return cls(
            payments=len(taps),
            posted=len(books),
            online=sum(bool(entry.get("online")) for entry in entries if _approved(entry)),
            declined=_counted(
                told["code"] for told in taps.values() if told["state"] in {"declined", "refused"}
            ),
            rejected=_counted(_rejections(entries)),
            bearers=_counted(bearer for _amount, _state, bearer, _card in books),
            faults=_counted(entry["result"] for entry in entries if entry["op"] == "fault"),
            sales=_counted(
                Payment.objects.filter(device__reference__in=tills).values_list("state", flat=True)
            ),
            end=_end(taps, books, held),
        )

    def answer(self) -> dict[str, Any]:
        """Return it as ``simulate`` prints it (protocol §9, and what else a reader asks)."""
        return {
            "payments": self.payments,
            "posted": self.posted,
            "online": self.online,
            "declined": sum(self.declined.values()),
            "faults": sum(self.faults.values()),
            "declined_by": self.declined,
            "rejected_by": self.rejected,
            "borne_by": self.bearers,
            "faults_by": self.faults,
            "sales_by": self.sales,
            "end": self.end,
        }


def _approved(entry: Entry) -> bool:
    said: tuple[str, str] = (entry["op"], entry["result"])
    return said == ("tap", "approved")


def _rejections(entries: Iterable[Entry]) -> Iterable[str]:
    for entry in entries:
        for record in entry.get("records", ()) if entry["op"] == "upload" else ():
            if record["state"] == "REJECTED":
                yield record["reason"]


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _end(taps: Mapping[int, Answer], books: Sequence[_Sale], cards: Sequence[Card]) -> str:
    """
    Return the SHA-256 over what every tap, payment and card came to, names left out.

    A reserve is left out too: how far it is filled up again depends on what was posted first. So
    does who bears the sales of a card that the portal lists by itself, once its copy was posted.
    """
    raced = set(
        BlacklistEntry.objects.filter(card__in=cards, listed_by=SYSTEM.name).values_list(
            "card", flat=True
        )
    )
    sold = sorted(
        (amount, state, "" if card in raced else bearer) for amount, state, bearer, card in books
    )
    told = [
        (number, tap["state"], tap["code"] if tap["state"] in {"declined", "refused"} else "")
        for number, tap in sorted(taps.items())
    ]
    held = [_position(card, is_raced=card.pk in raced) for card in cards]
    text = json.dumps([told, sold, held], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _position(card: Card, *, is_raced: bool) -> tuple[str, int, int]:
    balance_minor = 0 if is_raced else card.account.balance_minor
    return (card.state, balance_minor, card.account.held_minor)

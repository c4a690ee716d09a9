"""What is left after a run: the devices' journals, and what the database says of the same acts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from config.models import Event
from config.wire import b64
from issuers.models import BlacklistDownload, BlacklistVersion
from settlement.models import LedgerAccount, Payment, Transfer
from settlement.services import ledger
from settlement.simulation import journal
from settlement.simulation.casting import Cast
from settlement.simulation.journal import Entry
from settlement.simulation.performance import Listing, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A payment in the books. ``paid_minor`` is what its transfers left with the merchant."""

    serial: str
    atc: int
    amount_minor: int
    state: str
    bearer: str
    paid_minor: int
    history: tuple[str, ...]  # types of its events, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the checks look at; ``readers`` and ``downloads`` by device reference."""

    issuer: str
    readers: dict[str, list[Entry]]
    phones: list[Entry]
    listings: list[Listing]
    changed_answers: int
    payments: list[Posted]
    books: list[str]  # what is wrong with ledger and positions, one line each
    downloads: dict[str, list[int]]
    published: list[int]
    newest_listed: int


def gather(*, folder: Path, cast: Cast, outcome: Outcome) -> Evidence:
    """Read journals and database; all rows as of one moment, for the demo's own traffic goes on."""
    readers = {
        device: list(journal.read(folder / f"reader-{number}.jsonl"))
        for number, device in enumerate(cast.readers)
    }
    phones = list(journal.read(folder / "phones.jsonl"))
    changes = [each.removed_in or each.added_in for each in outcome.listings]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return Evidence(
            issuer=cast.issuer,
            readers=readers,
            phones=phones,
            listings=outcome.listings,
            changed_answers=outcome.changed_answers,
            payments=_payments(cast.readers),
            books=[*ledger.check(), *_positions()],
            downloads=_downloads(cast),
            published=_published(cast.issuer),
            newest_listed=max(changes, default=0),
        )


def _payments(readers: Iterable[str]) -> list[Posted]:
    rows = list(
        Payment.objects.filter(device__reference__in=readers)
        .order_by("pk")
        .values_list(
            "pk", "reference", "credential__serial", "atc", "amount_minor", "state", "bearer"
        )
    )
    paid = _paid(row[0] for row in rows)
    histories = _histories(row[1] for row in rows)
    return [
        Posted(
            serial=b64.encode(bytes(serial or b"")),
            atc=atc or 0,
            amount_minor=amount_minor,
            state=state,
            bearer=bearer,
            paid_minor=paid[pk],
            history=tuple(histories[reference]),
        )
        for pk, reference, serial, atc, amount_minor, state, bearer in rows
    ]


def _paid(payments: Iterable[int]) -> dict[int, int]:
    """Return by payment what its transfers credited to merchants, less what they took back."""
    paid: dict[int, int] = defaultdict(int)
    rows = Transfer.objects.filter(payment__in=list(payments)).values_list(
        "payment", "credit__kind", "debit__kind", "amount_minor"
    )
    for payment, credited, debited, amount_minor in rows:
        assert payment is not None, "they were asked for by their payments"
        paid[payment] += amount_minor * (credited == LedgerAccount.Kind.MERCHANT)
        paid[payment] -= amount_minor * (debited == LedgerAccount.Kind.MERCHANT)
    return paid


def _histories(references: Iterable[str]) -> dict[str, list[str]]:
    histories: dict[str, list[str]] = defaultdict(list)
    rows = Event.objects.filter(subject__in=list(references)).order_by("pk")
    for subject, kind in rows.values_list("subject", "type"):
        histories[subject].append(kind)
    return histories


def _downloads(cast: Cast) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {device: [] for device in cast.readers}
    rows = BlacklistDownload.objects.filter(
        device__reference__in=cast.readers, issuer__reference=cast.issuer
    ).order_by("pk")
    for device, version in rows.values_list("device__reference", "version"):
        found[device].append(version)
    return found


def _published(issuer: str) -> list[int]:
    rows = BlacklistVersion.objects.filter(issuer__reference=issuer).order_by("pk")
    return list(rows.values_list("version", flat=True))


def _positions() -> list[str]:
    """Return the accounts whose holds or reserve are not what their documents add up to."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS)
        return [str(row[0]) for row in cursor.fetchall()]


_POSITIONS = """
SELECT format('account %s: holds %s of %s, reserve %s of %s', a.reference,
              a.held_minor, COALESCE(h.minor, 0), a.offline_reserve_minor, COALESCE(r.minor, 0))
  FROM issuers_account a
  LEFT JOIN (SELECT account_id, sum(amount_minor) AS minor FROM issuers_hold
              WHERE state = 'HELD' GROUP BY account_id) h ON h.account_id = a.id
  LEFT JOIN (SELECT k.account_id, sum(c.reserve_minor) AS minor
               FROM issuers_credential c JOIN issuers_card k ON k.id = c.card_id
              GROUP BY k.account_id) r ON r.account_id = a.id
 WHERE a.held_minor <> COALESCE(h.minor, 0)
    OR a.offline_reserve_minor <> COALESCE(r.minor, 0)
"""

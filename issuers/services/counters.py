"""Counter resets (protocol §5.2, action 3): what was posted is taken off a phone's own counts.

A phone counts uses and amount from reset to reset. The portal keeps beside each credential what of
that has been posted since; a reset takes exactly this off again and fills the reserve up to match,
so that what a phone may still spend offline is always set aside. An approval online takes off what
the phone counted, records among it that no reader has sent yet: these stay reserved on top, until
they post. Locks: cards, then accounts; a credential's counts only move under its account's lock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from config import arrays, pipeline
from config.models import Device
from config.pipeline import Answer, Statement
from config.wire import cbor
from issuers.models import Account, Card, Credential, Debt, OtaCommand
from issuers.services import commands
from issuers.services.credentials import RESERVE_KEPT

_AT_ONCE = 500


class _Claim(NamedTuple):
    """What one reset is to take off: the ATC it reaches up to, uses, minor units.

    ``unsent_minor``: what of the amount no record that came yet accounts for.
    """

    up_to_atc: int
    uses: int
    amount_minor: int
    unsent_minor: int = 0


@transaction.atomic(savepoint=False)
def reset(
    *,
    credential_id: int,
    up_to_atc: int,
    uses: int,
    amount_minor: int,
    at: datetime,
    known_minor: int = 0,
) -> list[OtaCommand]:
    """Queue a reset that takes ``uses`` and ``amount_minor`` off the phone's counts.

    ``known_minor``: what of that was decided on online, paid or declined; what neither this nor a
    posting accounts for was spent offline, and its records are on their way.
    The reserve is filled up again to min(stated cumulative cap and what is on its way, available +
    what is left of it), so that a record that posts after the reset is covered as before it.
    Where the account cannot back the whole, only the backed part of the amount (minor units) is
    taken off and the rest waits for the next reset. The same ATC, or one before it, again does
    nothing; neither does a card that is not active, a certificate that has ended or an account
    that owes. A renewed certificate's reset is that of the one that took over, for the phone's
    counts went on.
    """
    own = Credential.objects.filter(pk=credential_id)
    held = own.values_list(Coalesce("renewed_by_id", "pk"))
    wanted = _usable(at).filter(pk__in=held, reset_atc__lt=up_to_atc)
    spent_minor = max(0, amount_minor - known_minor)
    return _queue(
        [
            (one, _Claim(up_to_atc, uses, amount_minor, max(0, spent_minor - one.posted_minor)))
            for one in _lock([credential_id], wanted)
        ],
        at,
    )


def sent_since(*, card_id: int, phone_id: int, version: int) -> Statement:
    """Return the statement that asks for the resets the phone has not applied: :func:`on_the_way`.

    ``version``: the newest command version the phone says it applied.
    """
    return Statement(_SENT_SINCE, [card_id, phone_id, OtaCommand.Action.RESET.value, version])


_SENT_SINCE: Final = """
SELECT body FROM issuers_otacommand
 WHERE card_id = %s AND device_id = %s AND action = %s AND version > %s
"""


def on_the_way(answer: Answer) -> tuple[int, int]:
    """Return uses and minor units that resets take off which the phone has not applied yet.

    They still come, and what they take off must not be taken off twice.
    """
    told = [cast("dict[int, int]", cbor.decode(body)) for (body,) in answer.rows]
    return sum(body[2] for body in told), sum(body[3] for body in told)


def reset_posted(*, at: datetime, device: Device | None = None) -> list[OtaCommand]:
    """Queue the due resets of programmes that reset once posted (mission 1.15), at most 500.

    Due is what was posted since the last reset, once no record before the highest posted ATC is
    missing, or once a missing one is too old to be taken still. ``device``: one phone's cards
    alone, at its contact. Other programmes' cards are reset by an approval online.
    """
    wanted = due_at_posting(at=at)
    if device is not None:
        wanted = wanted.filter(device=device)
    return _reset_due(wanted.order_by("posted_since")[:_AT_ONCE], at)


def due_at_posting(*, at: datetime) -> QuerySet[Credential]:
    """Return what :func:`reset_posted` resets."""
    return _due(at).filter(card__programme__reset_on_posting=True)


def _reset_due(wanted: QuerySet[Credential], at: datetime) -> list[OtaCommand]:
    found = list(wanted.values_list("pk", flat=True))
    if not found:
        return []
    with transaction.atomic():
        # Read again under the locks: another worker may have reset some meanwhile.
        locked = _lock(found, _due(at).filter(pk__in=found))
        return _queue([(held, _posted(held)) for held in locked], at)


def _usable(at: datetime) -> QuerySet[Credential]:
    return Credential.objects.filter(
        state=Credential.State.ACTIVE,
        expires_at__gt=at,
        card__state=Card.State.ACTIVE,
        card__account__state=Account.State.OPEN,
        device__state=Device.State.ACTIVE,
    ).exclude(Exists(Debt.objects.filter(account=OuterRef("card__account"), closed_at=None)))


def _due(at: datetime) -> QuerySet[Credential]:
    complete = Q(posted_records__gte=F("posted_atc") - F("reset_atc"))
    too_old = Q(posted_since__lte=at - RESERVE_KEPT)
    account = "card__account__"
    available = F(f"{account}limit_minor") + F(f"{account}balance_minor")
    taken = F(f"{account}held_minor") + F(f"{account}offline_reserve_minor")
    return (
        _usable(at)
        .filter(complete | too_old, posted_since__isnull=False)
        .alias(free_minor=available - taken)
        .filter(Q(posted_uses__gt=0) | Q(posted_minor__gt=0, free_minor__gt=0))
    )


def _posted(held: Credential) -> _Claim:
    reached = max(held.posted_atc, held.reset_atc)
    return _Claim(reached, held.posted_uses, held.posted_minor)


def _lock(credential_ids: Sequence[int], wanted: QuerySet[Credential]) -> list[Credential]:
    """Lock the credentials' cards, then their accounts, and return what is wanted as it stands
    then, with card and account: each is one object, whoever names it.
    """
    ids = arrays.of(credential_ids)
    pipeline.run(Statement(_LOCK_CARDS, [ids]), Statement(_LOCK_ACCOUNTS, [ids]))
    rows = list(wanted.select_related("card__account").order_by("pk"))
    cards: dict[int, Card] = {}
    accounts: dict[int, Account] = {}
    for row in rows:
        row.card = cards.setdefault(row.card_id, row.card)
        row.card.account = accounts.setdefault(row.card.account_id, row.card.account)
    return rows


_LOCK_CARDS: Final = """
SELECT id FROM issuers_card
 WHERE id IN (SELECT card_id FROM issuers_credential WHERE id = ANY(%s::bigint[]))
 ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ACCOUNTS: Final = """
SELECT id FROM issuers_account
 WHERE id IN (SELECT c.account_id FROM issuers_card c JOIN issuers_credential k ON k.card_id = c.id
               WHERE k.id = ANY(%s::bigint[]))
 ORDER BY id FOR NO KEY UPDATE
"""


def _queue(claims: Sequence[tuple[Credential, _Claim]], at: datetime) -> list[OtaCommand]:
    queued = []
    for held, claim in claims:
        backed_minor = _fill(held, held.card.account, claim)
        _take_off(held, claim, backed_minor, at)
        if claim.uses or backed_minor:
            held.card.ota_version += 1
            body: dict[int, int | bytes] = {1: claim.up_to_atc, 2: claim.uses, 3: backed_minor}
            command = commands.drawn_up(
                card=held.card,
                device_id=held.device_id,
                action=OtaCommand.Action.RESET,
                body=body,
                at=at,
            )
            queued.append(command)
    if claims:
        _write([held for held, _claim in claims])
    return OtaCommand.objects.bulk_create(queued)


def _write(rows: Sequence[Credential]) -> None:
    """Write what moved, in one round trip; what each account and card came to is written once."""
    cards = {row.card_id: row.card for row in rows}
    reserves = {card.account_id: card.account.offline_reserve_minor for card in cards.values()}
    versions = {pk: card.ota_version for pk, card in cards.items()}
    counts = arrays.columns(
        [
            (
                row.pk,
                row.reserve_minor,
                row.unsent_minor,
                row.reset_atc,
                row.posted_records,
                row.posted_uses,
                row.posted_minor,
            )
            for row in rows
        ],
        width=7,
    )
    pipeline.run(
        Statement(_WRITE_ACCOUNTS, [arrays.of(reserves), arrays.of(reserves.values())]),
        Statement(_WRITE_CREDENTIALS, [*counts, [row.posted_since for row in rows]]),
        Statement(_WRITE_CARDS, [arrays.of(versions), arrays.of(versions.values())]),
    )


_WRITE_ACCOUNTS: Final = """
UPDATE issuers_account a SET offline_reserve_minor = new.minor
  FROM unnest(%s::bigint[], %s::bigint[]) AS new (id, minor) WHERE a.id = new.id
"""
_WRITE_CREDENTIALS: Final = """
UPDATE issuers_credential c
   SET reserve_minor = new.reserve, unsent_minor = new.unsent, reset_atc = new.atc,
       posted_records = new.records, posted_uses = new.uses, posted_minor = new.minor,
       posted_since = new.since
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::int[],
              %s::bigint[], %s::timestamptz[])
       AS new (id, reserve, unsent, atc, records, uses, minor, since)
 WHERE c.id = new.id
"""
_WRITE_CARDS: Final = """
UPDATE issuers_card c SET ota_version = new.version
  FROM unnest(%s::bigint[], %s::bigint[]) AS new (id, version) WHERE c.id = new.id
"""


def _fill(held: Credential, account: Account, claim: _Claim) -> int:
    """Fill the reserve up and return how much of the claim it then backs, in minor units."""
    held.unsent_minor += claim.unsent_minor
    wanted_minor = held.cumulative_cap_minor + held.unsent_minor
    room = max(0, wanted_minor - held.reserve_minor)
    filled = min(room, max(0, account.available_minor))
    held.reserve_minor += filled
    account.offline_reserve_minor += filled
    return max(0, claim.amount_minor - (room - filled))


def _take_off(held: Credential, claim: _Claim, backed_minor: int, at: datetime) -> None:
    """Note what the phone will have taken off; what nothing backs stays for the next time."""
    owed_minor = claim.amount_minor - backed_minor
    held.reset_atc = max(held.reset_atc, claim.up_to_atc)
    held.posted_records = max(0, held.posted_atc - held.reset_atc)
    held.posted_uses = max(0, held.posted_uses - claim.uses)
    held.posted_minor = max(0, held.posted_minor - claim.amount_minor) + owed_minor
    still = held.posted_uses or held.posted_minor
    held.posted_since = (held.posted_since or at) if still else None

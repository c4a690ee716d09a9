"""Renewal: a new certificate for the key a phone has, sent over the air (protocol §5.2, action 4).

The phone's counts go on, so the reserve moves to the new certificate with what was posted since
the last reset. Locks: cards, accounts, issuers. As with a first certificate, all that it says is
written first; it is signed with nothing locked and leaves with its command, so a crash between
leaves rows that the next run delivers.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet

from config import keys
from config.models import Device
from issuers.models import (
    Account,
    Card,
    Credential,
    Issuer,
    OfflineProfileVersion,
    OtaCommand,
    Programme,
)
from issuers.services import accounts, commands, credentials, profiles

RENEWED_WITHIN = timedelta(days=2)
SEEN_WITHIN = timedelta(days=1)
_AT_ONCE = 200


def renew_due(*, at: datetime) -> int:
    """Renew the active certificates that must end within 2 days; return how many were sent.

    Renewed are those whose contact-by time (never after the end) comes within 2 days, passed ones
    too, on phones heard of within a day. A certificate of so short a life that this holds all the
    time is renewed in the second half of it.
    """
    while _prepare(at) == _AT_ONCE:
        pass
    sent = 0
    while part := _deliver(at):
        sent += part
    return sent


def _due(at: datetime) -> QuerySet[Credential]:
    life = ExpressionWrapper(F("contact_by") - F("issued_at"), output_field=DurationField())
    return Credential.objects.filter(
        state=Credential.State.ACTIVE,
        contact_by__lte=at + RENEWED_WITHIN,
        reserve_released_at=None,
        card__state=Card.State.ACTIVE,
        card__frozen_by_owner_at=None,
        card__account__state=Account.State.OPEN,
        device__state=Device.State.ACTIVE,
        device__seen_at__gte=at - SEEN_WITHIN,
    ).filter(issued_at__lte=at - life / 2)


@transaction.atomic
def _prepare(at: datetime) -> int:
    """Write the successors of some certificates, yet to be signed; return how many."""
    found = dict(_due(at).order_by("contact_by").values_list("pk", "card_id")[:_AT_ONCE])
    if not found:
        return 0
    locked = Card.objects.select_for_update(no_key=True).order_by("pk")
    cards = locked.in_bulk(set(found.values()))
    held = accounts.lock(account_ids=[card.account_id for card in cards.values()])
    # Read again under the locks: another worker may have renewed some meanwhile.
    older = list(
        _due(at).filter(pk__in=found).select_related("card__programme").order_by("issuer", "pk")
    )
    in_force = _profiles({one.card.programme for one in older}, at)
    fresh = [_successor(one, in_force[one.card.programme_id], held, at) for one in older]
    _number(fresh)
    Account.objects.bulk_update(held.values(), ["offline_reserve_minor"])
    Credential.objects.filter(pk__in=[one.pk for one in older]).update(
        state=Credential.State.RETIRED, reserve_minor=0, reserve_released_at=at
    )
    _chain(older, Credential.objects.bulk_create(fresh))
    return len(fresh)


def _profiles(programmes: Iterable[Programme], at: datetime) -> dict[int, OfflineProfileVersion]:
    return {each.pk: profiles.in_force(programme=each, at=at) for each in programmes}


def _successor(
    older: Credential, profile: OfflineProfileVersion, held: dict[int, Account], at: datetime
) -> Credential:
    """Return the credential that takes over. What was posted is on the phone's counts still.

    So the stated cap is what was posted plus what is set aside, up to the profile's; what the old
    certificate allowed stays set aside, for records of its time may still come.
    """
    account = held[older.card.account_id]
    unsent_minor = min(older.unsent_minor, older.reserve_minor)  # reserved for what is on its way
    free_minor = older.reserve_minor - unsent_minor + max(0, account.available_minor)
    cap_minor = min(profile.cumulative_cap_minor, older.posted_minor + free_minor)
    reserve_minor = max(older.reserve_minor, cap_minor - older.posted_minor + unsent_minor)
    account.offline_reserve_minor += reserve_minor - older.reserve_minor
    return Credential(
        issuer_id=older.issuer_id,
        card_id=older.card_id,
        device_id=older.device_id,
        profile=profile,
        serial=secrets.token_bytes(8),
        public_key=older.public_key,
        cumulative_cap_minor=cap_minor,
        reserve_minor=reserve_minor,
        reset_atc=older.reset_atc,
        posted_atc=older.posted_atc,
        posted_records=older.posted_records,
        posted_uses=older.posted_uses,
        posted_minor=older.posted_minor,
        posted_since=older.posted_since,
        since_version=older.since_version,
        unsent_minor=older.unsent_minor,
        **credentials.dates(programme=older.card.programme, profile=profile, at=at),
    )


def _number(fresh: Sequence[Credential]) -> None:
    """Give each the next list number of its issuer: dense, never used before (protocol §5)."""
    wanted = {one.issuer_id for one in fresh}
    locked = Issuer.objects.select_for_update(no_key=True).order_by("pk")
    issuers = locked.in_bulk(wanted)
    for one in fresh:
        issuer = issuers[one.issuer_id]
        one.list_number = issuer.next_list_number
        issuer.next_list_number += 1
    Issuer.objects.bulk_update(issuers.values(), ["next_list_number"])


def _chain(older: Sequence[Credential], fresh: Sequence[Credential]) -> None:
    """Let records of the old certificates, and of those before, draw on the new reserves."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE issuers_credential c SET renewed_by_id = d.fresh
              FROM unnest(%s::bigint[], %s::bigint[]) AS d (older, fresh)
             WHERE c.id = d.older OR c.renewed_by_id = d.older
            """,
            [[one.pk for one in older], [one.pk for one in fresh]],
        )


def _deliver(at: datetime) -> int:
    """Sign some renewed certificates and queue their commands; return how many."""
    unsigned = Credential.objects.filter(
        state=Credential.State.ACTIVE, certificate=None, renews__isnull=False
    )
    found = list(
        unsigned.distinct()
        .select_related("issuer", "profile", "card__programme")
        .order_by("pk")[:_AT_ONCE]
    )
    holders = {one.issuer.reference for one in found}
    signers = {holder: keys.signer(holder=holder, at=at) for holder in holders}
    for one in found:
        one.certificate = credentials.told(credential=one).sign(key=signers[one.issuer.reference])
    _queue(found, at)
    return len(found)


@transaction.atomic
def _queue(signed: Sequence[Credential], at: datetime) -> None:
    locked = Card.objects.select_for_update(no_key=True).order_by("pk")
    cards = locked.in_bulk({one.card_id for one in signed})
    waiting = Credential.objects.filter(
        pk__in=[one.pk for one in signed], certificate=None, state=Credential.State.ACTIVE
    )
    still = set(waiting.values_list("pk", flat=True))
    orders = []
    for one in signed:
        if one.pk in still:
            cards[one.card_id].ota_version += 1
            orders.append(_order(one, cards[one.card_id], at))
    Credential.objects.bulk_update([one for one in signed if one.pk in still], ["certificate"])
    Card.objects.bulk_update(cards.values(), ["ota_version"])
    OtaCommand.objects.bulk_create(orders)


def _order(renewed: Credential, card: Card, at: datetime) -> OtaCommand:
    assert renewed.certificate is not None  # signed just before
    return commands.drawn_up(
        card=card,
        device_id=renewed.device_id,
        action=OtaCommand.Action.CERTIFICATE,
        body={1: bytes(renewed.certificate)},
        at=at,
    )

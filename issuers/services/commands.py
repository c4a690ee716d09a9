"""Over-the-air commands (protocol §5.2): queued with their cause, signed when first sent, pushed
as hints, APPLIED by nothing but the phone's own acknowledgement."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from config import keys, money
from config.looks import Look
from config.models import Alert, Device
from config.refusals import NotFound, Refused
from config.wire import b64, cbor
from config.wire.errors import WireError
from issuers.models import BlacklistEntry, Card, Credential, OtaCommand
from issuers.wire import Acknowledgement, Action, Command

ALERT_KIND = "ota_undelivered"
BACK_OFF_FIRST_S = 30
BACK_OFF_MOST_S = 3600
GIVE_UP_AFTER = timedelta(hours=24)
PAGE = 100  # commands in one answer
_PUSHED_AT_ONCE = 1000
_State = OtaCommand.State
_ON_THE_WAY = (_State.PENDING, _State.SENT)
_NOT_SENT = (_State.PENDING, _State.UNDELIVERED)


class AcknowledgementInvalid(Refused):
    code = "acknowledgement_invalid"
    title = "This is not an acknowledgement signed by this phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A command as it goes to the phone: its ``seq`` and its COSE bytes."""

    seq: int
    command: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What a phone said about one card: where it stands, and what that made APPLIED.

    ``uses`` and ``amount_minor`` count since the last reset, ``told_at`` is the phone's clock.
    """

    card: Card
    credential_id: int | None
    version: int
    atc: int
    uses: int
    amount_minor: int
    told_at: datetime
    applied: int


@transaction.atomic
def queue(
    *,
    card: Card,
    action: OtaCommand.Action,
    at: datetime,
    body: dict[int, int | bytes] | None = None,
    entry: BlacklistEntry | None = None,
    device: Device | None = None,
) -> list[OtaCommand]:
    """Write the next command of ``card`` for ``device``, or for each phone that has the card.

    The card's version rises by one even when no phone has it: a later phone must not take an old
    command for a new one. ``body`` is key 7 of the command, by its CBOR keys.
    """
    held = Card.objects.select_for_update(no_key=True).only("ota_version").get(pk=card.pk)
    card.ota_version = held.ota_version + 1
    Card.objects.filter(pk=card.pk).update(ota_version=card.ota_version)
    phones = [device.pk] if device else _phones_with(card)
    return OtaCommand.objects.bulk_create(
        drawn_up(card=card, device_id=phone, action=action, at=at, body=body, entry=entry)
        for phone in phones
    )


def drawn_up(
    *,
    card: Card,
    device_id: int,
    action: OtaCommand.Action,
    at: datetime,
    body: dict[int, int | bytes] | None = None,
    entry: BlacklistEntry | None = None,
) -> OtaCommand:
    """Return an unsaved command under the version that ``card``, a locked row, now bears."""
    return OtaCommand(
        command_id=secrets.token_bytes(16),
        card=card,
        device_id=device_id,
        entry=entry,
        version=card.ota_version,
        action=action,
        body=cbor.encode(body or {}),
        created_at=at,
        next_attempt_at=at,
    )


def _phones_with(card: Card) -> list[int]:
    active = card.credentials.filter(state=Credential.State.ACTIVE)
    return list(active.order_by("device_id").values_list("device_id", flat=True))


def pending_for(*, device: Device, after: int, at: datetime) -> list[Outgoing]:
    """Return what ``device`` has not seen or not acknowledged, oldest first, and mark it SENT.

    Above ``after``, whatever its state, so that a phone that lost its memory learns where its
    cards stand; up to ``after``, what was never acknowledged (one that committed late has a lower
    number, one that got lost comes again). What was meant for the credential before the one the
    phone has now stays away: an old wipe must not delete a new card. Nothing is locked while the
    issuer's key signs.
    """
    waiting = _waiting(device, after)
    _sign([command for command in waiting if command.signed is None], at)
    fresh = [command.pk for command in waiting if command.state in _NOT_SENT]
    if fresh:
        unsent = OtaCommand.objects.filter(pk__in=fresh, state__in=_NOT_SENT)
        unsent.update(state=_State.SENT, sent_at=at)
    return [Outgoing(seq=command.pk, command=_bytes(command)) for command in waiting]


def _waiting(device: Device, after: int) -> list[OtaCommand]:
    """Return up to a page of what is left up to ``after``, then up to a page of what is above."""
    mine = _meant_for(device).select_related("card__issuer").order_by("id")
    left = list(mine.filter(Q(id__gt=after) | ~Q(state=_State.APPLIED))[: 2 * PAGE])
    early = [command for command in left if command.pk <= after]
    if len(early) > PAGE:
        return early[:PAGE] + list(mine.filter(id__gt=after)[:PAGE])
    return left[: len(early) + PAGE]


def _meant_for(device: Device) -> QuerySet[OtaCommand]:
    newer = Credential.objects.filter(
        card=OuterRef("card"),
        device=device,
        state=Credential.State.ACTIVE,
        since_version__gte=OuterRef("version"),
    )
    return OtaCommand.objects.filter(~Exists(newer), device=device)


def _bytes(command: OtaCommand) -> bytes:
    assert command.signed is not None
    return bytes(command.signed)


def _sign(commands: Sequence[OtaCommand], at: datetime) -> None:
    """Sign what was never sent; of two workers the first to write decides, and both fit."""
    by_issuer: dict[str, list[OtaCommand]] = defaultdict(list)
    for command in commands:
        by_issuer[command.card.issuer.reference].append(command)
    for issuer, unsigned in by_issuer.items():
        key = keys.signer(holder=issuer, at=at)
        for command in unsigned:
            command.signed = _told(command).sign(key=key)
    if commands:
        OtaCommand.objects.filter(signed=None).bulk_update(commands, ["signed"])


def _told(command: OtaCommand) -> Command:
    body = cast("dict[int, int | bytes]", cbor.decode(bytes(command.body)))  # as queued
    return Command(
        command_id=bytes(command.command_id),
        card_token=bytes(command.card.token),
        version=command.version,
        action=Action(command.action),
        issued=int(command.created_at.timestamp()),
        body=body,
    )


def acknowledge(*, device: Device, ack: bytes, at: datetime) -> Acknowledged:
    """Take a phone's signed word on a command of its own and mark what it covers APPLIED.

    It covers every command of that card on that phone up to the version it names, for the phone
    ignores those from now on. The same one again changes nothing and answers the same.

    :raises AcknowledgementInvalid: not an acknowledgement, or not signed by this phone
    :raises NotFound: no such command of this phone and card
    """
    try:
        told = Acknowledgement.open(ack, public_key=bytes(device.public_key))
    except WireError as wrong:
        raise AcknowledgementInvalid from wrong
    newest = Credential.objects.filter(
        card=OuterRef("card"), device=device, state=Credential.State.ACTIVE
    )
    command = (
        OtaCommand.objects.filter(device=device, command_id=told.command_id)
        .annotate(credential_id=Subquery(newest.values("pk")[:1]))
        .select_related("card")
        .first()
    )
    if command is None or bytes(command.card.token) != told.card_token:
        raise NotFound
    return Acknowledged(
        card=command.card,
        credential_id=command.credential_id,
        version=told.version,
        atc=told.atc,
        uses=told.uses,
        amount_minor=told.amount,
        told_at=datetime.fromtimestamp(told.at, tz=UTC),
        applied=_apply(card=command.card, device=device, version=told.version, at=at),
    )


@transaction.atomic(savepoint=False)
def _apply(*, card: Card, device: Device, version: int, at: datetime) -> int:
    mine = OtaCommand.objects.filter(card=card, device=device)
    # What was never sent cannot have been applied, whatever version the phone names.
    sent = mine.exclude(sent_at=None).order_by("-version").values("version")[:1]
    covered = mine.filter(version__lte=version).filter(version__lte=Subquery(sent))
    applied = covered.exclude(state=_State.APPLIED).update(
        state=_State.APPLIED, acknowledged_version=version, applied_at=at, next_attempt_at=None
    )
    if applied:
        missing = mine.filter(state=_State.UNDELIVERED)
        Alert.objects.filter(
            ~Exists(missing), kind=ALERT_KIND, subject=_subject(card, device), cleared_at=None
        ).update(cleared_at=at)
    return applied


def back_off(*, attempts: int) -> timedelta:
    """Return the wait after that many attempts: 30 s, doubling up to 1 h (protocol §5.2)."""
    return timedelta(seconds=min(BACK_OFF_MOST_S, BACK_OFF_FIRST_S * 2 ** min(attempts - 1, 7)))


def push_due(*, at: datetime) -> list[str]:
    """Note an attempt on each command whose time has come; return the phones to hint, each once.

    24 hours after it was queued a command becomes UNDELIVERED with an alert; it still goes out at
    the phone's next contact. Several workers share the work, none waits for another.
    """
    return _push(at) if _DUE.finds_any(at=at) else []


def _due(at: datetime) -> QuerySet[OtaCommand]:
    due = OtaCommand.objects.filter(state__in=_ON_THE_WAY, next_attempt_at__lte=at)
    return due.order_by("next_attempt_at")


_DUE: Final = Look(_due)


@transaction.atomic
def _push(at: datetime) -> list[str]:
    due = list(
        _due(at)
        .select_for_update(skip_locked=True, no_key=True, of=("self",))
        .select_related("card__issuer", "card__account", "device")[:_PUSHED_AT_ONCE]
    )
    lost = [command for command in due if at - command.created_at >= GIVE_UP_AFTER]
    tried = [command for command in due if at - command.created_at < GIVE_UP_AFTER]
    for command in tried:
        command.attempts += 1
        command.next_attempt_at = at + back_off(attempts=command.attempts)
    OtaCommand.objects.bulk_update(tried, ["attempts", "next_attempt_at"])
    _give_up(lost, at)
    return sorted({command.device.reference for command in tried})


def _give_up(lost: Sequence[OtaCommand], at: datetime) -> None:
    if not lost:
        return
    OtaCommand.objects.filter(pk__in=[command.pk for command in lost]).update(
        state=_State.UNDELIVERED, next_attempt_at=None
    )
    exposure = _exposure(lost)
    Alert.objects.bulk_create(
        (
            Alert(
                kind=ALERT_KIND,
                tenant=command.card.issuer.reference,
                subject=_subject(command.card, command.device),
                detail=_why(command, exposure.get((command.card_id, command.device_id), 0)),
                raised_at=at,
            )
            for command in lost
        ),
        ignore_conflicts=True,
    )


def _why(command: OtaCommand, exposure_minor: int) -> str:
    currency = command.card.account.currency
    return _("%(command)s did not reach %(phone)s. Could still be spent offline: %(amount)s.") % {
        "command": command,
        "phone": command.device,
        "amount": money.Money(exposure_minor, currency),
    }


def _exposure(lost: Sequence[OtaCommand]) -> dict[tuple[int, int], int]:
    """Return by (card, phone) what of the reserve could still be spent offline, in minor units."""
    held = Credential.objects.filter(
        Credential.SPENDABLE,
        card__in={command.card_id for command in lost},
        device__in={command.device_id for command in lost},
    ).order_by("id")
    return {
        (card, device): minor
        for card, device, minor in held.values_list("card_id", "device_id", "reserve_minor")
    }


def _subject(card: Card, device: Device) -> str:
    return f"{card.reference}/{device.reference}"


def answer_of(command: OtaCommand) -> dict[str, str]:
    """Return ``{id, state}`` as the commands of protocol §9 print it."""
    return {"id": b64.encode(bytes(command.command_id)), "state": command.state}

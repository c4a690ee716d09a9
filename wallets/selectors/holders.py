"""Cards and devices as staff look for them: by last four, by card id, or by their holder."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from config.models import Device
from config.wire import b64
from config.wire.errors import WireError
from issuers.models import BlacklistEntry, Card, Credential, OtaCommand
from wallets.models import Customer, Phone

COMMANDS_SHOWN = 50
_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that is known of one card: its holder, its phones, what they were told, its listings.

    ``credentials`` come with device, profile and shadow counter; ``commands`` are the newest 50.
    """

    card: Card
    holder: Customer | None
    credentials: Sequence[Credential]
    commands: Sequence[OtaCommand]
    entries: Sequence[BlacklistEntry]


def dossier_of(*, card: Card) -> Dossier:
    """Return the dossier of ``card``, newest first in each part, in four queries."""
    credentials = card.credentials.select_related(
        "device", "profile", "shadow_counter", "card__account"
    )
    commands = card.commands.select_related("device").defer("body", "signed")
    return Dossier(
        card=card,
        holder=Customer.objects.filter(reference=card.account.holder).first(),
        credentials=list(credentials.order_by("-id")),
        commands=list(commands.order_by("-id")[:COMMANDS_SHOWN]),
        entries=list(card.blacklist_entries.order_by("-id")),
    )


def cards_found(*, cards: QuerySet[Card], typed: str) -> QuerySet[Card]:
    """Return those of ``cards`` that ``typed`` means; all of them where nothing was typed.

    Four digits are the last four, also behind dots; a card id is the base64url of its token; what
    else is typed is the holder's reference, or a part of the holder's name.
    """
    words = typed.strip().lstrip("•*. ")
    if not words:
        return cards
    if re.fullmatch(r"[0-9]{4}", words):
        return cards.filter(last4=words)
    token = _token(words)
    if token is not None:
        return cards.filter(token=token)
    return cards.filter(account__holder__in=_holders(words))


def devices_found(*, devices: QuerySet[Device], typed: str) -> QuerySet[Device]:
    """Return those of ``devices`` whose name, reference or owner ``typed`` means."""
    words = typed.strip()
    if not words:
        return devices
    named = Q(name__icontains=words) | Q(reference__iexact=words) | Q(owner__iexact=words)
    return devices.filter(named | Q(owner__in=_holders(words)))


def is_locked(device: Device) -> bool:
    """Return whether wrong PIN codes or failed proofs locked the phone."""
    return Phone.objects.filter(device=device, locked_at__isnull=False).exists()


def names_of(*, references: Collection[str]) -> dict[str, str]:
    """Return the names of customers by reference, in one query."""
    rows = Customer.objects.filter(reference__in=references) if references else []
    return {row.reference: row.name for row in rows}


def _holders(words: str) -> QuerySet[Customer, str]:
    named = Q(name__icontains=words) | Q(reference__iexact=words)
    return Customer.objects.filter(named).values_list("reference", flat=True)


def _token(words: str) -> bytes | None:
    try:
        token = b64.decode(words)
    except WireError:
        return None
    return token if len(token) == _TOKEN_BYTES else None

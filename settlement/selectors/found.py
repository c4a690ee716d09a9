"""One search over everything: payments, batches, cards and devices a person may see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from config.models import User
from config.wire import b64
from config.wire.errors import WireError
from issuers.models import Card
from issuers.selectors.visible import cards_visible_to
from merchants.models import Equipment, Merchant
from merchants.selectors.shops import equipment_visible_to
from settlement.models import Batch, Payment
from settlement.selectors.typed import LOOK_BACK_DAYS, REFERENCES, payments_matching
from settlement.selectors.visible import batches_visible_to, payments_visible_to

MOST: Final = 10  # of each kind; the list itself shows more
_DEVICE: Final = re.compile(r"(RDR|TRM|ATM|RLY|PHN)-[0-9A-Z]+", re.ASCII)
_LAST4: Final = re.compile(r"[0-9]{4}", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found, newest first, at most ``MOST`` of each kind."""

    payments: Sequence[Payment] = field(default_factory=list)
    batches: Sequence[Batch] = field(default_factory=list)
    cards: Sequence[Card] = field(default_factory=list)
    devices: Sequence[Equipment] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.payments or self.batches or self.cards or self.devices)


def search(*, user: User, typed: str, at: datetime) -> Found:
    """
    Return what ``typed`` may mean among the things ``user`` may see; nothing for "".

    What it looks like decides where is looked: a reference in its own kind alone, a card's token
    among cards, the rest, and what is no card's token, everywhere it may stand.
    """
    bare = re.sub(r"\s", "", typed)
    upper = bare.upper()
    if not bare:
        return Found()
    if upper.startswith("BAT-"):
        rows = batches_visible_to(user).filter(reference=upper)
        return Found(batches=list(rows[:MOST]))
    if upper.startswith(REFERENCES):
        return Found(payments=list(payments_visible_to(user).filter(reference=upper)))
    if _DEVICE.fullmatch(upper):
        return _by_device(user, upper)
    if _TOKEN.fullmatch(bare) and (cards := _cards(user, _by_token(bare))):
        return Found(cards=cards)
    return _by_anything(user, typed, bare, at)


def _by_device(user: User, reference: str) -> Found:
    batches = batches_visible_to(user).filter(device__reference=reference).order_by("-id")
    payments = payments_visible_to(user).filter(device__reference=reference).order_by("-id")
    return Found(
        payments=list(payments[:MOST]),
        batches=list(batches[:MOST]),
        devices=_devices(user, Q(device__reference=reference)),
    )


def _by_anything(user: User, typed: str, bare: str, at: datetime) -> Found:
    since = (at - timedelta(days=LOOK_BACK_DAYS)).date()
    currencies = Merchant.objects.order_by().values_list("currency", flat=True).distinct()
    payments = payments_matching(
        payments_visible_to(user), typed=typed, currencies=currencies, since=since
    )
    return Found(
        payments=list(payments.order_by("-id")[:MOST]),
        cards=_cards(user, Q(last4=bare)) if _LAST4.fullmatch(bare) else [],
        devices=[] if bare.isdigit() else _devices(user, Q(device__name__icontains=typed.strip())),
    )


def _by_token(text: str) -> Q:
    try:
        return Q(token=b64.decode(text))
    except WireError:
        return Q(pk__in=[])


def _cards(user: User, which: Q) -> list[Card]:
    return list(cards_visible_to(user).filter(which).order_by("-id")[:MOST])


def _devices(user: User, which: Q) -> list[Equipment]:
    return list(equipment_visible_to(user).filter(which).order_by("-id")[:MOST])

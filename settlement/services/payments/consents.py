"""What a phone's approval of a payment is: what was said, found, and comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from config.models import Device
from config.pipeline import Answer, Statement
from config.refusals import Refused
from issuers.services.authorise import Asked
from merchants.wire import Bill
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.services.ledger import Draft
from settlement.services.payments.planned import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What the phone is told: APPROVED with its code, or DECLINED with the reason.

    APPROVING where the issuer's own system is being asked: the claim's answer tells the end.

    ``remainder_minor``: what the card was asked for, minor units; ``document``: whose benefits paid
    the rest.
    """

    document: str
    state: str
    remainder_minor: int
    approval_code: str = ""
    decline_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the customer agreed to on the phone, and the PIN code that proves it.

    ``card``: its token, 16 bytes; ``amount_minor`` in minor units; ``bill``: the relay's bytes.
    ``plan``: whose benefits are to pay a part, of which ``max_remainder_minor`` is left at most.
    """

    card: bytes
    merchant: str
    amount_minor: int
    currency: str
    counter: int
    pin_code: str
    bill: bytes | None = None
    plan: str | None = None
    max_remainder_minor: int | None = None


class Call(NamedTuple):
    """Who asks for what, and when; ``decided`` tells the time at which it is decided."""

    device: Device
    tid: str
    consent: Consent
    at: datetime
    decided: Callable[[], datetime]


class Owes(NamedTuple):
    """The account has a debt: what it has is taken towards it before anything else."""

    account_id: int


class Found(NamedTuple):
    """All that one round trip locked and read."""

    request: Request
    said: Bill | None
    relay: Answer
    pin: Answer
    asked: Asked | None
    terms: Sequence[fees.Terms]


class Word(NamedTuple):
    """What becomes of a call, and what is to be written for it.

    ``parts``: what posts beside the card's part of an approval, None where the card pays all.
    """

    told: Approval | Refused | Owes
    writes: Sequence[Statement]
    moves: bool = False
    parts: Sequence[Draft] | None = None
    asked: Asked | None = None


class Case(NamedTuple):
    """A payment whose PIN code is right: what remains is the issuer's word.

    ``counted``: what moves the phone's counter; ``part``: what a plan's benefits leave to the card.
    """

    call: Call
    found: Found
    asked: Asked
    counted: Sequence[Statement]
    part: Part | None

    @property
    def by_card_minor(self) -> int:
        """Return what the card is asked for, in minor units."""
        return self.found.request.amount_minor if self.part is None else self.part.by_card_minor

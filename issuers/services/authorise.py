"""Online authorisation: the issuer's word on one payment, and the money taken with it.

This is the seam where an issuer's own system may stand: what must be known is read by
:func:`questions` in one round trip with the caller's own rows, :func:`decide` says yes or no, and
:func:`taking` or :func:`declining` are what follows, again in the caller's round trip. Where the
card's issuer decides in a system of its own, a yes only lets the question out (:mod:`remote`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from django.db.models import Subquery, Sum, Value
from django.db.models.functions import Coalesce

from config import pipeline
from config.pipeline import Answer, Statement
from issuers.models import Authorisation, Card
from issuers.rules.authorisation import DeclineReason, Standing, reason_against

__all__ = ["Authorised", "DeclineReason", "Declined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """The amount was taken; ``available_minor``: what is left, in minor units."""

    available_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Nothing was taken."""

    reason: DeclineReason


class Asked(NamedTuple):
    """A card that is asked about, locked with its account until the transaction ends."""

    card_id: int
    last4: str
    issuer: str  # reference
    account_id: int
    account: str  # reference
    holder: str  # the customer's reference
    standing: Standing
    certified: bool  # on the phone that asks: it holds a certificate of the card (protocol §3.1)
    owes: bool  # there is a debt to be collected first
    authoriser_id: int | None  # the issuer's own system that has the last word; None: nobody has


QUESTIONS: Final = 3


def questions(*, token: bytes, phone_id: int | None, at: datetime) -> list[Statement]:
    """
    Return the statements that lock a card FOR SHARE, then its account, and read the rest.

    ``token``: the card's, 16 bytes. A block waits for us or we see it; no two payments spend the
    same money. What the locks guard is read by later statements, whose snapshots are newer.
    """
    return [
        Statement(_CARD, [token]),
        Statement(_ACCOUNT, [token]),
        Statement(_FACTS, [phone_id, at, token]),
    ]


_CARD: Final = """
SELECT c.id, c.last4, i.reference, c.state = 'ACTIVE' AND c.frozen_by_owner_at IS NULL,
       LEAST(c.per_payment_online_cap_minor, p.per_payment_online_cap_minor), p.velocity_count,
       (SELECT a.id FROM issuers_authoriser a WHERE a.issuer_id = c.issuer_id AND a.is_asked)
  FROM issuers_card c
  JOIN issuers_programme p ON p.id = c.programme_id
  JOIN issuers_issuer i ON i.id = c.issuer_id
 WHERE c.token = %s FOR SHARE OF c
"""
_ACCOUNT: Final = """
SELECT id, reference, holder, state = 'OPEN', currency,
       limit_minor + balance_minor - held_minor - offline_reserve_minor
  FROM issuers_account WHERE id = (SELECT account_id FROM issuers_card WHERE token = %s)
   FOR NO KEY UPDATE
"""
_FACTS: Final = """
SELECT EXISTS (SELECT FROM issuers_blacklistentry e
                WHERE e.card_id = c.id AND e.lifted_at IS NULL AND e.device_id IS NULL),
       EXISTS (SELECT FROM issuers_credential k
                WHERE k.card_id = c.id AND k.device_id = %s AND k.state = 'ACTIVE'
                  AND k.certificate IS NOT NULL),
       EXISTS (SELECT FROM issuers_debt d
                WHERE d.account_id = c.account_id AND d.closed_at IS NULL),
       (SELECT count(*) FROM issuers_authorisation h
         WHERE h.card_id = c.id AND h.decline_reason = ''
           AND h.decided_at > %s - p.velocity_window_s * interval '1 second')
     + (SELECT count(*) FROM issuers_remoteauthorisation r
         WHERE r.card_id = c.id AND r.state = 'ASKED')
  FROM issuers_card c JOIN issuers_programme p ON p.id = c.programme_id WHERE c.token = %s
"""


def asked(answers: Sequence[Answer]) -> Asked | None:
    """Return what the answers to :func:`questions` say; None where there is no such card."""
    card, account, facts = (answer.row for answer in answers)
    if card is None or account is None or facts is None:
        return None
    card_id, last4, issuer, active, cap_minor, most, authoriser = card
    account_id, reference, holder, is_open, currency, available_minor = account
    listed, certified, owes, approvals = facts
    standing = Standing(
        blocked=listed or not active,
        open=is_open,
        currency=currency,
        cap_minor=cap_minor,
        approvals=approvals,
        approvals_most=most,
        available_minor=available_minor,
    )
    return Asked(
        *(card_id, last4, issuer, account_id, reference, holder, standing, certified, owes),
        authoriser_id=authoriser,
    )


def decide(*, asked: Asked, amount_minor: int, currency: str) -> Authorised | Declined:
    """Return the issuer's word; what an approval takes, :func:`taking` takes."""
    reason = reason_against(asked.standing, amount_minor=amount_minor, currency=currency)
    if reason is not None:
        return Declined(reason=reason)
    return Authorised(available_minor=asked.standing.available_minor - amount_minor)


def taking(
    *, asked: Asked, document: str, amount_minor: int, currency: str, at: datetime, phone_id: int
) -> list[Statement]:
    """Return the statements that take an approved amount, in minor units, and keep the approval."""
    return [
        Statement(_TAKE, [amount_minor, asked.account_id]),
        approving(
            asked=asked,
            document=document,
            amount_minor=amount_minor,
            currency=currency,
            at=at,
            phone_id=phone_id,
        ),
    ]


def approving(
    *, asked: Asked, document: str, amount_minor: int, currency: str, at: datetime, phone_id: int
) -> Statement:
    """Return the statement that keeps an approval; the money is taken by another."""
    return _kept(asked.card_id, document, amount_minor, currency, "", at, phone_id)


def declining(
    *,
    asked: Asked,
    document: str,
    amount_minor: int,
    currency: str,
    reason: DeclineReason,
    at: datetime,
    phone_id: int,
) -> Statement:
    """Return the statement that keeps a decline."""
    return _kept(asked.card_id, document, amount_minor, currency, reason, at, phone_id)


_TAKE: Final = "UPDATE issuers_account SET balance_minor = balance_minor - %s WHERE id = %s"
_KEEP: Final = """
INSERT INTO issuers_authorisation (card_id, document, amount_minor, currency, decline_reason,
                                   decided_at, phone_id)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


def _kept(card_id: int, document: str, *kept: object) -> Statement:
    return Statement(_KEEP, [card_id, document, *kept])


def keep_decline(
    *,
    card: Card,
    document: str,
    amount_minor: int,
    currency: str,
    reason: DeclineReason,
    at: datetime,
    phone_id: int,
) -> None:
    """Keep a decline, so that the same document hears the same word again.

    :raises IntegrityError: ``document`` was decided on before
    """
    pipeline.run(_kept(card.pk, document, amount_minor, currency, reason, at, phone_id))


def declined_since_approval(*, card: Card, phone_id: int, document: str) -> int:
    """Return what was declined of ``card`` since the last approval but ``document``'s, minor units.

    On this phone alone: it counted these taps too, and no record of them will ever come.
    """
    mine = Authorisation.objects.filter(card=card, phone=phone_id)
    approved = mine.filter(decline_reason="").exclude(document=document)
    last = approved.order_by("-decided_at", "-pk").values("pk")[:1]
    refused = mine.exclude(decline_reason="").filter(pk__gt=Coalesce(Subquery(last), Value(0)))
    return int(refused.aggregate(minor=Sum("amount_minor", default=0))["minor"])


def declined_before(*, document: str) -> Statement:
    """Return the statement that asks for the decline kept for ``document``: :func:`declined`."""
    return Statement(_DECLINED, [document])


_DECLINED: Final = """
SELECT decline_reason FROM issuers_authorisation WHERE document = %s AND decline_reason <> ''
"""


def declined(answer: Answer) -> Declined | None:
    """Return the decline that the answer to :func:`declined_before` tells, if there is one."""
    return None if answer.row is None else Declined(reason=DeclineReason(answer.row[0]))

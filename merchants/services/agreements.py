"""What merchants agreed to pay per payment: terms that begin on a date, and stay as they were."""

from datetime import datetime
from typing import Any, Final

from django.db import transaction

from config import audit
from config.audit import Actor
from config.pipeline import Statement
from config.refusals import Refused
from merchants.models import Agreement, Merchant

FEE_MAX_MINOR: Final = 10**9
_BPS_WHOLE: Final = 10_000
_USUAL_BPS: Final = 80
# Flat fees a new merchant begins with, (online, offline) in minor units; the rest of the world has
# cents or the like.
_USUAL: Final = {"KRW": (100, 20)}
_USUAL_ELSEWHERE: Final = (10, 2)


class AgreementInThePast(Refused):
    code = "agreement_in_the_past"
    title = "An agreement begins now or later"


class FeeOutOfRange(Refused):
    code = "fee_out_of_range"
    title = "This is not a fee"


def begin(*, merchant: Merchant, at: datetime) -> Agreement:
    """Give a new merchant the usual terms from ``at`` on; the desk agrees others as it likes."""
    online, offline = _USUAL.get(merchant.currency, _USUAL_ELSEWHERE)
    return Agreement.objects.create(
        merchant=merchant,
        effective_from=at,
        online_fee_minor=online,
        offline_fee_minor=offline,
        fee_bps=_USUAL_BPS,
    )


@transaction.atomic
def agree(
    *,
    merchant: Merchant,
    effective_from: datetime,
    online_fee_minor: int,
    offline_fee_minor: int,
    fee_bps: int,
    actor: Actor,
    at: datetime,
) -> Agreement:
    """
    Agree new terms from ``effective_from`` until later ones begin; what was before stays.

    Fees are minor units of the merchant's currency per payment, ``fee_bps`` hundredths of a percent
    of its amount. The same future moment agreed anew replaces what was agreed for it. A payment
    pays what was in force at its own time, however late it is posted.

    :raises AgreementInThePast: ``effective_from`` lies before ``at``
    :raises FeeOutOfRange: a fee is negative or beyond reason, or a share above the whole amount
    """
    if effective_from < at:
        raise AgreementInThePast(f"{effective_from:%Y-%m-%d %H:%M} has passed.")
    for fee, most in (
        (online_fee_minor, FEE_MAX_MINOR),
        (offline_fee_minor, FEE_MAX_MINOR),
        (fee_bps, _BPS_WHOLE),
    ):
        if not 0 <= fee <= most:
            raise FeeOutOfRange(f"{fee} is not between 0 and {most}.")
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    before = Agreement.objects.filter(merchant=merchant, effective_from=effective_from).first()
    agreed, _made = Agreement.objects.update_or_create(
        merchant=merchant,
        effective_from=effective_from,
        defaults={
            "online_fee_minor": online_fee_minor,
            "offline_fee_minor": offline_fee_minor,
            "fee_bps": fee_bps,
        },
    )
    audit.record(
        actor=actor,
        action="agreement.agree",
        subject_kind="merchant",
        subject=merchant.reference,
        tenant=merchant.reference,
        at=at,
        before=_told(before) if before else None,
        after=_told(agreed),
    )
    return agreed


def _told(agreement: Agreement) -> dict[str, Any]:
    return {
        "effective_from": agreement.effective_from.isoformat(),
        "online_fee_minor": agreement.online_fee_minor,
        "offline_fee_minor": agreement.offline_fee_minor,
        "fee_bps": agreement.fee_bps,
    }


def terms_at(*, merchant: str, at: datetime) -> Statement:
    """Return the statement that reads the terms in force at ``at``, none before the first.

    Columns: since (epoch seconds), the merchant's currency, flat fees online and offline in its
    minor units, hundredths of a percent. ``merchant``: reference.
    """
    return Statement(_TERMS, [merchant, at])


_TERMS: Final = """
SELECT extract(epoch FROM a.effective_from)::float8, m.currency, a.online_fee_minor,
       a.offline_fee_minor, a.fee_bps
  FROM merchants_agreement a JOIN merchants_merchant m ON m.id = a.merchant_id
 WHERE m.reference = %s AND a.effective_from <= %s
 ORDER BY a.effective_from DESC LIMIT 1
"""

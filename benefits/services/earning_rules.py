"""Rules by which customers earn at a merchant: added from a moment on, ended, never changed."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from benefits.models import Definition, Earning
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.selectors.campaigns import is_led_by
from benefits.services.campaigns import NotItsKeeper
from benefits.services.catalogue import WindowInvalid
from benefits.services.holdings import BenefitNotOut
from config import audit, references
from config.audit import Actor
from config.refusals import Refused
from merchants.models import Merchant


class EarningOver(Refused):
    code = "earning_over"
    status = 409
    title = "This rule has ended already"


class EarningInPast(Refused):
    code = "earning_in_past"
    title = "A rule begins now or later: what was paid before it earns nothing"


class CurrencyDiffers(Refused):
    code = "currency_mismatch"
    title = "The benefit is not in the merchant's currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningTerms:
    """A rule as it is agreed: ``earns`` from ``starts_at`` (None: at once) to before ``ends_at``
    (None: without end). ``lot_days``: points live so long, None as their definition says."""

    earns: Earns
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    lot_days: int | None = None


@transaction.atomic
def add(
    *, merchant: Merchant, gives: Definition, terms: EarningTerms, actor: Actor, at: datetime
) -> Earning:
    """Let customers earn at ``merchant``.

    :param gives: the points; or what a full card of stamps brings
    :raises NotItsKeeper: another sponsor bears most of ``gives``
    :raises EarningMalformed: the rule cannot give that
    :raises BenefitNotOut: it is not published
    :raises CurrencyDiffers: it is not in the merchant's currency
    :raises EarningInPast, WindowInvalid: it would begin before ``at``, or end before it begins
    """
    starts_at = terms.starts_at or at
    if not is_led_by(definition=gives, owner=merchant.reference):
        raise NotItsKeeper
    terms.earns.check_gives(Kind(gives.kind))
    if gives.state != Definition.State.PUBLISHED:
        raise BenefitNotOut
    if gives.currency != merchant.currency:
        raise CurrencyDiffers
    if starts_at < at:
        raise EarningInPast
    if terms.ends_at is not None and terms.ends_at <= starts_at:
        raise WindowInvalid
    rule = Earning.objects.create(
        reference=references.new("ERN"),
        merchant=merchant,
        gives=gives,
        points_bps=terms.earns.points_bps,
        stamps_needed=terms.earns.stamps_needed,
        min_purchase_minor=terms.earns.min_purchase_minor,
        lot_days=terms.lot_days,
        starts_at=starts_at,
        ended_at=terms.ends_at,
    )
    _record(rule, "add", actor, at)
    return rule


@transaction.atomic
def end(*, rule: Earning, actor: Actor, at: datetime) -> Earning:
    """End a rule: payments from ``at`` on earn nothing by it. One that has not begun never does.

    Stamps that were given stay on their cards; no more come.

    :raises EarningOver: it has ended
    """
    row = Earning.objects.select_for_update(no_key=True).get(pk=rule.pk)
    if row.ended_at is not None and row.ended_at <= max(at, row.starts_at):
        raise EarningOver
    row.ended_at = max(at, row.starts_at)
    row.save(update_fields=["ended_at"])
    _record(row, "end", actor, at)
    return row


def _record(rule: Earning, act: str, actor: Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        action=f"earning.{act}",
        subject_kind="earning",
        subject=rule.reference,
        tenant=rule.merchant.reference,
        at=at,
        after={
            "gives": rule.gives.reference,
            "points_bps": rule.points_bps,
            "stamps_needed": rule.stamps_needed,
            "min_purchase_minor": rule.min_purchase_minor,
            "starts_at": rule.starts_at.isoformat(),
            "ends_at": rule.ended_at and rule.ended_at.isoformat(),
        },
    )

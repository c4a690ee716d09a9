"""Campaigns as their sponsors keep them: drafted, written anew, tried before they are out."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from benefits.models import CostShare, Definition, Sponsor
from benefits.rules.vocabulary import WHOLE_BPS
from benefits.selectors.campaigns import Owner, fingerprint, is_led_by
from benefits.services import catalogue, sponsors
from benefits.services.catalogue import Terms
from config.audit import Actor
from config.refusals import Forbidden, NotFound, Refused


class NoDraft(Refused):
    code = "no_draft"
    status = 409
    title = "What was published stays as it is"


class PreviewMissing(Refused):
    code = "preview_missing"
    status = 409
    title = "Try it on a basket before you publish it; it has changed since"


class NotItsKeeper(Forbidden):
    code = "campaign_kept_by_another"
    title = "Who bears most of a campaign decides about it"


def draft(
    *, owner: Owner, terms: Terms, partner: tuple[str, int] | None, actor: Actor, at: datetime
) -> Definition:
    """Draft a campaign of ``owner``.

    ``partner``: another sponsor's reference and what it bears in bps, below the half: who bears
    most keeps the campaign.

    :raises NotFound: no such partner
    :raises BenefitMalformed, WindowInvalid, UnknownCurrency: as :meth:`Terms.check`
    """
    shares = _shares(owner, partner, at)
    return catalogue.draft(terms=terms, shares=shares, actor=actor, at=at)


@transaction.atomic
def redraft(
    *,
    definition: Definition,
    owner: Owner,
    terms: Terms,
    partner: tuple[str, int] | None,
    actor: Actor,
    at: datetime,
) -> Definition:
    """Write a draft anew; its reference stays.

    :raises NotItsKeeper: another sponsor bears most of it
    :raises NoDraft: it was published meanwhile, or ended
    :raises NotFound: no such partner
    :raises BenefitMalformed, WindowInvalid, UnknownCurrency: as :meth:`Terms.check`
    """
    terms.check()
    row = _kept(definition, owner)
    if row.state != Definition.State.DRAFT:
        raise NoDraft
    for name, value in catalogue.columns(terms=terms).items():
        setattr(row, name, value)
    row.save()
    row.shares.all().delete()
    CostShare.objects.bulk_create(
        CostShare(definition=row, sponsor=sponsor, bps=bps)
        for sponsor, bps in _shares(owner, partner, at)
    )
    catalogue.record(
        definition=row,
        act="redraft",
        actor=actor,
        at=at,
        after={"kind": terms.kind, "name": terms.name},
    )
    return row


@transaction.atomic
def publish(
    *, definition: Definition, owner: Owner, previewed: str, actor: Actor, at: datetime
) -> Definition:
    """Put a draft out whose terms somebody saw at work; ``previewed``: their fingerprint.

    :raises NotItsKeeper: another sponsor bears most of it
    :raises PreviewMissing: the terms are not those that were tried
    :raises InvalidTransition: it is out already, or has ended
    """
    row = _kept(definition, owner)
    if previewed != fingerprint(definition=row):
        raise PreviewMissing
    return catalogue.publish(definition=row, actor=actor, at=at)


@transaction.atomic
def pause(*, definition: Definition, owner: Owner, actor: Actor, at: datetime) -> Definition:
    """Let none be granted and none count until it goes on.

    :raises NotItsKeeper: another sponsor bears most of it
    :raises InvalidTransition: it is not out
    """
    return catalogue.pause(definition=_kept(definition, owner), actor=actor, at=at)


@transaction.atomic
def resume(*, definition: Definition, owner: Owner, actor: Actor, at: datetime) -> Definition:
    """Put a paused campaign back out, with the terms it had.

    :raises NotItsKeeper: another sponsor bears most of it
    :raises PreviewMissing: it was never out, so it is published
    :raises InvalidTransition: it is out, or has ended
    """
    row = _kept(definition, owner)
    if row.published_at is None:
        raise PreviewMissing
    return catalogue.publish(definition=row, actor=actor, at=at)


@transaction.atomic
def end(*, definition: Definition, owner: Owner, actor: Actor, at: datetime) -> Definition:
    """End it for good.

    :raises NotItsKeeper: another sponsor bears most of it
    :raises InvalidTransition: it has ended
    """
    return catalogue.end(definition=_kept(definition, owner), actor=actor, at=at)


def _kept(definition: Definition, owner: Owner) -> Definition:
    """Lock a campaign that is ``owner``'s to change and return it."""
    row = Definition.objects.select_for_update().get(pk=definition.pk)
    if not is_led_by(definition=row, owner=owner.reference):
        raise NotItsKeeper
    return row


def _shares(
    owner: Owner, partner: tuple[str, int] | None, at: datetime
) -> Sequence[tuple[Sponsor, int]]:
    mine = sponsors.of(kind=owner.kind, owner=owner.reference, name=owner.name, at=at)
    if partner is None:
        return [(mine, WHOLE_BPS)]
    reference, bps = partner
    other = Sponsor.objects.filter(reference=reference).exclude(pk=mine.pk).first()
    if other is None:
        raise NotFound
    return [(mine, WHOLE_BPS - bps), (other, bps)]

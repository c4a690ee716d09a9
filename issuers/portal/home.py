"""What an issuer's staff sees first: how far the list has got, and what holds it up."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from config import money
from config.models import Membership, User
from config.people.access import may
from config.portal.home import Attention, Tile
from config.roles import Right, TenantKind
from issuers import selectors
from issuers.models import CertificateRequest, Issuer, UnblockRequest
from issuers.portal import words
from issuers.selectors import coverage, fleet, listings, undelivered

SILENT_AFTER = timedelta(hours=24)


def tiles(*, user: User, membership: Membership, at: datetime) -> list[Tile]:
    """Return coverage of the newest list, and the cards listed on it."""
    issuer = _issuer(user, membership)
    if issuer is None:
        return []
    covered = coverage.coverage_of(issuer=issuer)
    counts = listings.counts_of(issuer=issuer)
    return [
        _coverage(covered),
        Tile(
            label=_("Blocked cards"),
            value=f"{counts['listed']:,}",
            note=_("%(count)s not yet applied by a phone") % {"count": f"{counts['waiting']:,}"},
        ),
    ]


def attention(*, user: User, membership: Membership, at: datetime) -> list[Attention]:
    """Return who waits for this person, and what keeps a block from reaching readers and phones."""
    issuer = _issuer(user, membership)
    if issuer is None:
        return []
    found = _waiting(issuer, user, membership)
    silent = fleet.silent_readers(issuer=issuer, since=at - SILENT_AFTER)
    if silent:
        found.append(
            Attention(
                tone="warn",
                title=_("Readers behind for more than 24 hours: %(count)s") % {"count": silent},
                detail=_("They do not know of every blocked card."),
                url=reverse("issuer-devices", args=[issuer.reference]) + "?view=behind",
                action=_("Open laggards"),
            )
        )
    given_up = undelivered.given_up_of(issuer=issuer.reference)
    if given_up:
        found.append(
            Attention(
                tone="warn",
                title=_("Commands that reached no phone in 24 hours: %(count)s")
                % {"count": f"{given_up:,}"},
                detail=_("They go out when the phone next asks; until then it may not know."),
                url=reverse("undelivered", args=[issuer.reference]) + "?view=undelivered",
                action=_("Open them"),
            )
        )
    exposed = coverage.exposed_of(issuer=issuer, at=at)
    if exposed:
        sums = ", ".join(f"{money.text(minor, currency)} {currency}" for currency, minor in exposed)
        found.append(
            Attention(
                tone="info",
                title=_("%(sums)s could still be spent with blocked cards") % {"sums": sums},
                detail=_("Their phones have not applied the block yet."),
                url=reverse("undelivered", args=[issuer.reference]) + "?view=all",
                action=_("Open them"),
            )
        )
    return found


def _waiting(issuer: Issuer, user: User, membership: Membership) -> list[Attention]:
    """Return what others asked for that ``user`` may decide."""
    found = []
    if may(membership=membership, right=Right.ISSUE_CARDS):
        phones = CertificateRequest.objects.filter(
            issuer=issuer, state=CertificateRequest.State.PENDING
        ).count()
        if phones:
            found.append(
                Attention(
                    tone="info",
                    title=_("Phones asking for cards: %(count)s") % {"count": f"{phones:,}"},
                    detail=_("They pay with them once you agree."),
                    url=reverse("certificate-requests", args=[issuer.reference]),
                    action=_("Open them"),
                )
            )
    if may(membership=membership, right=Right.BLOCK_CARDS):
        pending = issuer.unblock_requests.filter(state=UnblockRequest.State.PENDING)
        files = pending.exclude(requested_by=str(user.pk)).count()
        if files:
            found.append(
                Attention(
                    tone="info",
                    title=_("Files of cards to take off the list: %(count)s")
                    % {"count": f"{files:,}"},
                    detail=_("They wait for a second person."),
                    url=reverse("card-file-list", args=[issuer.reference]),
                    action=_("Open them"),
                )
            )
    return found


def _coverage(covered: coverage.Coverage) -> Tile:
    if covered.newest is None or not covered.readers:
        return Tile(label=_("Coverage"), value=None, note=_("Nothing published, or no reader yet"))
    return Tile(
        label=_("Coverage"),
        value=words.percent(covered.current, covered.readers),
        unit="%",
        note=_("%(part)s of %(whole)s readers on version %(version)s")
        % {
            "part": f"{covered.current:,}",
            "whole": f"{covered.readers:,}",
            "version": covered.newest.version,
        },
    )


def _issuer(user: User, membership: Membership) -> Issuer | None:
    """Return the issuer the person works for, if the list is theirs to see."""
    if membership.tenant_kind != TenantKind.ISSUER:
        return None
    if not may(membership=membership, right=Right.SEE_BLACKLIST):
        return None
    rows = selectors.issuers_visible_to(user, Right.SEE_BLACKLIST)
    return rows.filter(reference=membership.tenant).first()

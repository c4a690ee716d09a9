"""Publication: everything that waits gets one new version number, which only rises."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from config import audit
from config.audit import Actor
from issuers.models import BlacklistVersion, Issuer, ListedNumber
from issuers.services.blacklist import numbers
from issuers.wire import rice
from issuers.wire.rice import Numbers

_PUBLISHERS_LOCK = 0x50_62_6C  # first half of the advisory lock, the second is the issuer's id


def current(*, issuer: Issuer) -> BlacklistVersion | None:
    """Return the issuer's newest version, None while nothing was ever listed."""
    return BlacklistVersion.objects.filter(issuer=issuer).order_by("-version").first()


def issuers_waiting(*, at: datetime) -> Sequence[Issuer]:
    """Return the issuers with numbers to add, to lift, or whose certificates have expired."""
    waiting = ListedNumber.objects.filter(_waiting(at)).values("issuer")
    return list(Issuer.objects.filter(pk__in=waiting).order_by("pk"))


def publish(*, issuer: Issuer, at: datetime) -> BlacklistVersion | None:
    """Give everything that waits one new version; None when nothing does.

    One publisher per issuer works at a time; a second one waits and then finds nothing left. Rows
    that a block or unblock is writing this moment are left to the next version, so neither ever
    waits for the other. Expired certificates take their numbers off the list.
    """
    if not ListedNumber.objects.filter(_waiting(at), issuer=issuer).exists():
        return None
    return _publish(issuer, at, least=0)


@transaction.atomic
def raise_versions_above(
    *, issuer: Issuer, floor: int, at: datetime, actor: Actor
) -> BlacklistVersion | None:
    """Publish above ``floor``, the newest version any reader reports, after a restore.

    Versions lost with the newer database are never given out again with other content. None when
    the issuer's version is above ``floor`` already and nothing waits.
    """
    version = _publish(issuer, at, least=floor + 1)
    if version is not None:
        audit.record(
            actor=actor,
            action="blacklist.raise_versions",
            subject_kind="issuer",
            subject=issuer.reference,
            tenant=issuer.reference,
            at=at,
            after={"version": version.version, "floor": floor},
        )
    return version


def _waiting(at: datetime) -> Q:
    return Q(removed_in=None) & (Q(added_in=None) | Q(leaving=True) | Q(leaves_at__lte=at))


@transaction.atomic
def _publish(issuer: Issuer, at: datetime, *, least: int) -> BlacklistVersion | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_PUBLISHERS_LOCK, issuer.pk])
    newest = current(issuer=issuer)
    reached = newest.version if newest else 0
    version = max(reached + 1, least)
    leaving = Q(leaving=True) | Q(leaves_at__lte=at)
    removed = _take(Q(added_in__isnull=False) & leaving, issuer, removed_in=version)
    _forget_expired(issuer, at)
    added = _take(Q(added_in=None), issuer, added_in=version)
    if not added and not removed and reached >= least:
        return None
    listed = _listed(issuer)
    return BlacklistVersion.objects.create(
        issuer=issuer,
        version=version,
        published_at=at,
        added=added,
        removed=removed,
        entries=len(listed),
        digest=rice.digest(listed),
    )


def _take(which: Q, issuer: Issuer, **numbered: int) -> int:
    free = (
        ListedNumber.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(which, issuer=issuer, removed_in=None)
        .values("pk")
    )
    return ListedNumber.objects.filter(pk__in=free).update(**numbered)


def _forget_expired(issuer: Issuer, at: datetime) -> None:
    """Drop what no reader was given and no reader needs: the certificate has ended meanwhile."""
    ListedNumber.objects.filter(issuer=issuer, added_in=None, leaves_at__lte=at).delete()


def _listed(issuer: Issuer) -> Numbers:
    """Return all numbers now on the list, as this transaction sees them."""
    return numbers.ascending(
        ListedNumber.objects.filter(issuer=issuer, added_in__isnull=False, removed_in=None)
    )

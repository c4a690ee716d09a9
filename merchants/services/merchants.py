"""Merchants, their stores and what they agreed to pay."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction

from config import audit, money, references
from config.audit import Actor
from config.refusals import NotFound, Refused
from merchants.models import Merchant, Store
from merchants.services import agreements


class TimeZoneUnknown(Refused):
    code = "time_zone_unknown"
    title = "Unknown time zone"


class StoreNameTaken(Refused):
    code = "store_name_taken"
    status = 409
    title = "The merchant has a store of that name"


class NameMissing(Refused):
    code = "name_missing"
    title = "A name is needed"


@transaction.atomic
def add(
    *,
    name: str,
    actor: Actor,
    at: datetime,
    currency: str = "KRW",
    time_zone: str = "Asia/Seoul",
    mcc: str = "5462",
    store_name: str = "Main shop",
) -> tuple[Merchant, Store]:
    """Add a merchant with its first store and the agreement that is usual.

    ``currency``: ISO 4217 alpha-3; ``time_zone``: IANA name, decides its business dates;
    ``mcc``: merchant category code (ISO 18245).

    :raises UnknownCurrency: not an ISO 4217 code
    :raises TimeZoneUnknown: not in the IANA database
    :raises NameMissing: the name is blank
    """
    name = _name(name)
    money.exponent(currency)
    merchant = Merchant.objects.create(
        reference=references.new("MER"),
        name=name,
        currency=currency,
        time_zone=checked_zone(time_zone),
        mcc=mcc,
    )
    store = Store.objects.create(
        reference=references.new("STO"), merchant=merchant, name=_name(store_name)
    )
    agreements.begin(merchant=merchant, at=at)
    _audit(merchant, "merchant.add", actor, at, after={"name": name, "currency": currency})
    return merchant, store


@transaction.atomic
def edit(
    *,
    merchant: Merchant,
    actor: Actor,
    at: datetime,
    name: str,
    time_zone: str,
    mcc: str,
    blacklist_max_age_s: int,
) -> Merchant:
    """Change what may change of a merchant; its currency never does.

    ``blacklist_max_age_s``: a reader with an older list approves nothing offline (protocol §5).

    :raises TimeZoneUnknown: not in the IANA database
    """
    row = Merchant.objects.select_for_update().get(pk=merchant.pk)
    before = _told(row)
    row.name, row.time_zone, row.mcc = _name(name), checked_zone(time_zone), mcc
    row.blacklist_max_age_s = blacklist_max_age_s
    row.save(update_fields=["name", "time_zone", "mcc", "blacklist_max_age_s"])
    _audit(row, "merchant.edit", actor, at, before=before, after=_told(row))
    return row


@transaction.atomic
def suspend(*, merchant: Merchant, actor: Actor, at: datetime, reason: str) -> Merchant:
    """Refuse the merchant's devices and keys from their next request on.

    :raises InvalidTransition: it is suspended already
    """
    merchant.transition(Merchant.State.SUSPENDED)
    _audit(merchant, "merchant.suspend", actor, at, reason=reason)
    return merchant


@transaction.atomic
def resume(*, merchant: Merchant, actor: Actor, at: datetime) -> Merchant:
    """Let a suspended merchant go on.

    :raises InvalidTransition: it is not suspended
    """
    merchant.transition(Merchant.State.ACTIVE)
    _audit(merchant, "merchant.resume", actor, at)
    return merchant


@transaction.atomic
def add_store(
    *, merchant: Merchant, name: str, actor: Actor, at: datetime, address: str = ""
) -> Store:
    """Add a store.

    :raises StoreNameTaken: the merchant has one of that name
    """
    try:
        with transaction.atomic():
            store = Store.objects.create(
                reference=references.new("STO"),
                merchant=merchant,
                name=_name(name),
                address=address.strip(),
            )
    except IntegrityError:
        raise StoreNameTaken(f"{merchant} has a store called {name}.") from None
    _audit(merchant, "store.add", actor, at, after={"store": store.reference, "name": store.name})
    return store


@transaction.atomic
def edit_store(*, store: Store, name: str, address: str, actor: Actor, at: datetime) -> Store:
    """Rename or move a store.

    :raises StoreNameTaken: another store of the merchant has that name
    """
    before = {"name": store.name, "address": store.address}
    store.name, store.address = _name(name), address.strip()
    try:
        with transaction.atomic():
            store.save(update_fields=["name", "address"])
    except IntegrityError:
        raise StoreNameTaken(f"{store.merchant} has a store called {name}.") from None
    after = {"name": store.name, "address": store.address}
    _audit(store.merchant, "store.edit", actor, at, before=before, after=after)
    return store


def refuse_unknown(*, owner: str, store: str) -> None:
    """Refuse an enrolment code for a merchant or a store that is not there.

    :raises NotFound: no such merchant, or no open store of that reference
    """
    stores = Store.objects.filter(merchant__reference=owner, closed_at=None)
    if store:
        stores = stores.filter(reference=store)
    if not stores.exists():
        raise NotFound(f"No merchant {owner} with that store.")


def checked_zone(name: str) -> str:
    """Return ``name`` when the IANA database knows it.

    :raises TimeZoneUnknown: it does not
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise TimeZoneUnknown(f"{name!r} is not an IANA time zone.") from None
    return name


def _name(typed: str) -> str:
    if not typed.strip():
        raise NameMissing
    return typed.strip()


def _told(merchant: Merchant) -> dict[str, Any]:
    return {
        "name": merchant.name,
        "time_zone": merchant.time_zone,
        "mcc": merchant.mcc,
        "blacklist_max_age_s": merchant.blacklist_max_age_s,
    }


def _audit(
    merchant: Merchant,
    action: str,
    actor: Actor,
    at: datetime,
    *,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="merchant",
        subject=merchant.reference,
        tenant=merchant.reference,
        at=at,
        reason=reason,
        before=before,
        after=after,
    )

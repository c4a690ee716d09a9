"""Each page of pre-approvals under each role, and what belongs to others."""

from copy import deepcopy

import pytest
from django.urls import reverse
from django.utils import timezone

from config.audit import SYSTEM
from config.roles import MATRIX, Right, Role, TenantKind
from settlement.rules.redeeming import Report
from settlement.services import redemptions, stock_files
from tests.factories import preapprovals
from tests.factories.config import code_at
from tests.factories.preapprovals import CODE
from tests.settlement_portal.world import payer_of

SEE, PAYMENTS, TAKE = Right.SEE_CARDS, Right.SEE_PAYMENTS, Right.TAKE_PAYMENTS
ISSUERS = {
    "preapproval-list": SEE,
    "preapproval-rows": SEE,
    "preapproval": SEE,
    "preapproval-cancel": Right.BLOCK_CARDS,
    "preapproval-terms-list": SEE,
    "preapproval-terms": Right.EDIT_PROGRAMMES,
    "suspense-list": Right.SEE_BATCHES,
    "suspense-resolve": Right.RESOLVE_EXCEPTIONS,
}
SHOPS = {
    "atm-list": PAYMENTS,
    "redeemed-list": PAYMENTS,
    "stock-list": PAYMENTS,
    "stock-load": Right.EDIT_SHOP,
    "stock-file": PAYMENTS,
    "stock-file-errors": PAYMENTS,
    "atm": TAKE,
    "atm-count": Right.EDIT_SHOP,
    "atm-redemption": TAKE,
}
ACTS = {"atm-move": TAKE, "stock-withdraw": Right.EDIT_SHOP}


@pytest.fixture(scope="module")
def rows_that_stand(world_that_stands):
    """One of what each page shows: a customer, a redemption in suspense, a file of stock."""
    world = world_that_stands
    payer = payer_of(world)
    made = preapprovals.approved(payer, 50_000, at=world.now)
    machine = preapprovals.atm(store=world.merchant.stores.get())
    begun = machine.takes(made, at=world.now)
    parked = machine.reports(begun, "UNKNOWN", journal="feeding 1x50000", at=world.now)
    job = stock_files.take_in(
        merchant=world.merchant,
        source=b"kind,currency,amount,serial\nX,Y,Z,\n",
        actor=SYSTEM,
        at=world.now,
    )
    return payer, parked, job


@pytest.fixture
def payer(rows_that_stand, db):
    return deepcopy(rows_that_stand[0])


@pytest.fixture
def parked(rows_that_stand, db):
    return deepcopy(rows_that_stand[1])


@pytest.fixture
def things(rows_that_stand, payer, parked):
    """Return what stands behind the name of each page."""
    job = rows_that_stand[2].reference
    return {
        "preapproval": parked.preapproval.reference,
        "preapproval-cancel": parked.preapproval.reference,
        "preapproval-terms": payer.held.card.programme.reference,
        "suspense-resolve": parked.reference,
        "stock-file": job,
        "stock-file-errors": job,
    }


def address(name, tenant, things):
    more = [things[name]] if name in things else []
    return reverse(name, args=[tenant.reference, *more])


@pytest.mark.parametrize("role", Role)
def test_issuers_pages_open_to_whom_the_matrix_says(world, staff, things, role):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    for name, right in ISSUERS.items():
        mine = KINDS[role] in (TenantKind.ISSUER, TenantKind.PLATFORM)
        may = right in MATRIX[role]
        expected = 200 if may and mine else (404 if may else 403)
        assert browser.get(address(name, world.issuer, things)).status_code == expected, name


@pytest.mark.parametrize("role", Role)
def test_shops_pages_open_to_whom_the_matrix_says(world, staff, things, role):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    for name, right in SHOPS.items():
        if name == "atm-redemption":
            continue
        mine = KINDS[role] in (TenantKind.MERCHANT, TenantKind.PLATFORM)
        may = right in MATRIX[role]
        expected = 200 if may and mine else (404 if may else 403)
        assert browser.get(address(name, world.merchant, things)).status_code == expected, name


def test_another_issuers_pages_are_not_there(world, staff, things):
    browser = staff(Role.ISSUER_OPERATIONS, world.other_card.card.issuer.reference)
    for name in ISSUERS:
        assert browser.get(address(name, world.issuer, things)).status_code in (403, 404), name
        if name in things:
            foreign = address(name, world.other_card.card.issuer, things)
            assert browser.get(foreign).status_code in (403, 404), name


def test_another_shops_pages_are_not_there(world, stranger, things, parked):
    for name in SHOPS:
        with_things = things | {"atm-redemption": parked.reference}
        assert stranger.get(address(name, world.merchant, with_things)).status_code == 404, name
        if name in with_things:
            foreign = address(name, world.other_shop.merchant, with_things)
            assert stranger.get(foreign).status_code == 404, name


@pytest.mark.parametrize("role", Role)
def test_acts_are_taken_from_whom_the_matrix_says(world, staff, role):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    for name, right in ACTS.items():
        more = ["RDM-1"] if name == "atm-move" else []
        url = reverse(name, args=[world.merchant.reference, *more])
        assert browser.post(url).status_code == (404 if right in MATRIX[role] else 403), name
        assert browser.get(url).status_code in (403, 405), name


def test_a_cashier_of_another_shop_moves_nothing(world, cashier, stranger, made):
    store = world.merchant.stores.get().reference
    said = {"number": made.number, "kind": "CASH", "pickup_code": CODE, "store": store}
    begun = cashier.post(reverse("atm", args=[world.merchant.reference]), said | {"key": "k" * 24})
    assert stranger.post(f"{begun.url}/move", {"motion": "full"}).status_code == 404
    assert stranger.get(begun.url).status_code == 404


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", ["agree", "refuse"])
def test_proposals_are_answered_by_whom_the_matrix_says(world, staff, things, role, act, parked):
    said = redemptions.propose(
        reference=parked.reference,
        report=Report("NONE"),
        evidence="counted",
        actor=SYSTEM,
        at=world.now,
    )
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    url = f"{address('suspense-resolve', world.issuer, things)}/{said.reference}/{act}"
    told = {"proof": code_at(timezone.now()), "reason": "no"}

    answer = browser.post(url, told)
    may = Right.RESOLVE_EXCEPTIONS in MATRIX[role]
    assert answer.status_code == (302 if may else 403)
    said.refresh_from_db()
    assert (said.state == "PENDING") != may
    foreign = staff(Role.ISSUER_RISK, world.other_card.card.issuer.reference)
    assert foreign.post(url, told).status_code in (403, 404)


KINDS = {
    role: TenantKind.PLATFORM
    if role in (Role.PLATFORM_ADMIN, Role.SETTLEMENT_CLERK)
    else TenantKind.ISSUER
    if role.startswith("ISSUER")
    else TenantKind.MERCHANT
    if role.startswith("MERCHANT")
    else TenantKind.SPONSOR
    for role in Role
}

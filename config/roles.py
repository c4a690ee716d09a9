"""The role matrix: who may do what. Rights, menus and the tests are driven by this one table."""

from datetime import datetime
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _


class TenantKind(models.TextChoices):
    PLATFORM = "PLATFORM", _("platform")
    ISSUER = "ISSUER", _("issuer")
    MERCHANT = "MERCHANT", _("merchant")
    SPONSOR = "SPONSOR", _("sponsor")


class Role(models.TextChoices):
    PLATFORM_ADMIN = "PLATFORM_ADMIN", _("platform admin")
    SETTLEMENT_CLERK = "SETTLEMENT_CLERK", _("settlement clerk")
    ISSUER_RISK = "ISSUER_RISK", _("issuer risk")
    ISSUER_OPERATIONS = "ISSUER_OPERATIONS", _("issuer operations")
    ISSUER_APPROVER = "ISSUER_APPROVER", _("issuer approver")
    ISSUER_AUDITOR = "ISSUER_AUDITOR", _("issuer auditor")
    MERCHANT_OWNER = "MERCHANT_OWNER", _("merchant owner")
    MERCHANT_MANAGER = "MERCHANT_MANAGER", _("merchant manager")
    MERCHANT_CASHIER = "MERCHANT_CASHIER", _("merchant cashier")
    SPONSOR = "SPONSOR", _("sponsor")


class Right(models.TextChoices):
    SEE_BLACKLIST = "SEE_BLACKLIST", _("see the blacklist")
    BLOCK_CARDS = "BLOCK_CARDS", _("block and unblock cards")
    SEE_CARDS = "SEE_CARDS", _("see cards and devices")
    ISSUE_CARDS = "ISSUE_CARDS", _("issue cards")
    EDIT_PROGRAMMES = "EDIT_PROGRAMMES", _("edit programmes")
    SEE_PAYMENTS = "SEE_PAYMENTS", _("see payments")
    TAKE_PAYMENTS = "TAKE_PAYMENTS", _("take payments at the till")
    REFUND_PAYMENTS = "REFUND_PAYMENTS", _("refund and reverse payments")
    SEE_BATCHES = "SEE_BATCHES", _("see batches")
    RESOLVE_EXCEPTIONS = "RESOLVE_EXCEPTIONS", _("resolve exceptions and close disputes")
    SEE_PAYOUTS = "SEE_PAYOUTS", _("see payouts, agreements and reports")
    CLOSE_DAYS = "CLOSE_DAYS", _("close business days")
    EDIT_AGREEMENTS = "EDIT_AGREEMENTS", _("agree fees with merchants")
    EDIT_SHOP = "EDIT_SHOP", _("edit stores, terminals and readers")
    EDIT_MERCHANTS = "EDIT_MERCHANTS", _("add and edit merchants")
    SEE_BENEFITS = "SEE_BENEFITS", _("see campaigns, redemptions and what sponsors owe")
    EDIT_BENEFITS = "EDIT_BENEFITS", _("draft, publish and end campaigns")
    GRANT_BENEFITS = "GRANT_BENEFITS", _("see what customers hold and grant benefits")
    INVITE_STAFF = "INVITE_STAFF", _("invite staff and end memberships")
    SEE_AUDIT = "SEE_AUDIT", _("see the audit trail")


KIND_OF: dict[Role, TenantKind] = {
    role: TenantKind(role.value.split("_")[0])
    for role in Role
    if role.value.split("_")[0] in TenantKind.values
} | {Role.SETTLEMENT_CLERK: TenantKind.PLATFORM}

_ISSUER_SEES = frozenset(
    {
        Right.SEE_BLACKLIST,
        Right.SEE_CARDS,
        Right.SEE_PAYMENTS,
        Right.SEE_BATCHES,
        Right.SEE_BENEFITS,
        Right.SEE_AUDIT,
    }
)
_BENEFITS = frozenset({Right.SEE_BENEFITS, Right.EDIT_BENEFITS, Right.GRANT_BENEFITS})

MATRIX: dict[Role, frozenset[Right]] = {
    Role.PLATFORM_ADMIN: frozenset(Right)
    - {Right.BLOCK_CARDS, Right.ISSUE_CARDS, Right.TAKE_PAYMENTS, Right.REFUND_PAYMENTS},
    Role.SETTLEMENT_CLERK: frozenset(
        {
            Right.SEE_PAYMENTS,
            Right.SEE_BATCHES,
            Right.SEE_PAYOUTS,
            Right.CLOSE_DAYS,
            Right.EDIT_AGREEMENTS,
            Right.RESOLVE_EXCEPTIONS,
            Right.SEE_BENEFITS,
            Right.SEE_AUDIT,
        }
    ),
    Role.ISSUER_RISK: _ISSUER_SEES | {Right.BLOCK_CARDS, Right.RESOLVE_EXCEPTIONS},
    Role.ISSUER_OPERATIONS: _ISSUER_SEES
    | {
        Right.ISSUE_CARDS,
        Right.EDIT_PROGRAMMES,
        Right.RESOLVE_EXCEPTIONS,
        Right.INVITE_STAFF,
    }
    | _BENEFITS,
    Role.ISSUER_APPROVER: _ISSUER_SEES | {Right.BLOCK_CARDS, Right.EDIT_PROGRAMMES},
    Role.ISSUER_AUDITOR: _ISSUER_SEES,
    Role.MERCHANT_OWNER: frozenset(
        {
            Right.SEE_PAYMENTS,
            Right.TAKE_PAYMENTS,
            Right.REFUND_PAYMENTS,
            Right.SEE_BATCHES,
            Right.SEE_PAYOUTS,
            Right.EDIT_SHOP,
            Right.INVITE_STAFF,
            Right.SEE_AUDIT,
        }
    )
    | _BENEFITS,
    Role.MERCHANT_MANAGER: frozenset(
        {
            Right.SEE_PAYMENTS,
            Right.TAKE_PAYMENTS,
            Right.REFUND_PAYMENTS,
            Right.SEE_BATCHES,
            Right.SEE_PAYOUTS,
            Right.EDIT_SHOP,
        }
    )
    | _BENEFITS,
    Role.MERCHANT_CASHIER: frozenset({Right.SEE_PAYMENTS, Right.TAKE_PAYMENTS}),
    # A brand never sees single customers.
    Role.SPONSOR: frozenset({Right.SEE_BENEFITS, Right.EDIT_BENEFITS}),
}


class Holding(Protocol):
    """A role held since some time, until ``ended_at``: what a membership is to the matrix."""

    role: str
    ended_at: datetime | None


def allows(*, membership: Holding, right: Right) -> bool:
    """Return whether ``membership`` is live and its role has ``right``."""
    return membership.ended_at is None and right in MATRIX[Role(membership.role)]

"""Who sees pre-approvals, redemptions, suspense and stock: each its own alone."""

import pytest

from config.audit import SYSTEM
from settlement.selectors import preapprovals as seen
from settlement.services import stock
from settlement.services.stock import Line
from tests.factories import preapprovals as made
from tests.factories.config import member

pytestmark = pytest.mark.django_db
LISTS = (
    seen.preapprovals_visible_to,
    seen.redemptions_visible_to,
    seen.suspense_visible_to,
    seen.stock_visible_to,
)


@pytest.fixture
def places(payer, atm, noon):
    """One number in suspense at one machine; return issuer and merchant, and others of each."""
    atm.reports(atm.takes(made.approved(payer, at=noon), at=noon), "UNKNOWN", at=noon)
    line = Line("GIFT", "KRW", 1_000, "A-1")
    stock.load(merchant=atm.merchant, lines=[line], actor=SYSTEM, at=noon)
    return {
        "issuer": payer.held.card.issuer.reference,
        "another issuer": made.payer().held.card.issuer.reference,
        "merchant": atm.merchant.reference,
        "another merchant": made.atm().merchant.reference,
        "platform": "",
    }


@pytest.mark.parametrize(
    ("role", "place", "sees"),
    [
        ("ISSUER_RISK", "issuer", (1, 1, 1, 0)),
        ("ISSUER_AUDITOR", "issuer", (1, 1, 0, 0)),
        ("ISSUER_RISK", "another issuer", (0, 0, 0, 0)),
        ("MERCHANT_OWNER", "merchant", (0, 1, 0, 1)),
        ("MERCHANT_CASHIER", "merchant", (0, 1, 0, 1)),
        ("MERCHANT_OWNER", "another merchant", (0, 0, 0, 0)),
        ("PLATFORM_ADMIN", "platform", (1, 1, 1, 1)),
    ],
)
def test_each_sees_its_own(places, role, place, sees):
    user = member(role, places[place])
    assert tuple(rows(user).count() for rows in LISTS) == sees

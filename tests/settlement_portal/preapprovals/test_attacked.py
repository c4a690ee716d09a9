"""Machines and lists of numbers under attack: another currency's notes, days and serials that
are none."""

import pytest
from django.urls import reverse

from config.audit import SYSTEM
from config.paging import AS_FILE
from merchants.services import merchants
from settlement.models import Redemption
from settlement.rules.redeeming import Report
from settlement.services import ledger
from settlement.services.redemptions.refusals import RedemptionFinal
from tests.factories import preapprovals, requests
from tests.factories.preapprovals import CODE
from tests.factories.settlement import programme

ENDS = ("0001-01-01", "9999-12-31")


@pytest.fixture
def dollars(world):
    """100 dollars of cash, approved: as many minor units as 10,000 won."""
    of = programme(currency="USD", at=world.card.card.issued_at)
    payer = requests.payer(of=of, balance=20_000_000, at=world.now)
    return preapprovals.approved(payer, 10_000, at=world.now, currency="USD")


def test_an_atm_pays_no_number_of_another_currency_in_its_own_notes(cashier, world, dollars):
    store = world.merchant.stores.get().reference
    said = {"number": dollars.number, "kind": "CASH", "pickup_code": CODE, "store": store}
    answer = cashier.post(reverse("atm", args=[world.merchant.reference]), said | {"key": "k" * 24})

    assert answer.status_code == 200
    assert not Redemption.objects.exists()
    assert preapprovals.state_of(dollars) == "APPROVED"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("more", [{}, AS_FILE])
def test_a_shop_s_list_takes_any_day(cashier, world, more, end):
    url = reverse("redeemed-list", args=[world.merchant.reference])
    assert cashier.get(url, {"from": end, "until": end} | more).status_code == 200


@pytest.mark.parametrize("end", ENDS)
def test_an_issuer_s_list_takes_any_day(risk, world, end):
    url = reverse("preapproval-list", args=[world.issuer.reference])
    assert risk.get(url, {"from": end, "until": end}).status_code == 200


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("name", "query", "length"),
    [("payout-list", "day", 10), ("merchant-days", "month", 7), ("merchant-report", "from", 10)],
)
def test_a_shop_s_days_take_any_day(owner, name, query, length, end):
    assert owner.get(reverse(name), {query: end[:length]}).status_code == 200


def test_an_item_that_cannot_be_is_not_withdrawn(owner, world):
    url = reverse("stock-withdraw", args=[world.merchant.reference])
    assert owner.post(url, {"serial": "A\0", "kind": "GIFT"}).status_code in {400, 404}


def test_what_came_out_before_the_shop_was_suspended_is_posted(world, machine, parked):
    merchants.suspend(merchant=world.merchant, actor=SYSTEM, at=world.now, reason="Fraud")
    preapprovals.decided(parked, Report("PARTIAL", 20_000), at=world.now)

    assert ledger.check() == []
    with pytest.raises(RedemptionFinal):
        machine.reports(parked, at=world.now)

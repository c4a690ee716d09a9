"""Checkouts: from the number at the till to the end, and what is posted by then."""

from datetime import timedelta

import pytest

from benefits.models import Holding, Plan, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services import plans
from config.models import Event
from config.refusals import NotFound
from issuers.models import Authorisation, Card, Debt
from settlement.models import Checkout, LedgerAccount, Payment, Transfer
from settlement.selectors import benefit_lines
from settlement.selectors.checkouts import as_told
from settlement.services import checkouts, ledger, payments
from settlement.services.checkouts import Asked
from settlement.services.payments import refusals
from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.merchants import SYSTEM
from tests.factories.requests import payer
from wallets.models import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopper(db):
    return payer(balance=50_000)


@pytest.fixture
def customer(shopper):
    return Phone.objects.get(device=shopper.phone).customer


@pytest.fixture
def till(db):
    return made.till()


def balance(kind):
    """Return the balance of all accounts of a kind."""
    return sum(ledger.balances(kind=kind).values())


def card_of(shopper):
    return shopper.held.card.reference


def test_2_01_one_number_applies_all_and_is_paid_at_once(shopper, customer, till, noon):
    all_three = [held.held(customer, kind) for kind in (Kind.COUPON_FIXED, Kind.POINTS)]
    all_three.append(held.held(customer, Kind.GIFT_CARD))
    plan = held.plan_of(shopper.phone, *all_three, card=card_of(shopper), at=noon)
    done = till.presents(made.with_psn(shopper, plan), 30_000, at=noon)
    assert (done.state, done.remainder_minor) == ("PAID", 9_000)
    assert balance("SPONSOR") == -11_000
    assert balance("GIFT_CARD") == 0
    assert balance("MERCHANT") == 30_000
    assert ledger.check() == []


def test_2_04_a_number_alone_is_confirmed_by_the_cashier(shopper, customer, till, noon):
    plan = held.plan_of(shopper.phone, held.held(customer), at=noon)
    quoted = till.presents(plan.tsn, at=noon)
    assert (quoted.state, quoted.remainder_minor) == ("QUOTED", 9_000)
    paid = [till.confirms(quoted, at=noon).state for _ in range(2)]
    assert paid == ["PAID", "PAID"]
    assert balance("MERCHANT") == 1_000 == Payment.objects.get().amount_minor
    assert Plan.objects.get().state == "CONSUMED"


def test_a_purchase_without_benefits_paid_in_cash_is_no_payment_of_ours(shopper, till, noon):
    quoted = till.presents(held.plan_of(shopper.phone, at=noon).tsn, at=noon)
    assert till.confirms(quoted, "CARD", at=noon).state == "PAID"
    assert not Payment.objects.exists()
    assert till.cancels(quoted, at=noon).state == "REVERSED"


def test_2_09_a_decline_leaves_everything_as_before(shopper, customer, till, noon):
    coupon, gift = held.held(customer), held.held(customer, Kind.GIFT_CARD)
    plan = held.plan_of(
        shopper.phone, coupon, gift, card=card_of(shopper), max_amount_minor=900_000, at=noon
    )
    done = till.presents(made.with_psn(shopper, plan), 800_000, at=noon)
    assert (done.state, done.decline_reason) == ("DECLINED", "insufficient_funds")
    assert [*Holding.objects.values_list("uses_held", "used", "held_minor")] == [(0, 0, 0)] * 2
    assert Plan.objects.get().state == "ISSUED"
    assert not Transfer.objects.filter(code="ONLINE_SALE").exists()
    with pytest.raises(plans.PsnUsed):
        till.presents(made.with_psn(shopper, plan), 1_000, at=noon)


def test_2_11_where_benefits_cover_all_no_card_is_asked(shopper, customer, till, noon):
    gift = held.held(customer, Kind.GIFT_CARD)
    plan = held.plan_of(shopper.phone, gift, card=card_of(shopper), at=noon)
    done = till.presents(made.with_psn(shopper, plan), 10_000, at=noon)
    assert (done.state, done.tender, done.remainder_minor) == ("PAID", "NONE", 0)
    assert not Authorisation.objects.exists()
    assert Plan.objects.get().state == "CONSUMED"


def test_above_the_plans_most_the_phone_is_asked(shopper, customer, till, noon):
    plan = held.plan_of(
        shopper.phone, held.held(customer), card=card_of(shopper), max_amount_minor=5_000, at=noon
    )
    asked = till.presents(made.with_psn(shopper, plan), 8_000, at=noon)
    assert asked.state == "CONSENT_REQUIRED"
    with pytest.raises(checkouts.ConsentRequired):
        till.confirms(asked, at=noon)
    with pytest.raises(refusals.PaymentChanged):
        made.approves(shopper, plan, asked, remainder_minor=6_999, at=noon)
    word = made.approves(shopper, plan, asked, at=noon)
    assert (word.state, word.remainder_minor) == ("APPROVED", 7_000)
    assert Checkout.objects.get().tsn is None
    assert ledger.check() == []


def test_an_abandoned_or_expired_checkout_releases_all(shopper, customer, till, noon):
    plan = held.plan_of(shopper.phone, held.held(customer), at=noon)
    first = till.presents(plan.tsn, at=noon)
    assert till.abandons(first, at=noon).state == "ABANDONED"
    second = till.presents(plan.tsn, at=noon)
    later = noon + timedelta(seconds=600)
    assert checkouts.end_due(at=later - timedelta(seconds=1), limit=10) == 0
    assert checkouts.end_due(at=later, limit=10) == 1
    with pytest.raises(checkouts.CheckoutFinal):
        till.confirms(second, at=later)
    assert [*Redemption.objects.values_list("state", flat=True)] == ["RELEASED"] * 2
    assert Holding.objects.get().uses_held == 0


def test_6_06_a_cancelled_checkout_undoes_benefits_ledger_and_tells_of_it(
    shopper, customer, till, noon
):
    coupon, gift = held.held(customer), held.held(customer, Kind.GIFT_CARD)
    plan = held.plan_of(shopper.phone, coupon, gift, card=card_of(shopper), at=noon)
    before = shopper.account.balance_minor
    done = till.presents(made.with_psn(shopper, plan), 30_000, at=noon)
    assert till.cancels(done, at=noon).state == "REVERSED"
    assert shopper.account.balance_minor == before
    assert Holding.objects.get(pk=gift.pk).balance_minor == 10_000
    assert Holding.objects.get(pk=coupon.pk).state == "ACTIVE"
    assert (balance("MERCHANT"), balance("SPONSOR"), balance("GIFT_CARD")) == (0, 0, 10_000)
    assert [*Event.objects.order_by("id").values_list("type", flat=True)][-3:] == [
        "payment.requested",
        "payment.approved",
        "payment.reversed",
    ]
    assert ledger.check() == []


def test_2_10_refunds_add_up_to_the_unit(shopper, customer, till, noon):
    shares = [(held.sponsor(name), bps) for name, bps in (("A", 3_333), ("B", 6_667))]
    coupon = held.held(customer, of=held.definition(shares=shares, amount_minor=1_001))
    chosen = [
        coupon,
        (held.held(customer, Kind.POINTS), 333),
        (held.held(customer, Kind.GIFT_CARD), 777),
    ]
    plan = held.plan_of(shopper.phone, *chosen, card=card_of(shopper), at=noon)
    done = till.presents(made.with_psn(shopper, plan), 10_007, at=noon)
    before = balance("CARDHOLDER")
    for amount in (1, 3_333, 4_444, 10_007 - 7_778):
        payments.refund(
            reference=done.reference, amount_minor=amount, reason="", actor=SYSTEM, at=noon
        )
        assert ledger.check() == []
        assert balance("MERCHANT") == 10_007 - Payment.objects.get().refunded_minor
    assert balance("CARDHOLDER") - before == done.remainder_minor == 7_896
    assert (balance("SPONSOR"), balance("ROUNDING")) == (0, 0)
    assert {*Holding.objects.values_list("state", flat=True)} == {"ACTIVE"}


def test_what_the_till_took_itself_is_given_back_whole_only(shopper, customer, till, noon):
    plan = held.plan_of(shopper.phone, held.held(customer), at=noon)
    quoted = till.presents(plan.tsn, at=noon)
    till.confirms(quoted, at=noon)
    back = {"reference": quoted.reference, "reason": "", "actor": SYSTEM, "at": noon}
    with pytest.raises(refusals.WholeOnly):
        payments.refund(amount_minor=999, **back)
    payments.refund(amount_minor=1_000, **back)
    assert (balance("MERCHANT"), balance("SPONSOR")) == (0, 0)
    assert Holding.objects.get().state == "ACTIVE"


def test_2_13_a_sponsor_owes_what_was_committed_of_its_benefits(shopper, customer, till, noon):
    shares = [(held.sponsor(name), bps) for name, bps in (("A", 2_500), ("B", 7_500))]
    for key in range(3):
        coupon = held.held(customer, of=held.definition(shares=shares, amount_minor=1_001))
        quoted = till.presents(held.plan_of(shopper.phone, coupon, at=noon).tsn, at=noon)
        if key:
            till.confirms(quoted, at=noon)
        else:
            till.abandons(quoted, at=noon)
    owed = {key.owner: minor for key, minor in ledger.balances(kind="SPONSOR").items()}
    assert owed == {shares[0][0].owner: -500, shares[1][0].owner: -1_502}
    assert LedgerAccount.objects.filter(kind="SPONSOR").count() == 2


def test_another_till_knows_nothing_of_it(shopper, till, noon):
    quoted = till.presents(held.plan_of(shopper.phone, at=noon).tsn, at=noon)
    with pytest.raises(NotFound):
        made.till().confirms(quoted, at=noon)


def test_a_blocked_card_is_declined(shopper, till, noon):
    plan = held.plan_of(shopper.phone, card=card_of(shopper), at=noon)
    code = made.with_psn(shopper, plan)
    Card.objects.update(frozen_by_owner_at=noon)
    done = till.presents(code, at=noon)
    assert (done.state, done.decline_reason) == ("DECLINED", "card_blocked")


def test_2_06_numbers_end_at_the_second_each_with_its_reason(shopper, till, noon):
    card = card_of(shopper)
    for lived, refusal in (
        (179, None),
        (180, plans.PsnExpired),
        (599, None),
        (600, plans.TsnExpired),
    ):
        plan = held.plan_of(shopper.phone, card=card, at=noon)
        alone = lived > 180
        code = plan.tsn if alone else made.with_psn(shopper, plan)
        at = noon + timedelta(seconds=lived)
        if refusal is None:
            assert till.presents(code, at=at).state == ("QUOTED" if alone else "PAID")
        else:
            with pytest.raises(refusal):
                till.presents(code, at=at)


def test_a_lock_outlives_the_number_it_took(shopper, till, noon):
    plan = held.plan_of(shopper.phone, at=noon)
    quoted = till.presents(plan.tsn, at=noon + timedelta(seconds=599))
    later = noon + timedelta(seconds=1_198)
    assert till.confirms(quoted, at=later).state == "PAID"


def test_a_debt_is_collected_before_the_card_pays(shopper, till, noon):
    account = shopper.account
    Debt.objects.create(account=account, card=shopper.held.card, amount_minor=1_000, opened_at=noon)
    plan = held.plan_of(shopper.phone, card=card_of(shopper), at=noon)
    done = till.presents(made.with_psn(shopper, plan), 10_000, at=noon)
    assert (done.state, Debt.objects.get().closed_at) == ("PAID", noon)


def test_the_sum_of_lines_is_what_is_off(shopper, customer, till, noon):
    plan = held.plan_of(shopper.phone, held.held(customer), at=noon)
    quoted = till.presents(plan.tsn, 7_777, at=noon)
    told = as_told(quoted)
    assert sum(line["amount"] for line in told["lines"]) == 7_777 - told["remainder"]
    assert told["lines"][0]["sponsor"] == "Mapo Bakery"


@pytest.mark.parametrize(
    ("most", "amount", "state"),
    [
        (None, 9_999, "QUOTED"),
        (9_000, 9_999, "CONSENT_REQUIRED"),
        (50_000, 9_999, "PAID"),
        (900_000, 800_000, "DECLINED"),
    ],
)
def test_the_first_answer_is_what_the_database_tells(
    shopper, customer, till, noon, most, amount, state
):
    shares = [(held.sponsor(name), bps) for name, bps in (("A", 2_500), ("B", 3_750), ("C", 3_750))]
    chosen = [held.held(customer, of=held.definition(shares=shares)), held.held(customer)]
    chosen.append(held.held(customer, Kind.POINTS))
    card = {} if most is None else {"card": card_of(shopper), "max_amount_minor": most}
    plan = held.plan_of(shopper.phone, *chosen, at=noon, **card)
    asked = Asked(plan.tsn if most is None else made.with_psn(shopper, plan), amount, "KRW")
    begun = checkouts.begin(device=till.device, asked=asked, at=noon)
    answer = as_told(
        begun.checkout, lines=benefit_lines.told(lines=begun.lines, payers=begun.payers)
    )
    assert (answer["state"], bool(answer["lines"])) == (state, state != "DECLINED")
    assert answer == as_told(Checkout.objects.get())


def test_the_check_tells_a_gift_card_that_is_not_what_the_ledger_says(
    shopper, customer, till, noon
):
    gift = held.held(customer, Kind.GIFT_CARD)
    plan = held.plan_of(shopper.phone, (gift, 400), at=noon)
    till.confirms(till.presents(plan.tsn, at=noon), at=noon)
    assert ledger.check() == []
    Holding.objects.filter(pk=gift.pk).update(balance_minor=9_599)
    assert ledger.check() == [f"gift card {gift.reference}: 9599 on it, ledger 9600"]

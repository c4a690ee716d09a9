"""Many at once on one coupon, one gift card, one budget; and one that is killed in the middle.

Each goes with a control that breaks what guards it, and then fails as it should.
"""

from dataclasses import replace
from threading import Barrier, Event
from time import sleep

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from benefits.models import (
    Accrual,
    BudgetSlot,
    Clawback,
    Holding,
    Lock,
    Plan,
    Redemption,
    StampCard,
)
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.services import (
    accruals,
    budgets,
    clawing_back,
    earning_rules,
    holdings,
    locks,
    lookups,
    plans,
    restoring,
)
from benefits.services.accruals import Paid
from benefits.services.earning_rules import EarningTerms
from benefits.services.holdings import BudgetExhausted, Worth
from benefits.services.locks import reading
from benefits.services.plans import TsnUsed
from config import pipeline
from config.audit import SYSTEM
from config.pipeline import Statement
from config.states import InvalidTransition
from config.wire.luhn import check_digit
from tests.factories import benefits as made
from tests.factories.wallets import CustomerFactory, enrolled_phone
from tests.row_locks import without_row_locks
from wallets.models import Phone

pytestmark = pytest.mark.django_db(transaction=True)
PHONES = 20


@pytest.fixture
def crowd(noon):
    """Return the twenty phones of one customer, and a till for each."""
    customer = CustomerFactory()
    phones = [enrolled_phone(customer=customer, at=noon)[0] for _ in range(PHONES)]
    return customer, phones, [made.counter() for _ in range(PHONES)]


def takes(crowd, holding, noon, amount=None):
    """Return for each phone how its till takes its plan of the same holding."""
    _customer, phones, tills = crowd
    planned = [made.plan_of(phone, (holding, amount), at=noon).plan for phone in phones]
    return [
        lambda till=till, plan=plan: till.takes(plan, at=noon)
        for till, plan in zip(tills, planned, strict=True)
    ]


def blind(monkeypatch):
    """Let takes read rows without locking them, and all of them before one of them writes."""
    gate, locked = Barrier(PHONES), reading.locked

    def read_together(**asked):
        found = locked(**asked)
        gate.wait(timeout=30)
        return found

    monkeypatch.setattr(pipeline, "run", without_row_locks)
    monkeypatch.setattr(reading, "locked", read_together)


def test_twenty_phones_with_a_plan_on_one_coupon_take_it_once(crowd, at_once, noon):
    coupon = made.held(crowd[0])
    taken = at_once(takes(crowd, coupon, noon))
    assert sorted(len(each.lines) for each in taken) == [0] * 19 + [1]
    skips = {skip.code for each in taken for skip in each.skipped}
    assert (skips, Holding.objects.get().uses_held) == ({"benefit_taken"}, 1)


def test_without_row_locks_one_coupon_would_go_to_several(crowd, at_once, noon, monkeypatch):
    coupon = made.held(crowd[0])
    asked = takes(crowd, coupon, noon)
    blind(monkeypatch)
    assert sum(len(each.lines) for each in at_once(asked)) == PHONES


@pytest.mark.parametrize(("balance", "asked"), [(10_000, 3_000), (9_999, 1_000), (500, 500)])
def test_a_gift_card_serves_as_often_as_its_balance_holds_the_amount(
    crowd, at_once, noon, balance, asked
):
    gift = made.held(crowd[0], Kind.GIFT_CARD, worth=Worth(amount_minor=balance))
    taken = at_once(takes(crowd, gift, noon, asked))
    whole = [line for each in taken for line in each.lines if line.amount_minor == asked]
    assert len(whole) == min(PHONES, balance // asked)
    assert Holding.objects.get().held_minor <= balance


def test_2_08_a_gift_card_at_many_tills_is_never_overspent(crowd, at_once, noon):
    gift = made.held(crowd[0], Kind.GIFT_CARD, worth=Worth(amount_minor=7_777))
    taken = at_once(takes(crowd, gift, noon, 1_000))
    for each in taken:
        locks.commit(document=each.redemption.document, tender="CARD", at=noon)
    spent = sum(Lock.objects.values_list("amount_minor", flat=True))
    fresh = Holding.objects.get()
    assert (spent, fresh.balance_minor, fresh.held_minor) == (7_777, 0, 0)


def test_without_row_locks_a_gift_card_would_be_overspent(crowd, at_once, noon, monkeypatch):
    gift = made.held(crowd[0], Kind.GIFT_CARD, worth=Worth(amount_minor=3_000))
    asked = takes(crowd, gift, noon, 1_000)
    blind(monkeypatch)
    at_once(asked)
    assert sum(Lock.objects.values_list("amount_minor", flat=True)) == PHONES * 1_000


def test_the_database_holds_a_balance_by_itself():
    gift = made.held(CustomerFactory(), Kind.GIFT_CARD, worth=Worth(amount_minor=100))
    with pytest.raises(IntegrityError):
        Holding.objects.filter(pk=gift.pk).update(held_minor=101)


def grants(of, noon, each=1_000, count=64):
    """Return so many grants of points, to as many customers."""
    return [
        lambda customer=customer: holdings.grant(
            definition=of, customer=customer, worth=Worth(amount_minor=each), at=noon
        )
        for customer in [CustomerFactory() for _ in range(count)]
    ]


@pytest.mark.parametrize("budget", [40_500, 64_000, 3_000])
def test_64_parallel_grants_never_overrun_a_budget(at_once, noon, budget):
    of = made.definition(Kind.POINTS, budget_minor=budget)
    given = at_once(grants(of, noon))
    went = [each for each in given if isinstance(each, Holding)]
    assert len(went) == budget // 1_000
    assert {type(each) for each in given} - {Holding} <= {BudgetExhausted}
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == len(went) * 1_000


def test_without_the_budget_taken_grants_would_overrun_it(at_once, noon, monkeypatch):
    of = made.definition(Kind.POINTS, budget_minor=40_500)
    monkeypatch.setattr(holdings, "_take_budgets", lambda _wants: None)
    given = at_once(grants(of, noon))
    assert sum(isinstance(each, Holding) for each in given) > 40


def test_the_database_holds_a_slot_by_itself(noon):
    made.definition(Kind.POINTS, budget_minor=16)
    with pytest.raises(IntegrityError):
        BudgetSlot.objects.update(taken_minor=2)


def test_one_plan_at_many_tills_is_at_one(noon, at_once):
    device, _key = enrolled_phone(at=noon)
    plan = made.plan_of(device, at=noon).plan
    tills = [made.counter() for _ in range(PHONES)]
    taken = at_once(
        [lambda till=till: till.takes(Plan.objects.get(pk=plan.pk), at=noon) for till in tills]
    )
    assert sum(isinstance(each, locks.Taken) for each in taken) == 1
    assert sum(isinstance(each, TsnUsed) for each in taken) == PHONES - 1
    assert Redemption.objects.count() == 1


def test_without_row_locks_only_the_database_would_keep_a_plan_at_one_till(
    noon, at_once, monkeypatch
):
    device, _key = enrolled_phone(at=noon)
    plan = made.plan_of(device, at=noon).plan
    tills = [made.counter() for _ in range(PHONES)]
    blind(monkeypatch)
    taken = at_once([lambda till=till: till.takes(plan, at=noon) for till in tills])
    assert sum(isinstance(each, InvalidTransition) for each in taken) == PHONES - 1
    assert Redemption.objects.count() == 1


def test_plans_made_at_once_leave_one_live_number(noon, at_once):
    device, _key = enrolled_phone(at=noon)
    given = at_once([lambda: made.plan_of(device, at=noon) for _ in range(8)])
    assert [each for each in given if isinstance(each, Exception)] == []
    assert Plan.objects.filter(state="ISSUED").count() == 1


def test_a_till_killed_in_the_middle_leaves_everything_as_it_was(crowd, at_once, noon):
    coupon = made.held(crowd[0], of=made.definition(budget_minor=1_000))
    killed, *others = takes(crowd, coupon, noon)

    def killed_after_taking():
        with transaction.atomic():
            killed()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    (end,) = at_once([killed_after_taking])
    assert isinstance(end, DatabaseError)
    assert (Lock.objects.count(), Holding.objects.get().uses_held) == (0, 0)
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 0
    taken = at_once(others)
    assert sum(len(each.lines) for each in taken) == 1


def test_a_till_killed_after_its_transaction_has_taken(crowd, at_once, noon):
    coupon = made.held(crowd[0], of=made.definition(budget_minor=1_000))
    killed, *others = takes(crowd, coupon, noon)

    def killed_when_committed():
        killed()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    at_once([killed_when_committed])
    assert sum(len(each.lines) for each in at_once(others)) == 0


def wrong_numbers(till, noon, count):
    def ask(n):
        body = f"9{n:014}"
        return plans.look_up(number=body + check_digit(body), device=till.device, at=noon)

    return [lambda n=n: ask(n) for n in range(count)]


def test_of_twenty_wrong_numbers_at_once_ten_are_judged(at_once, noon):
    ends = at_once(wrong_numbers(made.counter(), noon, 20))
    assert sorted(type(end).__name__ for end in ends) == ["LookupLocked"] * 10 + ["TsnUnknown"] * 10


def test_a_burst_would_pass_the_count_if_it_went_through_together(at_once, noon, monkeypatch):
    monkeypatch.setattr(lookups, "in_turn", lambda **_told: Statement("SELECT 1"))
    # All have read how many there were before one of them counts.
    gate, refusal_of = Barrier(20), lookups.refusal_of

    def judge_together(**told):
        refusal = refusal_of(**told)
        gate.wait(timeout=20)
        return refusal

    monkeypatch.setattr(lookups, "refusal_of", judge_together)
    ends = at_once(wrong_numbers(made.counter(), noon, 20))
    assert [type(end).__name__ for end in ends] == ["TsnUnknown"] * 20


def test_commit_and_release_at_once_end_one_way(noon, at_once):
    device, _key = enrolled_phone(at=noon)
    customer = Phone.objects.get(device=device).customer
    gift = made.held(customer, Kind.GIFT_CARD)
    document = made.counter().takes(made.plan_of(device, gift, at=noon).plan, at=noon)
    name = document.redemption.document
    ends = at_once(
        [
            lambda: locks.commit(document=name, tender="CARD", at=noon),
            lambda: locks.release(document=name, at=noon),
        ]
    )
    assert sum(isinstance(each, locks.NotHeld) for each in ends) == 1
    fresh = Holding.objects.get()
    assert (fresh.held_minor, fresh.balance_minor) in {(0, 0), (0, 10_000)}


def test_takes_and_releases_of_two_tight_budgets_form_no_circle(at_once, noon):
    both = [made.definition(budget_minor=9_500) for _ in range(2)]

    def shops_twice(device, till):
        customer = Phone.objects.get(device=device).customer
        chosen = [made.held(customer, of=of) for of in both]
        for _ in range(2):
            taken = till.takes(made.plan_of(device, *chosen, at=noon).plan, at=noon)
            locks.release(document=taken.redemption.document, at=noon)

    pairs = [(enrolled_phone(at=noon)[0], made.counter()) for _ in range(PHONES)]
    ends = at_once([lambda pair=pair: shops_twice(*pair) for pair in pairs])
    assert ends == [None] * PHONES
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 0
    assert sum(BudgetSlot.objects.values_list("size_minor", flat=True)) == 19_000


def paid(customers, merchant, at, named="PAY"):
    """Return a purchase of each customer."""
    return [
        Paid(
            document=f"{named}-{number}",
            customer=customer,
            merchant=merchant,
            currency="KRW",
            base_minor=10_000,
            paid_at=at,
        )
        for number, customer in enumerate(customers)
    ]


def test_points_of_a_budget_and_a_grant_by_hand_form_no_circle(at_once, noon, monkeypatch):
    till, (first, second) = made.counter(), [CustomerFactory() for _ in range(2)]
    own = [(made.sponsor_of(till.merchant), 10_000)]
    # No slot has so much by itself: who takes it waits for all slots.
    of = made.definition(Kind.POINTS, shares=own, budget_minor=1_600)
    terms = EarningTerms(earns=Earns(points_bps=200))
    earning_rules.add(merchant=till.merchant, gives=of, terms=terms, actor=SYSTEM, at=noon)
    for customer in (first, second):
        made.held(customer, of=of, worth=Worth(amount_minor=1))
    taken, locked = Event(), Event()
    take, lock = budgets.take, holdings._locked_points

    def take_and_wait(*, wants):
        found = take(wants=wants)
        taken.set()
        locked.wait(timeout=0.5)
        return found

    def lock_and_tell(points, at):
        held = lock(points, at)
        if points[0].key == "by hand":
            locked.set()
        return held

    monkeypatch.setattr(budgets, "take", take_and_wait)
    monkeypatch.setattr(holdings, "_locked_points", lock_and_tell)

    def earns():
        return accruals.give(purchases=paid([first, second], till.merchant, noon), at=noon)

    def grants_by_hand():
        taken.wait(timeout=10)
        worth = Worth(amount_minor=200)
        holdings.grant(definition=of, customer=second, key="by hand", worth=worth, at=noon)

    earned, granted = at_once([earns, grants_by_hand])
    assert granted is None
    assert [each.amount for each in earned] == [200, 200]
    assert sum(BudgetSlot.objects.values_list("taken_minor", flat=True)) == 602


def two_holdings(customer, merchant, at):
    """Let a customer earn points of two kinds, whose holdings stand in the other order."""
    rules = [made.earning(merchant, points_bps=200, at=at) for _ in range(2)]
    for rule in reversed(rules):
        made.held(customer, of=rule.gives)


def two_cards(customer, merchant, at):
    """Let a customer earn stamps of two kinds, whose open cards stand in the other order."""
    for needed in (2, 9):
        made.earning(merchant, Kind.STAMP, stamps_needed=needed, at=at)
    for named in ("ONE", "TWO"):  # which fills the first card
        accruals.give(purchases=paid([customer], merchant, at, named), at=at)


@pytest.mark.parametrize(
    ("two", "part"), [(two_holdings, "_points_back"), (two_cards, "_stamp_back")]
)
def test_what_one_purchase_earns_and_another_loses_form_no_circle(
    at_once, noon, monkeypatch, two, part
):
    till, customer = made.counter(), CustomerFactory()
    two(customer, till.merchant, noon)
    before, now = (paid([customer], till.merchant, noon, named) for named in ("OLD", "NEW"))
    accruals.give(purchases=before, at=noon)
    lost, back = Event(), getattr(clawing_back, part)

    def take_back_and_wait(of, due):
        taken = back(of, due)
        lost.set()
        sleep(0.5)
        return taken

    monkeypatch.setattr(clawing_back, part, take_back_and_wait)

    def loses():
        clawing_back.claw_back(
            document="OLD-0", key="", refunded_minor=10_000, purchase_minor=10_000, at=noon
        )

    def earns():
        lost.wait(timeout=10)
        accruals.give(purchases=now, at=noon)

    assert at_once([loses, earns]) == [None, None]
    assert Accrual.objects.filter(document="NEW-0").count() == 2
    assert Clawback.objects.filter(short=0).count() == 2


def test_what_a_refund_gives_and_takes_back_forms_no_circle_with_earnings(
    at_once, noon, monkeypatch
):
    device, _key = enrolled_phone(at=noon)
    till, customer = made.counter(), Phone.objects.get(device=device).customer
    first, second = [made.earning(till.merchant, points_bps=200, at=noon) for _ in range(2)]
    made.held(customer, of=first.gives)
    spent = made.held(customer, of=second.gives)
    taken = till.takes(made.plan_of(device, (spent, 4_000), at=noon).plan, at=noon)
    document = taken.redemption.document
    locks.commit(document=document, tender="CARD", at=noon)
    (before,) = paid([customer], till.merchant, noon)
    accruals.give(purchases=[replace(before, document=document)], at=noon)
    locked, give = Event(), restoring._give_back

    def give_back_and_wait(*told):
        give(*told)
        locked.set()
        sleep(0.5)

    monkeypatch.setattr(restoring, "_give_back", give_back_and_wait)

    def refunds():
        amount = taken.redemption.purchase_minor
        restoring.refund(document=document, key="", amount_minor=amount, at=noon)

    def earns():
        locked.wait(timeout=10)
        accruals.give(purchases=paid([customer], till.merchant, noon), at=noon)

    assert at_once([refunds, earns]) == [None, None]
    assert set(Holding.objects.values_list("balance_minor", flat=True)) == {10_200}


def test_a_stamp_taken_back_meanwhile_is_not_given_again(at_once, noon, monkeypatch):
    till, customer = made.counter(), CustomerFactory()
    made.earning(till.merchant, Kind.STAMP, stamps_needed=9, at=noon)
    before, now = (paid([customer], till.merchant, noon, named) for named in ("OLD", "NEW"))
    accruals.give(purchases=before, at=noon)
    read, accrual_of = Event(), accruals._accrual

    def wait_and_give(earned, at):
        read.set()
        sleep(0.5)
        return accrual_of(earned, at)

    monkeypatch.setattr(accruals, "_accrual", wait_and_give)

    def loses():
        read.wait(timeout=10)
        clawing_back.claw_back(
            document="OLD-0", key="", refunded_minor=10_000, purchase_minor=10_000, at=noon
        )

    at_once([lambda: accruals.give(purchases=now, at=noon), loses])
    assert StampCard.objects.get().stamps == 1

"""Payouts: each payment in exactly one, their sums the ledger's, nothing drawn up twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from config.management.json_command import JsonCommand
from config.models import Audit
from issuers.services import blacklist
from merchants.models import Merchant
from settlement import tasks
from settlement.models import MerchantDay, Payment, Payout, PayoutLine, Transfer
from settlement.services import batches, ledger, payouts
from settlement.services.batches import BatchRefused
from settlement.services.ledger import Key
from settlement.services.payouts import DayNotOver
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM, AgreementFactory

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 22)  # NOON's, in Seoul
NEXT_DAY = DAY + timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 22, 15, tzinfo=UTC)  # DAY's end in Seoul
SOON = MIDNIGHT + timedelta(minutes=20)


@pytest.fixture(autouse=True)
def agreement(till):
    return AgreementFactory(
        merchant=till.merchant, online_fee_minor=100, offline_fee_minor=20, fee_bps=80
    )


def post(till, *records, at=None):
    till.upload(*records, at=at)
    batches.post_waiting(limit=20, at=at or till.now)


def sell(till, card, *amounts, tapped=None, at=None):
    post(till, *[card.sale(till, amount, at=tapped) for amount in amounts], at=at)


def draw_up(till, day=DAY, at=SOON):
    return payouts.draw_up(merchant=till.merchant, day=day, at=at)


def figures(payout):
    return (
        payout.sales_minor,
        payout.reversals_minor,
        payout.losses_minor,
        payout.fees_minor,
        payout.net_minor,
    )


def owed(merchant):
    """Return what the ledger says is payable, less what the merchant bears and was not charged."""
    mine = [
        ledger.balances(kind=kind).get(Key(kind, merchant.reference, "KRW"), 0)
        for kind in ("MERCHANT", "MERCHANT_LOSS")
    ]
    return sum(mine)


def test_a_day_by_hand(till, card):
    sell(till, card, 10_000, 12_345)

    (payout,) = draw_up(till)

    # 20 + 80 and 20 + ⌊98.76⌋
    assert figures(payout) == (22_345, 0, 0, 100 + 118, 22_345 - 218)
    assert (payout.business_date, payout.sales, payout.reversals) == (DAY, 2, 0)
    assert (payout.state, payout.closed_at, payout.incomplete) == ("CLOSED", SOON, [])
    fee = Transfer.objects.get(code="FEES")
    assert (fee.amount_minor, fee.posting_id) == (218, payout.posting_id)
    assert (fee.debit.kind, fee.credit.kind, fee.credit.owner) == ("MERCHANT", "FEES", "platform")
    assert owed(till.merchant) == payout.net_minor
    assert Audit.objects.filter(action="payout.draw_up", subject=payout.reference).exists()
    assert ledger.check() == []


def test_a_second_run_draws_up_nothing(till, card):
    sell(till, card, 10_000)
    draw_up(till)
    before = Transfer.objects.count()

    assert draw_up(till) == []
    assert payouts.draw_up_due(at=SOON) == []
    assert (Payout.objects.count(), Transfer.objects.count()) == (1, before)


def test_a_day_that_has_not_ended_is_refused(till, card):
    sell(till, card, 10_000)

    with pytest.raises(DayNotOver):
        draw_up(till, at=MIDNIGHT + payouts.GRACE - timedelta(seconds=1))
    assert payouts.draw_up_due(at=MIDNIGHT) == []
    assert [each.business_date for each in draw_up(till, at=MIDNIGHT + payouts.GRACE)] == [DAY]


def test_the_day_is_the_merchants_own(card, noon):
    honolulu = factory.till(now=noon)
    Merchant.objects.filter(pk=honolulu.merchant.pk).update(time_zone="Pacific/Honolulu")
    sell(honolulu, card, 10_000)  # 17:00 on the 21st there

    assert payouts.draw_up_due(at=noon + timedelta(hours=7)) == []
    (payout,) = payouts.draw_up_due(at=noon + timedelta(hours=8))
    assert payout.business_date == date(2026, 11, 21)


def test_what_posts_late_stands_in_the_payout_of_its_posting(till, card, noon):
    early = card.sale(till, 5000)
    sell(till, card, 10_000)
    draw_up(till)
    late = noon + timedelta(days=1)
    post(till, early, at=late)

    assert draw_up(till) == []
    (payout,) = draw_up(till, NEXT_DAY, at=SOON + timedelta(days=1))

    assert (payout.business_date, payout.sales_minor) == (NEXT_DAY, 5000)
    assert payout.lines.get().payment.business_date == DAY


def test_what_posted_late_waits_even_when_the_run_is_later_still(till, card, noon):
    early = card.sale(till, 5000)
    sell(till, card, 10_000)
    post(till, early, at=noon + timedelta(days=1))

    drawn = payouts.draw_up_due(at=SOON + timedelta(days=3))

    assert [(each.business_date, each.sales_minor) for each in drawn] == [
        (DAY, 10_000),
        (NEXT_DAY, 5000),
    ]


def test_a_posting_that_missed_its_own_payout_goes_into_the_next(till, card):
    sell(till, card, 10_000)
    draw_up(till)
    sell(till, card, 700)  # as if it committed only after the run

    assert draw_up(till) == []
    (payout,) = draw_up(till, NEXT_DAY, at=SOON + timedelta(days=1))

    assert (payout.business_date, payout.sales_minor) == (NEXT_DAY, 700)


def test_a_reversal_after_the_payout_gives_the_sale_and_its_fee_back(till, card, noon):
    sell(till, card, 10_000)
    draw_up(till)
    post(till, card.void(till, 10_000, card.atc), at=noon + timedelta(days=1))

    (payout,) = draw_up(till, NEXT_DAY, at=SOON + timedelta(days=1))

    assert figures(payout) == (0, 10_000, 0, -100, -9_900)
    assert Transfer.objects.filter(code="FEES", debit__kind="FEES").get().amount_minor == 100
    assert owed(till.merchant) == 0


def test_a_sale_taken_back_on_its_day_costs_nothing(till, card):
    sell(till, card, 10_000)
    post(till, card.void(till, 10_000, card.atc))

    (payout,) = draw_up(till)

    assert figures(payout) == (10_000, 10_000, 0, 0, 0)
    assert payout.posting is None
    assert (payout.sales, payout.reversals) == (1, 1)


def test_what_the_shop_bears_is_taken_off(till, card, noon):
    blacklist.block(card=card.card, reason="LOST", at=noon - timedelta(hours=1), actor=SYSTEM)
    version = blacklist.publish(issuer=card.card.issuer, at=noon - timedelta(minutes=50)).version
    till.upload(card.sale(till, 10_000), versions=[version])  # its own list held the card
    batches.post_waiting(limit=20, at=noon)

    (payout,) = draw_up(till)

    assert Payment.objects.get().bearer == "MERCHANT"
    assert figures(payout) == (10_000, 0, 10_000, 100, -100)
    assert Transfer.objects.get(code="LOSS_CHARGED").amount_minor == 10_000
    assert ledger.balances(kind="MERCHANT_LOSS") == {
        Key("MERCHANT_LOSS", till.merchant.reference, "KRW"): 0
    }
    assert owed(till.merchant) == -100


class TestIncomplete:
    def test_a_missing_batch_keeps_it_a_draft_until_it_comes(self, till, card, noon):
        sell(till, card, 10_000)
        missing, third = till.batch(card.sale(till, 500)), card.sale(till, 700)
        with pytest.raises(BatchRefused):
            batches.receive(device=till.device, content=till.batch(third, sequence=3), at=till.now)

        (payout,) = draw_up(till)
        assert payout.state == "DRAFT"
        assert payout.incomplete == [
            {"reader": till.device.reference, "name": till.device.name, "missing": [2, 2]}
        ]

        till.send(missing, at=noon + timedelta(days=1))
        batches.post_waiting(limit=20, at=noon + timedelta(days=1))
        payouts.draw_up_due(at=SOON)
        payout.refresh_from_db()

        assert (payout.state, payout.closed_at) == ("CLOSED", SOON)
        assert figures(payout) == (10_000, 0, 0, 100, 9900)

    def test_a_batch_that_waits_is_named(self, till, card):
        sell(till, card, 10_000)
        till.upload(card.sale(till, 500))

        (payout,) = draw_up(till)

        assert (payout.state, payout.incomplete[0]["waiting"]) == ("DRAFT", 1)


def test_the_statements_do_not_grow_with_the_payments(till, noon):
    cards = [factory.card_on_phone() for _ in range(3)]

    def statements(day, count):
        tapped = noon + timedelta(days=day)
        records = [cards[n % 3].sale(till, 100 + n, at=tapped) for n in range(count)]
        post(till, *records, at=tapped)
        with CaptureQueriesContext(connection) as captured:
            draw_up(till, DAY + timedelta(days=day), at=SOON + timedelta(days=day))
        return len(captured)

    statements(0, 1)  # makes the ledger accounts
    assert statements(1, 2) == statements(2, 60) <= 30


def test_the_beat_draws_up_what_is_due(till, card, monkeypatch):
    sell(till, card, 10_000)
    monkeypatch.setattr("settlement.tasks.timezone.now", lambda: SOON)

    tasks.draw_up_payouts()

    assert Payout.objects.get().business_date == DAY


def test_the_command_tells_what_it_drew_up(till, card, capsys, monkeypatch):
    sell(till, card, 10_000)
    monkeypatch.setattr(JsonCommand, "now", SOON)

    def told(day):
        call_command("payouts", "--date", day, "--json")
        return json.loads(capsys.readouterr().out)["payouts"]

    assert told("2026-11-21") == []
    (payout,) = told("2026-11-22")
    assert (payout["merchant"], payout["business_date"]) == (till.merchant.reference, "2026-11-22")
    assert (payout["sales_amount"], payout["fees"], payout["net"]) == (10_000, 100, 9900)
    assert told("2026-11-22") == []


ACTS = st.lists(
    st.tuples(
        st.sampled_from(("sell", "sell late", "void", "draw up")),
        st.integers(min_value=1, max_value=50_000),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=30)
@given(acts=ACTS)
def test_every_payment_in_one_payout_and_their_sum_is_the_ledgers(till, card, noon, acts):
    with transaction.atomic():
        held, mine, at, sold = replace(card), replace(till), noon, []
        for act, amount in acts:
            at += timedelta(hours=5)
            if act == "sell":
                sell(mine, held, amount, tapped=at, at=at)
                sold.append((held.atc, amount))
            elif act == "sell late":
                sell(mine, held, amount, tapped=max(at - timedelta(days=2), noon), at=at)
                sold.append((held.atc, amount))
            elif act == "void" and sold:
                atc, minor = sold.pop()
                post(mine, held.void(mine, minor, atc, at=at), at=at)
            elif act == "draw up":
                payouts.draw_up_due(at=at)
        payouts.draw_up_due(at=at + timedelta(days=3))

        _prove(mine.merchant)
        transaction.set_rollback(True)


def _prove(merchant):
    drawn = Payout.objects.filter(merchant=merchant)
    assert sum(each.net_minor for each in drawn) == owed(merchant)
    sales = Payment.objects.filter(merchant=merchant)
    lines = PayoutLine.objects.filter(payout__in=drawn)
    assert sorted(lines.filter(reversal=False).values_list("payment_id", flat=True)) == sorted(
        sales.values_list("pk", flat=True)
    )
    assert sorted(lines.filter(reversal=True).values_list("payment_id", flat=True)) == sorted(
        sales.filter(state="REVERSED").values_list("pk", flat=True)
    )
    for day in MerchantDay.objects.filter(merchant=merchant):
        assert (day.sales_drawn, day.reversals_drawn) == (day.sales, day.reversals)
    assert ledger.check() == []


def at_once(*acts):
    """Run the acts in threads that begin together; return what each gave or raised."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            barrier.wait()
            return act()
        except IntegrityError as lost:
            return lost
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result() for each in [pool.submit(run, act) for act in acts]]


def race(till, card):
    """Let six workers draw up one day at once; return the net of each payout that stands."""
    sell(till, card, 10_000, 2500)
    at_once(*[lambda: draw_up(till)] * 6)
    return list(Payout.objects.values_list("net_minor", flat=True))


@pytest.mark.django_db(transaction=True)
class TestSixAtOnce:
    def test_draw_up_one_payout(self, till, card):
        assert race(till, card) == [12_500 - 140]
        assert PayoutLine.objects.count() == 2
        assert Transfer.objects.filter(code="FEES").count() == 1
        assert owed(till.merchant) == 12_360

    def test_without_lock_and_constraints_they_double(self, till, card, monkeypatch):
        """The control: what the lock and the two UNIQUE keep away."""
        monkeypatch.setattr(payouts, "_locked", lambda merchant: merchant)
        with without("payout_once_per_day", "payoutline_once"):
            drawn = race(till, card)

            assert len(drawn) > 1
            assert PayoutLine.objects.count() > 2
            assert sum(drawn) > 12_360

    def test_without_the_lock_the_constraints_alone_hold(self, till, card, monkeypatch):
        monkeypatch.setattr(payouts, "_locked", lambda merchant: merchant)

        assert race(till, card) == [12_360]
        assert Transfer.objects.filter(code="FEES").count() == 1


@contextmanager
def without(*names):
    """Take constraints of the payouts away, and bring them back once their rows are gone."""
    held = [
        (model, each)
        for model in (Payout, PayoutLine)
        for each in model._meta.constraints
        if each.name in names
    ]
    with connection.schema_editor() as editor:
        for model, constraint in held:
            editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        with pgtrigger.ignore("settlement.PayoutLine:append_only", "settlement.Payout:no_delete"):
            PayoutLine.objects.all().delete()
            Payout.objects.all().delete()
        with connection.schema_editor() as editor:
            for model, constraint in held:
                editor.add_constraint(model, constraint)

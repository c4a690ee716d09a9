"""Gift certificates and lottery tickets of a shop: each is handed out once (mission §5)."""

import pytest

from config.audit import SYSTEM
from settlement.models import Redemption, StockItem
from settlement.services import stock
from settlement.services.stock import Line
from tests.factories import preapprovals as made
from tests.preapprovals.test_redeeming import refused

pytestmark = pytest.mark.django_db


def load(machine, *serials, kind="GIFT", amount=10_000, at):
    lines = [Line(kind, "KRW", amount, serial) for serial in serials]
    return stock.load(merchant=machine.merchant, lines=lines, actor=SYSTEM, at=at)


def states():
    return dict(StockItem.objects.values_list("serial", "state"))


@pytest.fixture
def gift(payer, noon):
    return made.approved(payer, at=noon, kind="GIFT")


class TestAnItem:
    def test_is_held_sold_and_kept_with_the_payment(self, gift, till, noon):
        load(till, "A-1", "A-2", at=noon)
        taken = till.takes(gift, at=noon)
        assert (taken.item_serial, states()) == ("A-1", {"A-1": "HELD", "A-2": "AVAILABLE"})
        till.reports(taken, at=noon)
        assert states()["A-1"] == "SOLD"
        assert Redemption.objects.get().item_serial == "A-1"

    def test_goes_back_where_nothing_was_handed_out(self, gift, till, noon):
        load(till, "A-1", at=noon)
        till.reports(till.takes(gift, at=noon), "NONE", at=noon)
        assert states() == {"A-1": "AVAILABLE"}

    def test_another_one_may_have_been_handed_out(self, gift, till, noon):
        load(till, "A-1", "A-2", at=noon)
        till.reports(till.takes(gift, at=noon), item_serial="A-2", at=noon)
        assert states() == {"A-1": "AVAILABLE", "A-2": "SOLD"}

    def test_that_is_not_there_or_sold_was_not_handed_out(self, payer, gift, till, noon):
        load(till, "A-1", "A-2", at=noon)
        till.reports(till.takes(gift, at=noon), at=noon)
        taken = till.takes(made.approved(payer, at=noon, kind="GIFT"), at=noon)
        assert refused(till.reports, taken, item_serial="B-9", at=noon) == "item_unknown"
        assert refused(till.reports, taken, item_serial="A-1", at=noon) == "item_sold"
        assert states()["A-2"] == "HELD"

    def test_that_is_gone_is_refused_before_anything_is_locked(self, gift, till, noon):
        load(till, "A-1", amount=5_000, at=noon)
        assert refused(till.takes, gift, at=noon) == "out_of_stock"
        assert made.state_of(gift) == "APPROVED"
        load(till, "A-2", at=noon)
        assert till.takes(gift, at=noon).item_serial == "A-2"

    def test_of_a_shop_that_keeps_none_here_is_noted_once(self, payer, gift, till, noon):
        till.reports(till.takes(gift, at=noon), item_serial="OWN-7", at=noon)
        again = till.takes(made.approved(payer, at=noon, kind="GIFT"), at=noon)
        assert refused(till.reports, again, item_serial="OWN-7", at=noon) == "item_sold"
        assert till.reports(again, item_serial="OWN-8", at=noon).item_serial == "OWN-8"

    def test_is_withdrawn_unless_somebody_has_it(self, gift, till, noon):
        load(till, "A-1", "A-2", at=noon)
        till.takes(gift, at=noon)
        told = {"merchant": till.merchant, "kind": "GIFT", "actor": SYSTEM, "at": noon}
        stock.withdraw(serial="A-2", **told)
        assert states() == {"A-1": "HELD", "A-2": "WITHDRAWN"}
        assert refused(stock.withdraw, serial="A-1", **told) == "item_sold"


class TestAFile:
    def test_loads_what_is_right_and_tells_of_the_rest(self, till, noon):
        text = (
            "\ufeffKind,Currency,Amount,Serial\n"
            'gift,KRW,"10,000",A-1\n'
            "LOTTERY,usd,2.50,L-1\n"
            "GIFT,KRW,10000,A-1\n"
            "CASH,KRW,1,C-1\n"
            "GIFT,KRW,0,A-2\n"
            "GIFT,KRW,1.5,A-3\n"
            "GIFT,XXQ,1,A-4\n"
            "GIFT,KRW,1,\n"
            "GIFT,KRW\n"
        )
        told = stock.load_file(merchant=till.merchant, text=text, actor=SYSTEM, at=noon)
        assert (told.count, states()) == (2, {"A-1": "AVAILABLE", "L-1": "AVAILABLE"})
        assert [(fault.line, fault.code) for fault in told.faults] == [
            *((4, "serial_known"), (5, "kind_unknown"), (6, "amount_invalid")),
            *((7, "amount_malformed"), (8, "currency_unknown"), (9, "serial_invalid")),
            (10, "columns"),
        ]
        assert StockItem.objects.get(serial="L-1").amount_minor == 250

    def test_without_its_heading_is_none(self, till, noon):
        told = {"merchant": till.merchant, "actor": SYSTEM, "at": noon}
        assert refused(stock.load_file, text="GIFT,KRW,1,A", **told) == "stock_file_malformed"

    def test_takes_as_many_statements_whatever_its_length(
        self, till, noon, django_assert_num_queries
    ):
        for count in (1, 500):
            lines = [f"GIFT,KRW,1000,{count}-{place}" for place in range(count)]
            text = "\n".join(["kind,currency,amount,serial", *lines])
            with django_assert_num_queries(9):
                told = stock.load_file(merchant=till.merchant, text=text, actor=SYSTEM, at=noon)
            assert told.count == count

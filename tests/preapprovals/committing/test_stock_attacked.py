"""A shop's stock under attack: odd files, and one serial that is to be handed out twice (§5)."""

import pytest
from django.db import OperationalError, connection, transaction

from config.audit import SYSTEM
from settlement.models import Redemption, StockItem
from settlement.rules.redeeming import Report
from settlement.services.stock import handing_out
from settlement.services.stock_files import take_in
from tests.factories import preapprovals as made
from tests.factories.merchants import StoreFactory
from tests.preapprovals.committing.test_races import faults
from tests.preapprovals.test_redeeming import refused
from tests.preapprovals.test_stock import load, states
from tests.settlement.test_checkout_races import run

HEAD = "kind,currency,amount,serial"


def taken_in(machine, text, noon):
    return take_in(merchant=machine.merchant, source=text.encode(), actor=SYSTEM, at=noon)


@pytest.mark.django_db
class TestAFile:
    def test_with_a_nul_is_no_text(self, till, noon):
        text = f"{HEAD}\nGIFT,KRW,1000,A\0B\nGIFT,KRW,1000,A-2\n"
        assert refused(taken_in, till, text, noon) == "stock_file_malformed"
        assert states() == {}

    def test_with_an_amount_beyond_all_money_tells_its_line(self, till, noon):
        job = taken_in(till, f"{HEAD}\nGIFT,CLF,999999999999999.9999,A-1\n", noon)
        assert [error["code"] for error in job.errors] == ["amount_invalid"]

    def test_with_ends_of_lines_of_old_macs_is_taken(self, till, noon):
        taken_in(till, f"{HEAD}\rGIFT,KRW,1000,A-1\rGIFT,KRW,1000,A-2\r", noon)
        assert states() == {"A-1": "AVAILABLE", "A-2": "AVAILABLE"}

    @pytest.mark.parametrize("field", ['"' + "x" * 200_000, "x" * 200_000])
    def test_with_an_endless_field_is_refused(self, till, noon, field):
        text = f"{HEAD}\nGIFT,KRW,1000,{field}\n"
        assert refused(taken_in, till, text, noon) == "stock_file_malformed"
        assert states() == {}


@pytest.mark.django_db
class TestASerial:
    def gift(self, payer, noon):
        return made.approved(payer, at=noon, kind="GIFT")

    def test_sold_before_the_shop_loaded_any_is_not_loaded(self, payer, till, noon):
        till.reports(till.takes(self.gift(payer, noon), at=noon), item_serial="A-1", at=noon)
        job = taken_in(till, f"{HEAD}\nGIFT,KRW,10000,A-1\nGIFT,KRW,10000,A-2\n", noon)
        assert [error["code"] for error in job.errors] == ["serial_known"]
        again = till.takes(self.gift(payer, noon), at=noon)
        assert till.reports(again, at=noon).item_serial == "A-2"

    def test_loaded_while_it_is_handed_out_is_sold_with_it(self, payer, till, noon):
        taken = till.takes(self.gift(payer, noon), at=noon)
        load(till, "A-1", "A-2", at=noon)
        till.reports(taken, item_serial="A-1", at=noon)
        assert states() == {"A-1": "SOLD", "A-2": "AVAILABLE"}
        again = till.takes(self.gift(payer, noon), at=noon)
        assert till.reports(again, at=noon).item_serial == "A-2"


@pytest.mark.django_db(transaction=True)
class TestTwoMachines:
    def at_two(self, noon):
        store, payer = StoreFactory(), made.payer()
        tills = [made.till(store=store) for _ in range(2)]
        words = [made.approved(payer, at=noon, kind="GIFT") for _ in tills]
        return tills, words

    def test_that_report_one_own_serial_at_once_sell_it_once(self, noon):
        tills, words = self.at_two(noon)
        taken = [till.takes(word, at=noon) for till, word in zip(tills, words, strict=True)]
        told = run(
            [
                lambda till=till, held=held: till.reports(held, item_serial="OWN-7", at=noon)
                for till, held in zip(tills, taken, strict=True)
            ]
        )
        assert faults(told) == []
        assert Redemption.objects.filter(item_serial="OWN-7", state="COMPLETED").count() == 1

    def crossed(self, noon):
        """Let each of two machines report the item that the other one holds; return their words."""
        tills, words = self.at_two(noon)
        load(tills[0], "A-1", "A-2", at=noon)
        taken = [till.takes(word, at=noon) for till, word in zip(tills, words, strict=True)]
        serials = [held.item_serial for held in reversed(taken)]
        return serials, run(
            [
                lambda till=till, held=held, serial=serial: till.reports(
                    held, item_serial=serial, at=noon
                )
                for till, held, serial in zip(tills, taken, serials, strict=True)
            ]
        )

    def test_that_report_each_others_items_both_sell_what_they_handed_out(self, noon):
        for _ in range(5):
            serials, told = self.crossed(noon)
            assert [each.item_serial for each in told] == serials
            assert {each.state for each in told} == {"COMPLETED"}
        assert set(states().values()) == {"SOLD"}

    def two_hold(self, noon):
        tills, words = self.at_two(noon)
        load(tills[0], "A-1", "A-2", at=noon)
        return tills, [till.takes(word, at=noon) for till, word in zip(tills, words, strict=True)]

    def test_of_which_one_handed_out_what_the_other_holds_and_that_one_nothing(self, noon):
        tills, (first, second) = self.two_hold(noon)
        assert tills[0].reports(first, item_serial="A-2", at=noon).item_serial == "A-2"
        assert StockItem.objects.get(serial="A-1").redemption == second
        tills[1].reports(second, "NONE", at=noon)
        assert states() == {"A-1": "AVAILABLE", "A-2": "SOLD"}

    def test_of_which_the_other_names_none_sells_what_it_holds_by_then(self, noon):
        tills, (first, second) = self.two_hold(noon)
        tills[0].reports(first, item_serial="A-2", at=noon)
        assert tills[1].reports(second, at=noon).item_serial == "A-1"

    def test_of_which_both_say_one_was_handed_out_the_second_is_refused(self, noon):
        tills, (first, second) = self.two_hold(noon)
        tills[0].reports(first, item_serial="A-2", at=noon)
        assert refused(tills[1].reports, second, item_serial="A-2", at=noon) == "item_sold"
        assert states() == {"A-1": "HELD", "A-2": "SOLD"}

    def test_that_know_nothing_and_crossed_are_ended_by_the_desk(self, noon):
        tills, taken = self.two_hold(noon)
        for till, held in zip(tills, taken, strict=True):
            till.reports(held, "UNKNOWN", at=noon)
        for held, serial in zip(taken, ("A-2", "A-1"), strict=True):
            ended = made.decided(held, Report("FULL", item_serial=serial), at=noon)
            assert (ended.state, ended.item_serial) == ("COMPLETED", serial)

    def test_at_once_of_which_one_gives_back_leave_nothing_held(self, noon):
        for _ in range(5):
            tills, (first, second) = self.two_hold(noon)
            named = second.item_serial
            told = run(
                [
                    lambda till=tills[0], held=first, serial=named: till.reports(
                        held, item_serial=serial, at=noon
                    ),
                    lambda till=tills[1], held=second: till.reports(held, "NONE", at=noon),
                ]
            )
            assert faults(told) == []
            assert [each.state for each in told] == ["COMPLETED", "REVERSED"]
        assert sorted(states().values()).count("HELD") == 0

    def second_sale(self, noon):
        """Let one machine's sale stand uncommitted; return what the other's comes to meanwhile."""
        tills, words = self.at_two(noon)
        first, second = (till.takes(word, at=noon) for till, word in zip(tills, words, strict=True))

        def sell():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '300ms'")
                return handing_out.sell(second, serial="OWN-2")

        with transaction.atomic():
            handing_out.sell(first, serial="OWN-1")
            return run([sell])[0]

    def test_take_turns(self, noon):
        assert isinstance(self.second_sale(noon), OperationalError)

    def test_control_without_turns_neither_waits(self, noon, monkeypatch):
        monkeypatch.setattr(handing_out, "_one_report_at_a_time", lambda _redemption: None)
        assert self.second_sale(noon) == "OWN-2"

    def test_of_which_one_held_nothing_takes_what_the_other_holds(self, noon):
        """The stock came in between: the first machine took its number before, the second after."""
        tills, words = self.at_two(noon)
        first = tills[0].takes(words[0], at=noon)
        load(tills[0], "A-1", at=noon)
        second = tills[1].takes(words[1], at=noon)
        assert tills[0].reports(first, item_serial="A-1", at=noon).item_serial == "A-1"
        assert refused(tills[1].reports, second, item_serial="A-1", at=noon) == "item_sold"
        assert tills[1].reports(second, "NONE", at=noon).state == "REVERSED"
        assert states() == {"A-1": "SOLD"}

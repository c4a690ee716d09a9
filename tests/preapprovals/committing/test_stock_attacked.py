"""A shop's stock under attack: odd files, and one serial that is to be handed out twice (§5)."""

import pytest

from config.audit import SYSTEM
from settlement.models import Redemption
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
        """Let each of two machines report the item that the other one holds."""
        tills, words = self.at_two(noon)
        load(tills[0], "A-1", "A-2", at=noon)
        taken = [till.takes(word, at=noon) for till, word in zip(tills, words, strict=True)]
        serials = [held.item_serial for held in reversed(taken)]
        return run(
            [
                lambda till=till, held=held, serial=serial: till.reports(
                    held, item_serial=serial, at=noon
                )
                for till, held, serial in zip(tills, taken, serials, strict=True)
            ]
        )

    def test_that_report_each_others_items_wait_for_no_circle(self, noon):
        assert [faults(self.crossed(noon)) for _ in range(5)] == [[]] * 5

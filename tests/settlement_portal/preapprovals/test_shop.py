"""A shop's machines, what they paid out, and its gift certificates and tickets."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from config.audit import SYSTEM
from settlement.models import StockItem
from settlement.services import stock
from settlement.services.stock import Line
from tests.factories import preapprovals

HEAD = "kind,currency,amount,serial\n"


def page_of(browser, name, shop, **query):
    answer = browser.get(reverse(name, args=[shop.reference]), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def paid(world, made, machine):
    return machine.reports(machine.takes(made, at=world.now), at=world.now)


class TestMachines:
    def test_an_atm_is_listed_with_what_it_gave_out_today(self, cashier, world, machine, paid):
        page = page_of(cashier, "atm-list", world.merchant)

        assert machine.device.name in page
        assert "50,000" in page

    def test_what_is_in_suspense_is_counted(self, cashier, world, machine, parked):
        page = page_of(cashier, "atm-list", world.merchant)
        assert 'data-label="In suspense">1<' in page

    def test_a_shop_without_one_says_so(self, cashier, world):
        assert "No ATM yet" in page_of(cashier, "atm-list", world.merchant)

    def test_it_takes_few_queries(self, cashier, world, paid, django_assert_max_num_queries):
        page_of(cashier, "atm-list", world.merchant)  # the first request notes that they are there
        with django_assert_max_num_queries(12):
            page_of(cashier, "atm-list", world.merchant)


class TestRedeemed:
    def test_a_redemption_is_listed_and_found(self, cashier, world, paid, machine):
        for typed in ("", paid.reference, machine.device.reference):
            assert paid.reference in page_of(cashier, "redeemed-list", world.merchant, q=typed)
        shown = page_of(cashier, "redeemed-list", world.merchant, q="nothing")
        assert "Nothing matches" in shown

    def test_views_kinds_and_days_narrow_it(self, cashier, world, paid):
        for query in ({"view": "none"}, {"kind": "GIFT"}, {"from": "2199-01-01"}):
            shown = page_of(cashier, "redeemed-list", world.merchant, **query)
            assert paid.reference not in shown, query
        assert paid.reference in page_of(cashier, "redeemed-list", world.merchant, view="paid")

    def test_the_file_has_the_same_lines_and_no_number(self, owner, world, paid, made):
        url = reverse("redeemed-list", args=[world.merchant.reference])
        told = b"".join(owner.get(url, {"as": "csv"}).streaming_content).decode()

        assert len(told.strip().splitlines()) == 2
        assert paid.reference in told
        assert made.number not in told

    def test_it_takes_few_queries(self, cashier, world, paid, django_assert_max_num_queries):
        with django_assert_max_num_queries(12):
            page_of(cashier, "redeemed-list", world.merchant)


class TestStock:
    def load(self, browser, shop, text):
        file = SimpleUploadedFile("items.csv", text if isinstance(text, bytes) else text.encode())
        return browser.post(reverse("stock-load", args=[shop.reference]), {"file": file})

    def test_a_file_comes_in_and_is_counted(self, owner, world):
        answer = self.load(owner, world.merchant, HEAD + "GIFT,KRW,30000,G-1\ngift,KRW,30000,G-2\n")

        assert "2 items came in" in owner.get(answer.url).content.decode()
        page = page_of(owner, "stock-list", world.merchant)
        assert "G-1" in page
        assert 'data-label="In stock">2<' in page

    def test_faulty_lines_come_back_as_a_file(self, owner, world):
        text = HEAD + "GIFT,KRW,30000,G-1\nGOLD,KRW,1,X\nGIFT,KRW,30000,G-1\n"
        answer = self.load(owner, world.merchant, text)

        assert "2 lines were not taken" in owner.get(answer.url).content.decode()
        errors = b"".join(owner.get(f"{answer.url}/errors").streaming_content).decode()
        assert [line.split(",")[:2] for line in errors.strip().splitlines()[1:]] == [
            ["3", "kind_unknown"],
            ["4", "serial_known"],
        ]

    @pytest.mark.parametrize(
        "text", ["", "serial\nG-1\n", b"\xff\xfe\x00", HEAD.encode() + b"x" * (2 * 2**20)]
    )
    def test_what_is_no_such_file_is_refused(self, owner, world, text):
        assert "There is a problem" in self.load(owner, world.merchant, text).content.decode()
        assert not StockItem.objects.exists()

    def test_an_item_is_withdrawn_for_good(self, owner, world):
        lines = [Line("GIFT", "KRW", 30_000, "G-1")]
        stock.load(merchant=world.merchant, lines=lines, actor=SYSTEM, at=world.now)
        url = reverse("stock-withdraw", args=[world.merchant.reference])

        assert owner.post(url, {"serial": "G-1", "kind": "GIFT"}).status_code == 302
        assert StockItem.objects.get().state == "WITHDRAWN"
        assert owner.post(url, {"serial": "G-9", "kind": "GIFT"}).status_code == 404

    def test_what_was_sold_is_listed_as_sold(self, owner, world, payer, machine):
        lines = [Line("LOTTERY", "KRW", 5_000, "L-1")]
        stock.load(merchant=world.merchant, lines=lines, actor=SYSTEM, at=world.now)
        made = preapprovals.approved(payer, 5_000, kind="LOTTERY", at=world.now)
        machine.reports(machine.takes(made, at=world.now), at=world.now)

        assert "L-1" in page_of(owner, "stock-list", world.merchant, view="sold")
        shown = page_of(owner, "stock-list", world.merchant, view="available")
        assert "L-1" not in shown.split('id="shelves"')[1].split("Which items")[1]

    def test_it_takes_few_queries(self, owner, world, django_assert_max_num_queries):
        lines = [Line("GIFT", "KRW", 30_000, f"G-{n}") for n in range(30)]
        stock.load(merchant=world.merchant, lines=lines, actor=SYSTEM, at=world.now)
        with django_assert_max_num_queries(12):
            page_of(owner, "stock-list", world.merchant)

"""The ATM in the portal: a number, an amount, a code; notes, a jam, a power cut."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from config.audit import SYSTEM
from merchants.models import AtmTurn, VirtualAtm
from merchants.services import atms as machines
from settlement.models import Payment, Redemption
from settlement.services import redemptions, stock
from settlement.services.stock import Line
from tests.factories import preapprovals
from tests.factories.preapprovals import CODE

KEY = "k" * 24


@pytest.fixture
def shop(world):
    return world.merchant


@pytest.fixture
def atm(shop):
    return reverse("atm", args=[shop.reference])


@pytest.fixture
def form(shop, made):
    store = shop.stores.get().reference
    return {"number": made.number, "kind": "CASH", "pickup_code": CODE, "store": store, "key": KEY}


@pytest.fixture
def begun(cashier, atm, form):
    """Return the page of a redemption that waits for its notes."""
    answer = cashier.post(atm, form)
    assert answer.status_code == 302, answer.content.decode()
    return answer.url


def inside():
    return machines.held_by(atm=VirtualAtm.objects.get())


def move(browser, begun, motion):
    return browser.post(f"{begun}/move", {"motion": motion})


def test_a_number_leads_to_its_redemption(cashier, begun, made):
    page = cashier.get(begun).content.decode()

    assert "The number is good" in page
    assert "50,000" in page
    assert made.number not in page
    assert preapprovals.state_of(made) == "IN_PROGRESS"


def test_the_scanned_form_is_taken_too(cashier, atm, form, made):
    assert cashier.post(atm, form | {"number": f"A1.{made.number}"}).status_code == 302


def test_the_notes_come_out_and_are_gone_from_the_machine(cashier, begun, made):
    before = {50_000: 100, 10_000: 200}
    assert inside() == before
    move(cashier, begun, "full")

    assert "PAID OUT" in cashier.get(begun).content.decode()
    assert inside() == before | {50_000: 99}
    assert Payment.objects.get().amount_minor == 50_000


def test_a_second_click_moves_nothing_again(cashier, begun):
    move(cashier, begun, "full")
    move(cashier, begun, "full")

    assert inside()[50_000] == 99
    assert Payment.objects.count() == 1


def test_the_same_page_sent_twice_is_one_customer(cashier, atm, form, begun):
    assert cashier.post(atm, form).url == begun
    assert Redemption.objects.count() == 1


def test_a_power_cut_moves_nothing_again(cashier, begun):
    move(cashier, begun, "unknown")
    move(cashier, begun, "full")

    assert inside()[50_000] == 99
    assert Redemption.objects.get().state == "SUSPENSE"


def test_a_turn_that_another_click_ended_still_pays_out(cashier, begun, made):
    AtmTurn.objects.update(ended_at=timezone.now())  # before it was noted whom it serves
    move(cashier, begun, "full")

    assert preapprovals.state_of(made) == "COMPLETED"
    assert inside()[50_000] == 99


def test_looking_at_the_count_opens_no_machine(owner, shop):
    page = owner.get(reverse("atm-count", args=[shop.reference])).content.decode()

    assert 'name="note-50000" value="100"' in page
    assert not VirtualAtm.objects.exists()


def test_the_first_count_opens_it(owner, shop):
    said = {"store": shop.stores.get().reference, "note-50000": "3", "note-10000": "4"}
    owner.post(reverse("atm-count", args=[shop.reference]), said)

    assert inside() == {50_000: 3, 10_000: 4}


def test_a_jam_gives_everything_back(cashier, begun, made):
    move(cashier, begun, "none")

    assert "Nothing came out" in cashier.get(begun).content.decode()
    assert preapprovals.state_of(made) == "REVERSED"
    assert inside() == {50_000: 100, 10_000: 200}


def test_a_note_that_stays_inside_posts_the_rest(cashier, world, payer, atm, form):
    more = preapprovals.approved(payer, 60_000, at=world.now)
    begun = cashier.post(atm, form | {"number": more.number}).url
    move(cashier, begun, "partial")

    assert "PAID OUT IN PART" in cashier.get(begun).content.decode()
    assert Payment.objects.get().amount_minor == 50_000
    assert inside() == {50_000: 99, 10_000: 200}


def test_one_note_does_not_come_out_in_part(cashier, begun):
    page = cashier.post(f"{begun}/move", {"motion": "partial"}, follow=True).content.decode()

    assert "That cannot happen" in page
    assert Redemption.objects.get().state == "IN_PROGRESS"


def test_a_power_cut_parks_it_and_the_machine_asks_for_a_count(cashier, owner, atm, form, begun):
    move(cashier, begun, "unknown")
    assert "Nobody knows what came out" in cashier.get(begun).content.decode()

    page = cashier.post(atm, form | {"key": "l" * 24}).content.decode()
    assert "count its notes first" in page

    count = {"store": form["store"], "note-50000": "99", "note-10000": "7"}
    assert owner.post(reverse("atm-count", args=begun.split("/")[2:3]), count).status_code == 302
    assert inside() == {50_000: 99, 10_000: 7}
    assert not VirtualAtm.objects.get().in_doubt


def test_a_keyed_amount_no_notes_pay_is_refused_with_the_nearest(cashier, atm, form, made):
    page = cashier.post(atm, form | {"amount": "55,000"}).content.decode()

    assert "Nearest: 50,000 KRW, 60,000 KRW" in page
    assert preapprovals.state_of(made) == "APPROVED"
    assert not AtmTurn.objects.exists()


def test_an_approved_amount_no_notes_pay_leaves_the_number_good(cashier, world, payer, atm, form):
    odd = preapprovals.approved(payer, 55_000, at=world.now)
    begun = cashier.post(atm, form | {"number": odd.number}).url
    move(cashier, begun, "full")

    assert "The number is good again" in cashier.get(begun).content.decode()
    assert preapprovals.state_of(odd) == "APPROVED"


def test_a_refusal_is_told_and_the_number_is_not_shown_again(cashier, atm, form, made):
    page = cashier.post(atm, form | {"pickup_code": "0000"}).content.decode()

    assert "pickup code does not fit" in page
    assert made.number not in page
    assert KEY not in page, "with a key of its own"
    assert not AtmTurn.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"number": "123"}, "not an approval number"),
        ({"number": ""}, "There is a problem"),
        ({"amount": "x"}, "There is a problem"),
        ({"pickup_code": "12a4"}, "It has four digits"),
        ({"key": "short"}, "There is a problem"),
        ({"kind": "GOLD"}, "There is a problem"),
    ],
)
def test_what_is_no_request_is_refused(cashier, atm, form, made, changed, said):
    assert said in cashier.post(atm, form | changed).content.decode()
    assert preapprovals.state_of(made) == "APPROVED"


def test_the_next_customer_waits_and_is_led_to_who_is_served(cashier, atm, form, begun):
    answer = cashier.post(atm, form | {"key": "l" * 24})
    assert answer.url == begun
    assert "serves somebody" in cashier.get(atm).content.decode()


def test_what_the_desk_decided_frees_the_machine(cashier, world, atm, form, begun):
    reference = begun.rsplit("/", 1)[1]
    parked = redemptions.complete(
        device=VirtualAtm.objects.get().device,
        reference=reference,
        report=preapprovals.Report("UNKNOWN"),
        at=world.now,
    )
    preapprovals.decided(parked, preapprovals.Report("NONE"), at=world.now)

    page = cashier.post(atm, form | {"key": "l" * 24}).content.decode()
    assert "serves" not in page
    move(cashier, begun, "full")
    assert inside()[50_000] == 100, "nothing moves for what has ended"


def test_a_gift_certificate_comes_out_with_its_serial(cashier, world, payer, shop, atm, form):
    stock.load(
        merchant=shop, lines=[Line("GIFT", "KRW", 30_000, "G-1")], actor=SYSTEM, at=world.now
    )
    gift = preapprovals.approved(payer, 30_000, kind="GIFT", at=world.now)
    said = form | {"number": gift.number, "kind": "GIFT", "pickup_code": ""}
    begun = cashier.post(atm, said).url
    move(cashier, begun, "full")

    assert "G-1" in cashier.get(begun).content.decode()
    assert Redemption.objects.get().item_serial == "G-1"


def test_a_shop_without_a_store_says_so(cashier, shop, atm):
    shop.stores.update(closed_at=timezone.now())
    assert "No store is open" in cashier.get(atm).content.decode()


@pytest.mark.parametrize("count", [{"note-50000": "10001"}, {"note-50000": "-1"}, {}])
def test_a_count_that_cannot_be_is_refused(owner, shop, atm, begun, form, count):
    url = reverse("atm-count", args=[shop.reference])
    said = {"store": form["store"], "note-10000": "1"} | count
    assert "There is a problem" in owner.post(url, said).content.decode()


def test_a_redemption_of_another_machine_is_not_there(cashier, world, shop, made, machine, atm):
    begun = machine.takes(made, at=world.now)
    assert cashier.get(f"{atm}/{begun.reference}").status_code == 404
    assert cashier.post(f"{atm}/{begun.reference}/move", {"motion": "full"}).status_code == 404


@pytest.mark.parametrize("motion", ["", "gold", "FULL"])
def test_an_odd_motion_is_not_found(cashier, begun, motion):
    assert move(cashier, begun, motion).status_code == 404


def test_it_takes_few_queries(cashier, atm, begun, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        cashier.get(atm)
    with django_assert_max_num_queries(10):
        cashier.get(begun)


def test_the_page_has_a_key_of_its_own(cashier, atm):
    page = cashier.get(atm).content.decode()
    assert re.search(r'name="key" value="[\w-]{20,}"', page)

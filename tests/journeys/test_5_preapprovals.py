"""Mission §5 over HTTP: approved on the phone, finished by a number at a machine."""

import time

import pytest

from config.wire.client import PortalRefused
from tests.journeys import ahead
from tests.journeys.ahead import Holder, Machine
from tests.journeys.meeting import at_once
from tests.journeys.waiting import eventually

UNKNOWN = "111111111113"


@pytest.fixture(scope="module")
def bank(street):
    return street.shop("Riverside Bank")


@pytest.fixture(scope="module")
def atm(street, bank) -> Machine:
    return ahead.machine(street, bank)


@pytest.fixture(scope="module")
def till(street, bank) -> Machine:
    return ahead.machine(street, bank, kind="TERMINAL")


@pytest.fixture(scope="module")
def holder(phones, purse) -> Holder:
    return Holder(phone=phones[0], card=purse["card"])


@pytest.fixture(scope="module")
def saver(street) -> Holder:
    """Somebody whose money is counted."""
    customer = street.customer("Park Jiwoo")
    phone = street.handset(customer)
    card = street.card(customer)["card"]
    phone.take(card)
    return Holder(phone=phone, card=card)


def refusal(act, *args, **more):
    with pytest.raises(PortalRefused) as refused:
        act(*args, **more)
    return refused.value.status, refused.value.code


def test_5_01_nothing_is_looked_at_before_the_holder_proved_to_be_there(holder):
    wanted = (403, "authentication_required")
    post = holder.phone.session.post
    for body in ({}, {"kind": "NONSENSE"}, holder.wishes(authentication="guessed")):
        assert refusal(post, "/wallet/preapprovals", body=body) == wanted
    proof = holder.proves()
    assert refusal(post, "/wallet/preapprovals", body={"authentication": proof})[1] == "invalid"
    assert holder.approves(authentication=proof)["state"] == "APPROVED"
    assert refusal(holder.approves, authentication=proof) == wanted


def test_5_02_phone_app_and_person_are_three_refusals(holder, saver):
    told = [
        refusal(holder.proves, device=saver.phone.device),
        refusal(holder.proves, app_serial="another-app"),
        refusal(holder.proves, verified=False),
    ]
    codes = ("device_unknown", "app_serial_mismatch", "verification_failed")
    assert told == [(403, code) for code in codes]
    assert holder.proves()


def test_5_03_the_answer_has_number_and_end_and_the_account_the_hold(saver):
    balance, held, available = saver.money()
    made = saver.approves(30_000)
    assert (len(made["number"]), made["code"]) == (12, f"A1.{made['number']}")
    assert made["valid_until"] > made["made_at"]
    assert saver.money() == (balance, held + 30_000, available - 30_000)
    assert "number" not in saver.sees(made)


@pytest.mark.parametrize("kind", ["CASH", "GIFT", "LOTTERY"])
def test_5_04_a_machine_finishes_with_the_number_alone(bank, holder, atm, till, kind):
    made = holder.approves(7_000, kind=kind)
    machine = atm if kind == "CASH" else till
    taken = machine.takes(made)
    assert (taken["state"], taken["amount"], taken["kind"]) == ("IN_PROGRESS", 7_000, kind)
    serial = {} if kind == "CASH" else {"item_serial": f"{kind}-{taken['redemption']}"}
    done = machine.reports(taken, **serial)
    assert (done["state"], done["dispensed"]) == ("COMPLETED", 7_000)
    assert holder.sees(made)["state"] == "COMPLETED"
    paid = bank.payments()[0]
    assert (paid["channel"], paid["state"], paid["amount"]) == ("PREAPPROVAL", "APPROVED", 7_000)


def test_5_05_the_number_works_scanned_tapped_or_typed(holder, atm):
    for form in ("A1.{0}", "{0}", "{1} {2} {3}", "{1}-{2}-{3}"):
        made = holder.approves(1_000)
        number = made["number"]
        text = form.format(number, number[:4], number[4:8], number[8:])
        assert atm.reports(atm.takes(made, number=text))["state"] == "COMPLETED"


def test_5_06_the_customer_chooses_for_how_long_up_to_the_issuers_most(holder):
    made = holder.approves(1_000, valid_s=86_400)
    assert made["valid_until"][:10] > made["made_at"][:10]
    assert refusal(holder.approves, 1_000, valid_s=86_401) == (422, "valid_too_long")
    assert refusal(holder.approves, 1_000, valid_s=0) == (422, "invalid")


def test_5_07_expired_cancelled_used_and_unknown_are_told_apart(holder, atm, bank):
    before = len(bank.payments())
    used, gone, over = (holder.approves(1_000, valid_s=valid) for valid in (60, 60, 1))
    atm.reports(atm.takes(used))
    assert holder.cancels(gone)["state"] == holder.cancels(gone)["state"] == "CANCELLED"
    time.sleep(1)
    told = [refusal(atm.takes, made) for made in (over, gone, used, used | {"number": UNKNOWN})]
    assert told == [
        *((422, "number_expired"), (422, "number_cancelled")),
        *((409, "number_used"), (404, "number_unknown")),
    ]
    assert refusal(atm.takes, used, number="123456789012") == (422, "number_malformed")
    assert len(bank.payments()) == before + 1


def test_5_08_a_wrong_amount_or_machine_leaves_the_number_good(holder, atm, street, bank):
    other = ahead.machine(street, bank)
    made = holder.approves(5_000, bound_to={"terminal": atm.device})
    assert refusal(other.takes, made) == (422, "wrong_terminal")
    assert refusal(atm.takes, made, amount=4_999) == (422, "amount_mismatch")
    assert refusal(atm.takes, made, pickup_code="0000") == (422, "pickup_code_invalid")
    assert atm.reports(atm.takes(made, amount=5_000, currency="KRW"))["state"] == "COMPLETED"


def test_5_08_cash_at_a_till_is_none(holder, till):
    assert refusal(till.takes, holder.approves(1_000)) == (403, "wrong_kind")


def test_5_09_of_two_atms_at_once_one_pays_out(holder, atm, street, bank):
    machines = [atm, ahead.machine(street, bank)]
    made, before = holder.approves(3_000), len(bank.payments())

    def take(machine):
        try:
            return machine.reports(machine.takes(made))["state"]
        except PortalRefused as refused:
            return refused.code

    assert sorted(at_once(take, machines)) == ["COMPLETED", "number_used"]
    assert len(bank.payments()) == before + 1


def test_5_10_what_was_paid_out_posts_and_the_rest_is_free(saver, atm):
    for outcome, said, paid in (
        ("PARTIAL", {"dispensed": 4_000}, 4_000),
        ("NONE", {}, 0),
        ("NONE", {"journal": "note_mix"}, 0),
    ):
        balance, held, available = saver.money()
        made = saver.approves(10_000)
        done = atm.reports(atm.takes(made), outcome, **said)
        assert (done["state"], done["dispensed"]) == ("COMPLETED" if paid else "REVERSED", paid)
        if said == {"journal": "note_mix"}:
            assert saver.cancels(made)["state"] == "CANCELLED"
        assert saver.money() == (balance - paid, held, available - paid)


def test_5_10_what_nobody_knows_stays_held_until_somebody_does(saver, atm):
    balance, held, available = saver.money()
    made = saver.approves(10_000)
    taken = atm.takes(made)
    assert atm.reports(taken, "UNKNOWN", journal="power cut")["state"] == "SUSPENSE"
    assert saver.sees(made)["state"] == atm.sees(taken)["state"] == "SUSPENSE"
    assert saver.money() == (balance, held + 10_000, available - 10_000)
    assert refusal(saver.cancels, made) == (409, "preapproval_in_progress")
    assert atm.reports(taken, "PARTIAL", dispensed=2_000)["state"] == "COMPLETED"
    assert saver.money() == (balance - 2_000, held, available - 2_000)


def test_5_11_time_gives_back_all_that_was_held(saver):
    before = saver.money()
    made = saver.approves(40_000, valid_s=2)
    assert saver.money() != before
    time.sleep(2)
    assert saver.sees(made)["state"] == "EXPIRED"
    eventually(lambda: saver.money() == before, within_s=10)


def test_5_12_a_block_after_the_approval_stops_the_number(saver, atm, street):
    before = saver.money()
    made = saver.approves(2_000)
    street.block(saver.card)
    assert refusal(atm.takes, made) == (422, "card_blocked")
    assert saver.money() == before
    assert saver.approves(2_000)["decline_reason"] == "card_blocked"
    street.unblock(saver.card)


def test_5_13_a_confirmation_repeated_posts_once(holder, atm, bank):
    before = len(bank.payments())
    taken = atm.takes(holder.approves(6_000))
    assert {atm.reports(taken)["state"] for _ in range(3)} == {"COMPLETED"}
    assert refusal(atm.reports, taken, "NONE") == (409, "redemption_final")
    assert len(bank.payments()) == before + 1


def test_5_13_a_request_repeated_under_its_key_is_one(holder, atm):
    made = holder.approves(6_000)
    told = [atm.takes(made, key="the-same-key-of-the-machine") for _ in range(2)]
    assert told[0] == told[1]


def test_a_request_taken_back_before_it_came_never_counts(holder, atm):
    made, key = holder.approves(6_000), "a-key-whose-answer-was-lost"
    for _ in range(2):
        told = atm.session.post("/terminal/redemptions/reversals", body={"key": key}).json()
        assert told == {"state": "REVERSED"}
    assert refusal(atm.takes, made, key=key) == (409, "redemption_reversed")
    assert holder.sees(made)["state"] == "APPROVED"


def test_the_phone_hears_at_once_what_became_of_its_number(holder, atm, street):
    with ahead.heard(street, holder.phone) as frames:
        atm.reports(atm.takes(holder.approves(1_500)))
        told = [next(frames)["event"] for _ in range(3)]
    assert told == ["preapproval.approved", "preapproval.in_progress", "preapproval.completed"]

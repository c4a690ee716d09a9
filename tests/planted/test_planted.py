"""Negative controls of the checker: each corruption, planted by hand, is found by its name."""

import json
from typing import NamedTuple

import pytest

SALE = "SELECT id FROM settlement_transfer WHERE code = 'OFFLINE_SALE' ORDER BY id LIMIT 1"
PAYMENT = (
    "SELECT id FROM settlement_payment"
    " WHERE state = 'APPROVED' AND channel = 'OFFLINE' ORDER BY id LIMIT 1"
)
OFFLINE_ONES = "SELECT reference FROM settlement_payment WHERE channel = 'OFFLINE'"
OFFLINE = f"{OFFLINE_ONES} ORDER BY id LIMIT 1"
BY_TID = """
SELECT r.payment_id FROM settlement_paymentrequest r
  JOIN settlement_payment p ON p.id = r.payment_id
 WHERE p.state = %s AND p.refunded_minor = 0
   AND NOT EXISTS (SELECT FROM benefits_redemption d WHERE d.document = p.reference)
 ORDER BY p.id LIMIT 1
"""
ITEM = "SELECT serial FROM settlement_stockitem WHERE state = 'SOLD'"
LINE = """
SELECT l.id FROM benefits_lock l JOIN benefits_holding h ON h.id = l.holding_id
 WHERE l.state = 'COMMITTED' AND l.restored_minor < l.amount_minor AND h.kind = %s
 ORDER BY l.id LIMIT 1
"""


def test_a_clean_run_has_none(scene):
    assert scene.found() == (set(), set())


def test_planted_one_won_more_in_a_transfer(scene):
    transfer = scene.one(SALE)
    posting = scene.one("SELECT posting_id FROM settlement_transfer WHERE id = %s", transfer)
    scene.do(
        "UPDATE settlement_transfer SET amount_minor = amount_minor + 1 WHERE id = %s", transfer
    )
    assert scene.found() == ({"I1"}, {f"posting {posting}"})


def test_planted_transfer_deleted(scene):
    transfer = scene.one(SALE)
    posting = scene.one("SELECT posting_id FROM settlement_transfer WHERE id = %s", transfer)
    scene.do("DELETE FROM settlement_transfer WHERE id = %s", transfer)
    assert scene.found() == ({"I1"}, {f"posting {posting}"})


def test_planted_payment_removed(scene):
    payment = scene.one(PAYMENT)
    digest = scene.one(
        "SELECT encode(s.payload_digest, 'hex') FROM settlement_payment p"
        " JOIN settlement_atcseen s ON (s.payment_id, s.atc) = (p.id, p.atc)"
        " WHERE p.id = %s",
        payment,
    )
    scene.do("DELETE FROM settlement_payment WHERE id = %s", payment)
    assert scene.found() == ({"I2"}, {digest})


def test_planted_payment_doubled(scene):
    scene.sql.execute("DROP INDEX payment_offline_once_per_atc")
    scene.double("settlement_payment", scene.one(PAYMENT), reference="PAY-PLANTED")
    invariants, rows = scene.found()
    assert invariants == {"I2"}
    assert "PAY-PLANTED" in rows


def test_planted_version_lowered(scene):
    scene.sql.execute("ALTER TABLE issuers_blacklistversion DROP CONSTRAINT blacklistversion_once")
    newest = scene.one("SELECT max(id) FROM issuers_blacklistversion")
    scene.do("UPDATE issuers_blacklistversion SET version = 1 WHERE id = %s", newest)
    invariants, rows = scene.found()
    assert invariants == {"I3"}
    assert f"{scene.one('SELECT reference FROM issuers_issuer')} v1" in rows


def test_planted_reader_that_went_back(scene):
    log = scene.logs / "reader-0.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    device = next(line["device"] for line in lines if "device" in line)
    older = [line for line in lines if line["op"] == "blacklist" and line.get("held")][-1]
    issuer = next(iter(older["held"]))
    log.open("a").write(json.dumps(older | {"held": {issuer: 0}}) + "\n")
    invariants, rows = scene.found()
    assert invariants == {"I3"}
    assert f"{device} {issuer} v0" in rows


def test_planted_event_removed(scene):
    payment = scene.one(OFFLINE)
    scene.do("DELETE FROM config_event WHERE subject = %s AND type = 'payment.approved'", payment)
    invariants, rows = scene.found()
    assert invariants == {"I4"}
    assert payment in rows


def test_planted_event_doubled(scene):
    payment = scene.one(OFFLINE)
    event = scene.one("SELECT id FROM config_event WHERE subject = %s ORDER BY id", payment)
    head = scene.one("SELECT max(seq) FROM config_event")
    scene.double("config_event", event, seq=head + 1)
    invariants, rows = scene.found()
    assert invariants == {"I4"}
    assert payment in rows


def test_planted_final_state_left(scene):
    payment = scene.one(f"{OFFLINE_ONES} AND state = 'REVERSED'")
    scene.do("UPDATE settlement_payment SET state = 'APPROVED' WHERE reference = %s", payment)
    assert scene.found() == ({"I5"}, {payment})


def test_planted_position_changed(scene):
    account = scene.one("SELECT reference FROM issuers_account ORDER BY id LIMIT 1")
    scene.do(
        "UPDATE issuers_account SET balance_minor = balance_minor - 1 WHERE reference = %s", account
    )
    assert scene.found() == ({"I8"}, {f"account {account}"})


def test_planted_contact_of_a_frozen_card(scene):
    taps = [json.loads(line) for line in (scene.logs / "phones.jsonl").read_text().splitlines()]
    silent = next(
        line["tap"] for line in taps if line["op"] == "tap" and line["code"] == "card_blocked"
    )
    contact = {"start": 0, "end": 0, "op": "contact", "result": "opened", "tap": silent}
    (scene.logs / "reader-0.jsonl").open("a").write(json.dumps(contact) + "\n")
    assert scene.found() == ({"1.02"}, {f"tap {silent}"})


def test_planted_record_the_portal_never_saw(scene):
    log = scene.logs / "reader-0.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    approved = next(line for line in lines if line["op"] == "tap" and "digest" in line)
    lost = approved | {"digest": "0" * 64, "atc": 9_999, "tap": 9_999, "online": False}
    log.open("a").write(json.dumps(lost | {"result": "approved"}) + "\n")
    assert scene.found() == ({"I2"}, {"0" * 64})


@pytest.mark.parametrize("kind", ["GIFT", "LOTTERY"])
def test_planted_ticket_under_another_serial(scene, kind):
    """Of the one the shop's machine has rolls of its own, of the other the portal has the stock."""
    ticket = scene.one("SELECT reference FROM settlement_redemption WHERE kind = %s", kind)
    items = {f"item {scene.one(ITEM)}"} if kind == "LOTTERY" else set()
    scene.do("UPDATE settlement_redemption SET item_serial = 'X' WHERE reference = %s", ticket)
    assert scene.found() == ({"I2"}, {ticket, *items})


class TestSalesAtTills:
    """By T-ID and at the relay: the ledger's side. Screens are the journeys' of tills."""

    @pytest.fixture
    def paid(self, scene):
        return sold(scene, "APPROVED")

    def test_planted_approval_without_ledger(self, scene, paid):
        take_out(scene, paid, "ONLINE_SALE")
        invariants, rows = scene.found()
        assert invariants == {"I2", "I8"}
        assert paid.tid in rows

    def test_planted_reversal_that_left_the_money_there(self, scene, paid):
        scene.do("UPDATE settlement_payment SET state = 'REVERSED' WHERE id = %s", paid.payment)
        assert scene.found() == ({"I2", "I4"}, {paid.tid, paid.reference})

    def test_planted_refund_above_what_was_paid(self, scene, paid):
        scene.do(
            "INSERT INTO settlement_refund (reference, payment_id, amount_minor, currency, reason,"
            " refunded_by, business_date, refunded_at)"
            " SELECT 'RFD-PLANTED', id, amount_minor + 1, currency, '', 'nobody', business_date,"
            " approved_at FROM settlement_payment WHERE id = %s",
            paid.payment,
        )
        assert scene.found() == ({"I2", "I4"}, {paid.tid, paid.reference})

    def test_planted_refund_that_the_ledger_does_not_know(self, scene):
        payment = scene.one(
            "SELECT f.payment_id FROM settlement_refund f"
            " JOIN settlement_payment p ON p.id = f.payment_id WHERE NOT EXISTS"
            " (SELECT FROM benefits_redemption d WHERE d.document = p.reference) LIMIT 1"
        )
        refunded = named(scene, payment)
        take_out(scene, refunded, "REFUND")
        invariants, rows = scene.found()
        assert invariants == {"I2", "I8"}
        assert refunded.tid in rows

    def test_planted_sale_under_another_code(self, scene, paid):
        scene.do(
            "UPDATE settlement_transfer SET code = 'OFFLINE_SALE' WHERE payment_id = %s",
            paid.payment,
        )
        assert scene.found() == ({"I2"}, {paid.tid})

    def test_planted_channel(self, scene, paid):
        other = {"TID": "RELAY", "RELAY": "TID"}[paid.channel]
        scene.do("UPDATE settlement_payment SET channel = %s WHERE id = %s", other, paid.payment)
        assert scene.found() == ({"I2"}, {paid.tid})

    def test_planted_final_state_left(self, scene):
        ended = sold(scene, "CANCELLED")
        scene.do("UPDATE settlement_payment SET state = 'EXPIRED' WHERE id = %s", ended.payment)
        assert scene.found() == ({"4.05", "I5"}, {ended.tid, ended.reference})

    def test_planted_event_removed(self, scene, paid):
        scene.do(
            "DELETE FROM config_event WHERE subject = %s AND type = 'payment.requested'",
            paid.reference,
        )
        invariants, rows = scene.found()
        assert invariants == {"I4"}
        assert paid.reference in rows


class TestBenefits:
    def test_planted_line_that_takes_one_won_more(self, scene):
        line = scene.one(LINE, "POINTS")
        scene.do("UPDATE benefits_lock SET amount_minor = amount_minor + 1 WHERE id = %s", line)
        assert scene.found()[0] == {"2.01"}

    def test_planted_use_that_no_line_took(self, scene):
        holding = scene.one(
            "SELECT id FROM benefits_holding WHERE uses > used AND kind <> 'GRADE' ORDER BY id"
        )
        scene.do("UPDATE benefits_holding SET used = used + 1 WHERE id = %s", holding)
        assert scene.found() == ({"2.08"}, {named_holding(scene, holding)})

    def test_planted_points_without_a_lot(self, scene):
        holding = scene.one("SELECT id FROM benefits_holding WHERE kind = 'POINTS' ORDER BY id")
        scene.do(
            "UPDATE benefits_holding SET balance_minor = balance_minor + 1 WHERE id = %s", holding
        )
        assert scene.found() == ({"2.08"}, {named_holding(scene, holding)})

    def test_planted_gift_card_with_more_on_it_than_the_ledger_has(self, scene):
        holding = scene.one(
            "SELECT h.id FROM benefits_holding h JOIN settlement_ledgeraccount a"
            " ON a.owner = h.reference WHERE a.kind = 'GIFT_CARD' ORDER BY h.id"
        )
        scene.do(
            "UPDATE benefits_holding SET balance_minor = balance_minor + 1 WHERE id = %s", holding
        )
        assert scene.found() == ({"2.08"}, {named_holding(scene, holding)})

    def test_planted_budget_of_which_more_is_taken_than_lines_took(self, scene):
        slot = scene.one(
            "SELECT s.id FROM benefits_budgetslot s JOIN benefits_definition d"
            " ON d.id = s.definition_id WHERE d.kind = 'COUPON_PERCENT' ORDER BY s.id"
        )
        scene.do("UPDATE benefits_budgetslot SET taken_minor = taken_minor + 1 WHERE id = %s", slot)
        assert scene.found()[0] == {"2.08"}

    def test_planted_sponsor_who_pays_for_nothing(self, scene):
        scene.do(
            "UPDATE benefits_lock SET restored_minor = restored_minor + 1 WHERE id = %s",
            scene.one(LINE, "COUPON_PERCENT"),
        )
        assert scene.found()[0] == {"2.13"}

    def test_planted_number_that_is_held_for_nothing(self, scene):
        plan = scene.one("SELECT id FROM benefits_plan WHERE state = 'CONSUMED' ORDER BY id")
        scene.do("UPDATE benefits_plan SET state = 'LOCKED', ended_at = NULL WHERE id = %s", plan)
        assert scene.found()[0] == {"6.05"}

    def test_planted_checkout_that_ended_otherwise_than_its_till_was_told(self, scene):
        checkout = scene.one(
            "SELECT reference FROM settlement_checkout WHERE state = 'ABANDONED' ORDER BY id"
        )
        scene.do("UPDATE settlement_checkout SET state = 'EXPIRED' WHERE reference = %s", checkout)
        assert scene.found() == ({"2.15"}, {checkout})

    @pytest.mark.parametrize("state", ["ABANDONED", "EXPIRED"])
    @pytest.mark.parametrize("line_minor", [0, 1])
    def test_planted_line_of_a_checkout_that_ended_unpaid(self, scene, state, line_minor):
        log = scene.logs / "tills.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        checkout = next(line for line in lines if line["result"] == "ABANDONED")["checkout"]
        for line in lines:
            if line.get("checkout") == checkout and line["result"] == "ABANDONED":
                line |= {"result": state, "lines": line_minor}
        log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        scene.do("UPDATE settlement_checkout SET state = %s WHERE reference = %s", state, checkout)
        assert scene.found() == (({"2.15"}, {checkout}) if line_minor else (set(), set()))


def named_holding(scene, holding):
    """Return how the checker names a holding."""
    return f"holding {scene.one('SELECT reference FROM benefits_holding WHERE id = %s', holding)}"


class Sold(NamedTuple):
    """A payment by T-ID: its row, and what the checker may name it by."""

    payment: int
    tid: str
    reference: str
    channel: str


def sold(scene, state):
    """Return the first payment by T-ID in that state of which nothing was given back."""
    return named(scene, scene.one(BY_TID, state))


def named(scene, payment):
    row = scene.sql.execute(
        "SELECT p.id, r.tid, p.reference, p.channel FROM settlement_payment p"
        " JOIN settlement_paymentrequest r ON r.payment_id = p.id WHERE p.id = %s",
        [payment],
    )
    return Sold(*row.fetchone())


def take_out(scene, payment, code):
    """Take a payment's transfer of that code out of the ledger, and all it was posted with."""
    posting = scene.one(
        "SELECT posting_id FROM settlement_transfer WHERE payment_id = %s AND code = %s",
        payment.payment,
        code,
    )
    scene.do("DELETE FROM settlement_transfer WHERE posting_id = %s", posting)
    scene.do("DELETE FROM settlement_posting WHERE id = %s", posting)

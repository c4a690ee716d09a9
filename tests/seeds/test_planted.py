"""Negative controls of the checker: each corruption, planted by hand, is found by its name."""

import json

SALE = "SELECT id FROM settlement_transfer WHERE code = 'OFFLINE_SALE' ORDER BY id LIMIT 1"
PAYMENT = "SELECT id FROM settlement_payment WHERE state = 'APPROVED' ORDER BY id LIMIT 1"


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
    payment = scene.one("SELECT reference FROM settlement_payment ORDER BY id LIMIT 1")
    scene.do("DELETE FROM config_event WHERE subject = %s AND type = 'payment.approved'", payment)
    invariants, rows = scene.found()
    assert invariants == {"I4"}
    assert payment in rows


def test_planted_event_doubled(scene):
    payment = scene.one("SELECT reference FROM settlement_payment ORDER BY id LIMIT 1")
    event = scene.one("SELECT id FROM config_event WHERE subject = %s", payment)
    head = scene.one("SELECT max(seq) FROM config_event")
    scene.double("config_event", event, seq=head + 1)
    invariants, rows = scene.found()
    assert invariants == {"I4"}
    assert payment in rows


def test_planted_final_state_left(scene):
    payment = scene.one("SELECT reference FROM settlement_payment WHERE state = 'REVERSED'")
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

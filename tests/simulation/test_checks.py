"""Negative controls: each check is green on an honest run and red on the one thing it guards."""

from dataclasses import replace

import pytest

from settlement.simulation.checks import violations
from settlement.simulation.evidence import Evidence, Posted
from settlement.simulation.performance import Listing

ISSUER, READER, CARD = "ISS-1", "RDR-1", "card-a"
SERIAL = "serial-a"
RECORD = {"serial": SERIAL, "atc": 1, "card": CARD, "amount_minor": 9_000, "voids": None}
VOID = RECORD | {"atc": 2, "amount_minor": -9_000, "voids": 1}
LISTED = {"op": "blacklist", "result": "ok", "held": {ISSUER: 5}}
CONTACT = {"op": "contact", "result": "opened", "tap": 1}
APPROVED = {"op": "tap", "result": "approved", "tap": 1, "held": {ISSUER: 5}, **RECORD}
UPLOADED = {"op": "upload", "result": "POSTED", "records": [RECORD | {"state": "POSTED"}]}
TAPPED = {
    "op": "tap", "result": "approved", "phone": 0, "card": CARD, "tap": 1, "contacted": True,
    "code": "OABCDE",
}  # fmt: skip
POSTED = Posted(
    serial=SERIAL,
    atc=1,
    amount_minor=9_000,
    state="APPROVED",
    bearer="CARDHOLDER",
    paid_minor=9_000,
    history=("payment.approved",),
)


def poll(*, blocked):
    return {"op": "poll", "result": "ok", "phone": 0, "marks": {CARD: {"blocked": blocked}}}


def evidence(*, log=None, **changes):
    honest = Evidence(
        issuer=ISSUER,
        readers={READER: [LISTED, CONTACT, APPROVED, UPLOADED] if log is None else log},
        phones=[poll(blocked=False), TAPPED],
        listings=[],
        changed_answers=0,
        payments=[POSTED],
        books=[],
        downloads={READER: [4, 5]},
        published=[1, 4, 5],
        newest_listed=5,
    )
    return replace(honest, **changes)


def found(**changes):
    return [line.partition(":")[0] for line in violations(evidence(**changes))]


def test_an_honest_run_has_none():
    assert violations(evidence()) == []


def test_books_that_do_not_add_up():
    assert found(books=["KRW does not add up: 1"]) == ["I1/I8"]


@pytest.mark.parametrize(
    "payments",
    [
        [],
        [POSTED, POSTED],
        [replace(POSTED, amount_minor=9_001)],
        [replace(POSTED, paid_minor=0)],
        [POSTED, replace(POSTED, atc=9)],
    ],
    ids=["lost", "twice", "another amount", "unpaid", "invented"],
)
def test_an_acknowledged_approval_is_posted_once_and_nothing_else_is(payments):
    assert found(payments=payments) == ["I2"]


def test_an_approval_without_a_result():
    assert found(log=[LISTED, CONTACT, APPROVED], payments=[]) == ["I2"]


def test_a_rejected_record_that_no_fault_explains():
    rejected = {"op": "upload", "result": "POSTED", "records": [RECORD | {"state": "REJECTED"}]}
    assert found(log=[LISTED, CONTACT, APPROVED, rejected], payments=[]) == ["I2"]


def test_a_tampered_record_that_was_posted():
    tampered = {"op": "fault", "result": "tampered-record", **RECORD}
    assert found(log=[LISTED, CONTACT, APPROVED, tampered, UPLOADED]) == ["I2", "I2"]


def test_a_void_leaves_nothing_with_the_shop():
    void = {**APPROVED, **VOID}
    sent = {
        "op": "upload",
        "result": "POSTED",
        "records": [RECORD | {"state": "POSTED"}, VOID | {"state": "POSTED"}],
    }
    log = [LISTED, CONTACT, APPROVED, void, sent]
    reversed_ = replace(
        POSTED,
        state="REVERSED",
        paid_minor=0,
        history=("payment.approved", "payment.reversed"),
    )
    assert found(log=log, payments=[reversed_]) == []
    assert found(log=log, payments=[POSTED]) == ["I2"]


def test_a_batch_sent_again_with_another_result():
    assert found(changed_answers=1) == ["I2"]


@pytest.mark.parametrize(
    "changes",
    [{"published": [1, 5, 5]}, {"downloads": {READER: [5, 4]}}, {"newest_listed": 6}],
    ids=["published twice", "went back", "ends behind"],
)
def test_versions_that_do_not_rise(changes):
    assert found(**changes) == ["I3"]


def test_a_final_state_that_was_left():
    history = ("payment.approved", "payment.reversed", "payment.approved")
    assert found(payments=[replace(POSTED, history=history)]) == ["I5"]


def test_a_frozen_card_that_was_tapped():
    assert found(phones=[poll(blocked=True), TAPPED]) == ["1.02"]


def test_a_contact_the_phone_says_it_never_opened():
    silent = TAPPED | {"result": "refused", "code": "card_blocked", "contacted": False}
    assert found(phones=[poll(blocked=True), silent]) == ["1.02"]


def test_a_listed_card_that_was_approved():
    listing = Listing(card=CARD, serials=frozenset({SERIAL}), added_in=5, removed_in=None)
    assert found(listings=[listing]) == ["1.13"]
    assert found(listings=[replace(listing, added_in=6)]) == []
    assert found(listings=[replace(listing, added_in=4, removed_in=5)]) == []

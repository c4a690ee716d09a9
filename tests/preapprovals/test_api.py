"""The calls of protocol §7: who may make them, what they take and what they tell."""

import pytest
from django.utils import timezone

from config.models import Event
from config.sequencer import group_of
from config.wire.client import PortalRefused
from settlement.selectors.preapprovals import PAGE, of_customer, to_phone
from tests.clients import session_of
from tests.factories import preapprovals as made

pytestmark = pytest.mark.django_db
NOBODYS = "PRE-0000000000"


@pytest.fixture
def phone(payer):
    return session_of(key=payer.key, device=payer.phone)


@pytest.fixture
def machine(atm):
    return session_of(key=atm.key, device=atm.device)


def refused(act, *args, **more):
    with pytest.raises(PortalRefused) as told:
        act(*args, **more)
    return told.value.status, told.value.code


def wish(payer, **changes):
    body = {
        "authentication": made.proof_of(payer, at=timezone.now()),
        "kind": "CASH",
        "card": payer.held.card.reference,
        "amount": 10_000,
        "currency": "KRW",
        "pickup_code": made.CODE,
    }
    return body | changes


class TestThePhone:
    def test_is_told_the_number_once(self, payer, phone):
        told = phone.post("/wallet/preapprovals", body=wish(payer))
        shown = told.json()
        assert told.status == 201
        assert shown["code"] == f"A1.{shown.pop('number')}"
        del shown["code"]
        (listed,) = phone.get("/wallet/preapprovals").json()["preapprovals"]
        assert listed == shown
        assert shown["bound_to"] == {"kind": "ATM"}

    def test_hears_the_same_answer_under_the_same_key(self, payer, phone):
        body, key = wish(payer), "one-key-for-one-wish"
        first, again = (
            phone.post("/wallet/preapprovals", body=body, idempotency_key=key) for _ in range(2)
        )
        assert first.json() == again.json()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("amount", 0),
            ("amount", "10000"),
            ("kind", "CHEQUE"),
            ("currency", "XXQ"),
            ("card", "short"),
            ("valid_s", 0),
            ("partial", 1),
            ("pickup_code", "123"),
            ("pickup_code", "１２３４"),
            ("bound_to", {"kind": "READER"}),
            ("bound_to", {"area": "Mapo"}),
            ("number", "111111111113"),
        ],
    )
    def test_sends_nothing_else_than_the_protocol_says(self, payer, phone, field, value):
        body = wish(payer, **{field: value})
        assert refused(phone.post, "/wallet/preapprovals", body=body) == (422, "invalid")

    @pytest.mark.parametrize("body", [{}, {"authentication": 7}, {"authentication": "x" * 99}])
    def test_5_01_proves_its_holder_first(self, phone, body):
        told = refused(phone.post, "/wallet/preapprovals", body=body)
        assert told == (403, "authentication_required")

    def test_of_somebody_else_finds_nothing(self, payer, phone):
        theirs = made.approved(made.payer(), at=timezone.now()).preapproval.reference
        for name in (theirs, NOBODYS):
            assert refused(phone.delete, f"/wallet/preapprovals/{name}") == (404, "not_found")
        assert phone.get("/wallet/preapprovals").json() == {"preapprovals": []}

    def test_lists_page_by_page(self, payer, noon, django_assert_num_queries):
        made.policy(payer, outstanding_max=99, daily_count_max=99)
        payer.held.card.programme.velocity_count = 99
        payer.held.card.programme.save()
        names = [made.approved(payer, 1, at=noon).preapproval.reference for _ in range(PAGE + 1)]
        with django_assert_num_queries(1):
            first = of_customer(device=payer.phone, after="", at=noon)
        rest = of_customer(device=payer.phone, after=first.next, at=noon)
        listed = [row["preapproval"] for row in (*first.rows, *rest.rows)]
        assert (listed, rest.next) == (names[::-1], "")

    def test_sees_one_whose_time_is_up_as_ended(self, payer, noon):
        row = made.approved(payer, at=noon, valid_s=1).preapproval
        assert to_phone(row, at=noon)["state"] == "APPROVED"
        assert to_phone(row, at=row.valid_until)["state"] == "EXPIRED"

    def test_hears_of_changes_by_its_customers_own_stream(self, payer):
        made.approved(payer, at=timezone.now())
        scope = Event.objects.get(type="preapproval.approved").scope
        assert scope == payer.phone.owner
        assert group_of(scope=scope).endswith(payer.phone.owner)


class TestTheMachine:
    def redeems(self, session, word, **changes):
        body = {"number": word.number, "kind": "CASH", "pickup_code": made.CODE} | changes
        return session.post("/terminal/redemptions", body=body)

    def test_is_told_what_to_pay_and_answers(self, payer, machine):
        told = self.redeems(machine, made.approved(payer, at=timezone.now()))
        taken = told.json()
        assert told.status == 201
        assert taken == {
            "redemption": taken["redemption"],
            "state": "IN_PROGRESS",
            "kind": "CASH",
            "amount": 10_000,
            "currency": "KRW",
        }
        path = f"/terminal/redemptions/{taken['redemption']}"
        done = machine.post(f"{path}/complete", body={"outcome": "FULL"}).json()
        assert done == taken | {"state": "COMPLETED", "dispensed": 10_000}
        assert machine.get(path).json() == done

    @pytest.mark.parametrize(
        ("field", "value"),
        [("kind", "CHEQUE"), ("amount", 0), ("pickup_code", "12345"), ("card", "any")],
    )
    def test_sends_nothing_else_than_the_protocol_says(self, payer, machine, field, value):
        word = made.approved(payer, at=timezone.now())
        assert refused(self.redeems, machine, word, **{field: value}) == (422, "invalid")

    @pytest.mark.parametrize(
        "report",
        [
            {},
            {"outcome": "SOME"},
            {"outcome": "FULL", "dispensed": -1},
            {"outcome": "NONE", "x": 1},
        ],
    )
    def test_reports_nothing_else_than_the_protocol_says(self, payer, machine, report):
        name = self.redeems(machine, made.approved(payer, at=timezone.now())).json()["redemption"]
        path = f"/terminal/redemptions/{name}/complete"
        assert refused(machine.post, path, body=report) == (422, "invalid")

    def test_takes_a_request_back_by_its_key(self, payer, machine):
        key, path = "key-whose-answer-is-lost", "/terminal/redemptions/reversals"
        assert machine.post(path, body={"key": key}).json() == {"state": "REVERSED"}
        assert refused(machine.post, path, body={"key": "short"}) == (422, "invalid")

    @pytest.mark.parametrize("path", ["", "/reversals", "/RDM-0000000000/complete"])
    def test_is_no_phone(self, phone, path):
        told = refused(phone.post, f"/terminal/redemptions{path}", body={})
        assert told == (403, "wrong_kind")

    def test_is_no_holder(self, machine):
        assert refused(machine.get, "/wallet/preapprovals") == (403, "wrong_kind")
        path = f"/wallet/preapprovals/{NOBODYS}"
        assert refused(machine.delete, path) == (403, "wrong_kind")

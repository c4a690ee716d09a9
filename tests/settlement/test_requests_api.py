"""Terminal and phone at the API (protocol §4.1), each by a plain client that signs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.models import Alert
from config.wire import b64
from config.wire.client import PortalRefused
from merchants.services import api_keys, relays
from settlement.models import Payment, Refund
from settlement.services import payments
from tests.clients import http, session_of
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM, enrolled
from tests.factories.wallets import enrolled_phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer():
    return made.payer(at=timezone.now() - timedelta(hours=1))


@pytest.fixture
def till(terminal):
    return session_of(key=terminal.key, device=terminal.device)


@pytest.fixture
def phone(payer):
    return session_of(key=payer.key, device=payer.phone)


def body_of(asked):
    body = {"tid": asked.tid, "amount": asked.amount_minor, "currency": asked.currency}
    body |= {"order": asked.order} if asked.order else {}
    digest = asked.bill_digest
    return body if digest is None else body | {"bill_digest": b64.encode(digest)}


def consent_to(payer, claimed, **changes):
    """Return the body of an approval of what the phone was shown."""
    payer.counter += 1
    token = bytes(payer.held.card.token)
    shown = {
        "card": b64.encode(token),
        "merchant": claimed["merchant"]["id"],
        "amount": claimed["amount"],
        "currency": claimed["currency"],
        "counter": payer.counter,
        "pin_code": payer.code(claimed["tid"], token, payer.counter),
    }
    return shown | changes


def refused(act, *args, **kwargs):
    with pytest.raises(PortalRefused) as refusal:
        act(*args, **kwargs)
    return refusal.value.status, refusal.value.code


def test_a_payment_from_the_request_to_the_refund(terminal, payer, till, phone):
    asked = terminal.asked(12_000, order="A-1")
    answer = till.post("/terminal/payments", body=body_of(asked))
    assert answer.status == 201
    assert answer.json() == {
        "tid": asked.tid,
        "state": "REQUESTED",
        "amount": 12_000,
        "currency": "KRW",
        "expires_at": answer.json()["expires_at"],
        "rns": {"host": "127.0.0.1", "port": 9100},
    }
    assert till.post("/terminal/payments", body=body_of(asked)).status == 200

    claimed = phone.post(f"/wallet/payments/{asked.tid}/claim").json()
    assert (claimed["state"], claimed["order"]) == ("CLAIMED", "A-1")
    word = phone.post(
        f"/wallet/payments/{asked.tid}/approve", body=consent_to(payer, claimed)
    ).json()
    assert word["state"] == "APPROVED"
    assert (word["lines"], word["remainder"]) == ([], 12_000)

    seen = till.get(f"/terminal/payments/{asked.tid}").json()
    assert (seen["state"], seen["approval_code"]) == ("APPROVED", word["approval_code"])
    back = till.post(
        f"/terminal/payments/{asked.tid}/refunds", body={"amount": 2_000, "reason": "Cup"}
    )
    assert (back.status, back.json()["refundable"]) == (201, 10_000)
    assert till.get(f"/terminal/payments/{asked.tid}").json()["refunded"] == 2_000


def test_phone_first_is_told_when_to_ask_again(terminal, phone):
    with pytest.raises(PortalRefused) as refusal:
        phone.post(f"/wallet/payments/{terminal.asked().tid}/claim")

    assert (refusal.value.status, refusal.value.code) == (404, "tid_unknown")


def test_the_same_key_hears_a_yes_again(terminal, payer, till, phone):
    asked = terminal.asked()
    till.post("/terminal/payments", body=body_of(asked))
    claimed = phone.post(f"/wallet/payments/{asked.tid}/claim").json()
    body, key = consent_to(payer, claimed), "0123456789abcdef"

    answers = [
        phone.post(f"/wallet/payments/{asked.tid}/approve", body=body, idempotency_key=key).json()
        for _ in range(3)
    ]

    assert answers[0]["state"] == "APPROVED"
    assert answers[1:] == answers[:1] * 2
    assert Payment.objects.get().state == "APPROVED"


def test_a_merchants_server_refunds_by_either_name(terminal, payer):
    now = timezone.now()
    request = terminal.asks(10_000, at=now)
    payer.pays(request, at=now)
    key = api_keys.make(merchant=terminal.place.merchant, name="Shop", actor=SYSTEM, at=now)
    headers = {"Authorization": f"Bearer {key}"}

    for name in (f"merchant/payments/{request.reference}", f"terminal/payments/{request.tid}"):
        answer = http().post(
            f"http://127.0.0.1:8000/api/v1/{name}/refunds",
            json={"amount": 1},
            headers=headers | {"Idempotency-Key": name},
        )
        assert answer.status_code == 201, answer.text


def test_a_merchants_server_refunds_nothing_without_an_idempotency_key(terminal, payer):
    now = timezone.now()
    request = terminal.asks(10_000, at=now)
    payer.pays(request, at=now)
    key = api_keys.make(merchant=terminal.place.merchant, name="Shop", actor=SYSTEM, at=now)

    answer = http().post(
        f"http://127.0.0.1:8000/api/v1/merchant/payments/{request.reference}/refunds",
        json={"amount": 1},
        headers={"Authorization": f"Bearer {key}"},
    )

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "required")
    assert not Refund.objects.exists()


def test_a_merchants_server_reads_tid_order_refusal_and_what_was_given_back(terminal, payer):
    now = timezone.now()
    paid, declined = terminal.asks(10_000, at=now, order="A-1"), terminal.asks(at=now)
    payer.pays(paid, at=now)
    payer.claims(declined, at=now)
    payments.decline(device=payer.phone, tid=declined.tid, at=now)
    payments.refund(reference=paid.reference, amount_minor=500, reason="Cup", actor=SYSTEM, at=now)
    key = api_keys.make(merchant=terminal.place.merchant, name="Shop", actor=SYSTEM, at=now)

    def told(path, *names):
        payment = (
            http()
            .get(
                f"http://127.0.0.1:8000/api/v1/merchant/payments{path}",
                headers={"Authorization": f"Bearer {key}"},
            )
            .json()
        )
        return [payment[name] for name in names] if names else payment["payments"]

    of_both = ("channel", "tid", "state")
    said = told(f"/{paid.reference}", *of_both, "order", "refunded")
    assert said == ["TID", paid.tid, "APPROVED", "A-1", 500]
    said = told(f"/{declined.reference}", *of_both, "decline_reason")
    assert said == ["TID", declined.tid, "DECLINED", "customer_declined"]
    assert [row["tid"] for row in told("")] == [declined.tid, paid.tid]


def test_another_merchants_payment_is_not_found(terminal, payer):
    now = timezone.now()
    request = terminal.asks(10_000, at=now)
    payer.pays(request, at=now)
    other = made.terminal()
    session = session_of(key=other.key, device=other.device)

    for call in (
        lambda: session.get(f"/terminal/payments/{request.tid}"),
        lambda: session.post(f"/terminal/payments/{request.tid}/cancel"),
        lambda: session.post(f"/terminal/payments/{request.tid}/refunds", body={"amount": 1}),
    ):
        assert refused(call) == (404, "not_found")


class TestByRelay:
    @pytest.fixture
    def relay(self, terminal):
        relay, _key = enrolled(kind="RELAY", store=terminal.place.store)
        relays.pair(relay=relay, terminal=terminal.device, actor=SYSTEM, at=timezone.now())
        return relay

    @pytest.fixture
    def left(self, terminal, relay):
        """A bill left at the relay and registered with its request."""
        now = timezone.now()
        return terminal.asks_by_relay(
            9_000, relay=relay, at=now, expires=now + timedelta(minutes=5), order="T7"
        )

    def approves(self, phone, payer, request, bill):
        claimed = phone.post(f"/wallet/payments/{request.tid}/claim").json()
        carried = {} if bill is None else {"bill": b64.encode(bill)}
        return phone.post(
            f"/wallet/payments/{request.tid}/approve", body=consent_to(payer, claimed, **carried)
        ).json()

    def test_the_bill_pays(self, phone, payer, left):
        request, bill = left

        assert self.approves(phone, payer, request, bill)["state"] == "APPROVED"
        assert Payment.objects.get().channel == "RELAY"

    def test_without_the_bill_it_does_not(self, phone, payer, left):
        assert refused(self.approves, phone, payer, left[0], None) == (422, "bill_required")

    def test_3_06_an_altered_bill_is_refused_with_an_alert(self, phone, payer, terminal, left):
        request, bill = left
        altered = bill[:-1] + bytes([bill[-1] ^ 1])

        assert refused(self.approves, phone, payer, request, altered) == (422, "bill_altered")
        assert Alert.objects.get().kind == "bill_altered"
        assert Payment.objects.get().state == "CLAIMED"

    @pytest.mark.parametrize("merchant", ["MER-ANOTHER", "M" * 64])
    def test_a_false_bill_alarms_its_own_shop_whoever_the_phone_names(
        self, phone, payer, terminal, left, merchant
    ):
        claimed = phone.post(f"/wallet/payments/{left[0].tid}/claim").json()
        body = consent_to(payer, claimed, bill=b64.encode(b"none"), merchant=merchant)

        path = f"/wallet/payments/{left[0].tid}/approve"
        assert refused(phone.post, path, body=body) == (422, "bill_altered")
        assert Alert.objects.get().tenant == terminal.merchant

    def test_3_09_a_revoked_relay(self, phone, payer, relay, left):
        from config import devices

        devices.revoke(reference=relay.reference, actor=SYSTEM, at=timezone.now())

        assert refused(self.approves, phone, payer, *left) == (422, "relay_revoked")

    def test_3_09_an_unpaired_relay(self, phone, payer, terminal, relay, left):
        relays.part(relay=relay, terminal=terminal.device, actor=SYSTEM, at=timezone.now())

        assert refused(self.approves, phone, payer, *left) == (422, "relay_unpaired")

    def test_3_09_another_shops_relay(self, phone, payer, terminal):
        strange, _key = enrolled(kind="RELAY")
        now = timezone.now()
        left = terminal.asks_by_relay(relay=strange, at=now, expires=now + timedelta(minutes=5))

        assert refused(self.approves, phone, payer, *left) == (422, "bill_foreign")

    def test_3_08_a_newer_bill_voids_the_older(self, phone, payer, terminal, relay, left):
        now = timezone.now()
        terminal.asks_by_relay(relay=relay, at=now, expires=now + timedelta(minutes=5), order="T7")

        assert refused(self.approves, phone, payer, *left) == (422, "bill_voided")

    def test_3_04_a_bill_paid_late(self, phone, payer, terminal, relay):
        now = timezone.now()
        left = terminal.asks_by_relay(relay=relay, at=now, expires=now - timedelta(seconds=1))

        assert refused(self.approves, phone, payer, *left) == (422, "bill_expired")

    def test_a_relay_is_told_its_terminals(self, terminal, relay):
        key_of = terminal.place
        mine, key = enrolled(kind="RELAY", store=key_of.store)
        relays.pair(relay=mine, terminal=terminal.device, actor=SYSTEM, at=timezone.now())

        told = session_of(key=key, device=mine).get("/relay/terminals").json()

        assert told == {
            "terminals": [
                {
                    "device": terminal.device.reference,
                    "number": key_of.number,
                    "merchant": {"id": key_of.merchant.reference, "name": key_of.merchant.name},
                    "public_key": b64.encode(terminal.key.public),
                }
            ]
        }


def test_a_card_without_certificate_on_this_phone_does_not_pay(terminal, payer):
    """Protocol §3.1: each phone needs one before its first payment with that card."""
    now = timezone.now()
    from wallets.models import Customer

    customer = Customer.objects.get(reference=payer.phone.owner)
    second, key = enrolled_phone(customer=customer)
    request = terminal.asks(10_000, at=now)
    session = session_of(key=key, device=second)
    claimed = session.post(f"/wallet/payments/{request.tid}/claim").json()
    other = made.Payer(held=payer.held)
    other.held.phone = second

    body = consent_to(other, claimed)

    path = f"/wallet/payments/{request.tid}/approve"
    assert refused(session.post, path, body=body) == (403, "certificate_required")

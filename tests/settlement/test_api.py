"""What readers and merchants' servers are answered (protocol §5 and §8)."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from config import events
from config.audit import SYSTEM
from config.wire import b64
from config.wire.client import PortalRefused
from merchants.services import api_keys
from merchants.wire import batch_digest
from settlement.models import Payment
from settlement.services import batches
from tests.clients import http, session_of
from tests.factories import settlement as factory
from tests.factories.merchants import enrolled

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def card(now):
    return factory.card_on_phone(at=now - timedelta(hours=1))


@pytest.fixture
def till(now):
    return factory.till(now=now)


@pytest.fixture
def reader(till):
    return session_of(key=till.key, device=till.device)


@pytest.fixture
def server(till, now):
    """Return what the merchant's own server gets, by path."""
    token = api_keys.make(merchant=till.merchant, name="shop", actor=SYSTEM, at=now)

    def get(path, **query):
        return http().get(
            f"{settings.ORIGIN}/api/v1{path}",
            params=query,
            headers={"Authorization": f"Bearer {token}"},
        )

    return get


@pytest.fixture
def paid(till, card, now):
    """Three payments that are posted and told."""
    till.upload(*[card.sale(till, 1000 + n) for n in range(3)])
    batches.post_waiting(limit=20, at=now)
    events.take_turn()
    return list(Payment.objects.order_by("pk"))


class TestAReader:
    def test_uploads_a_batch_and_asks_what_became_of_it(self, reader, till, card, now):
        content = till.batch(card.sale(till, 700))

        answer = reader.post("/reader/batches", body=content)

        digest = b64.encode(batch_digest(content))
        assert answer.status == 202
        assert answer.json() == {"sequence": 1, "digest": digest, "state": "RECEIVED"}
        batches.post_waiting(limit=20, at=now)
        assert reader.get("/reader/batches/1").json() == {
            "sequence": 1,
            "digest": digest,
            "state": "POSTED",
            "totals": {"KRW": 700},
            "results": [{"index": 0, "state": "POSTED"}],
        }

    def test_hears_the_same_answer_to_the_same_bytes(self, reader, till, card, now):
        content = till.batch(card.sale(till))
        first = reader.post("/reader/batches", body=content)
        batches.post_waiting(limit=20, at=now)

        assert reader.post("/reader/batches", body=content).body == first.body
        assert Payment.objects.count() == 1

    @pytest.mark.parametrize(
        ("changes", "refused"),
        [
            ({"count": 7}, (422, "batch_count")),
            ({"sequence": 3}, (422, "batch_sequence")),
            ({"created": 5, "sequence": 1}, (409, "batch_conflict")),
        ],
    )
    def test_is_refused_by_code(self, reader, till, card, changes, refused):
        till.upload(card.sale(till))

        with pytest.raises(PortalRefused) as refusal:
            reader.post("/reader/batches", body=till.batch(card.sale(till), **changes))

        assert (refusal.value.status, refusal.value.code) == refused

    def test_reads_why_a_batch_was_refused(self, reader, till, card):
        with pytest.raises(PortalRefused):
            reader.post("/reader/batches", body=till.batch(card.sale(till), count=7))

        result = reader.get("/reader/batches/1").json()

        assert (result["state"], result["refusal"]) == ("REFUSED", "batch_count")

    def test_sends_cose_and_nothing_else(self, reader):
        with pytest.raises(PortalRefused) as refusal:
            reader.post("/reader/batches", body={"batch": 1})

        assert refusal.value.status == 415

    def test_sees_no_other_readers_batch(self, till, card, now):
        till.upload(card.sale(till))
        other = factory.till(now=now)

        with pytest.raises(PortalRefused) as refusal:
            session_of(key=other.key, device=other.device).get("/reader/batches/1")

        assert refusal.value.code == "not_found"

    def test_is_a_reader(self, till, card):
        device, key = enrolled(kind="TERMINAL")

        with pytest.raises(PortalRefused) as refusal:
            session_of(key=key, device=device).post("/reader/batches", body=b"x")

        assert (refusal.value.status, refusal.value.code) == (403, "wrong_kind")


class TestAMerchantsServer:
    def test_reads_events_without_a_gap(self, server, paid):
        first = server("/merchant/events", limit="3").json()
        rest = server("/merchant/events", after=str(first["next"])).json()

        told = first["events"] + rest["events"]
        assert [event["seq"] for event in told] == [1, 2, 3, 4]
        assert [event["type"] for event in told] == [*["payment.approved"] * 3, "batch.posted"]
        assert told[0]["payment"]["id"] == paid[0].reference
        assert rest["next"] == 4

    def test_reads_payments_newest_first_page_by_page(self, server, paid):
        first = server("/merchant/payments", limit="2").json()
        rest = server("/merchant/payments", limit="2", after=first["next"]).json()

        told = [payment["id"] for payment in first["payments"] + rest["payments"]]
        assert told == [payment.reference for payment in reversed(paid)]
        assert "next" not in rest

    def test_reads_one_payment_as_its_event_told_it(self, server, paid):
        told = server(f"/merchant/payments/{paid[0].reference}").json()

        assert told == server("/merchant/events").json()["events"][0]["payment"]

    def test_sees_nothing_of_another_merchant(self, server, card, now):
        other = factory.till(now=now)
        other.upload(card.sale(other))
        batches.post_waiting(limit=20, at=now)
        events.take_turn()
        foreign = Payment.objects.get().reference

        assert server("/merchant/payments").json() == {"payments": []}
        assert server("/merchant/events").json() == {"events": [], "next": 0, "floor": 0}
        assert server(f"/merchant/payments/{foreign}").status_code == 404
        assert server("/merchant/payments", after=foreign).status_code == 404

    @pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"page": "2"}])
    def test_asks_in_the_known_words(self, server, query):
        assert server("/merchant/payments", **query).status_code == 422

    def test_shows_a_key(self):
        answer = http().get(f"{settings.ORIGIN}/api/v1/merchant/events")

        assert answer.status_code == 401
        assert isinstance(answer, httpx.Response)


def test_a_batch_of_a_revoked_copy_of_the_reader_is_not_its(till, card):
    """Bytes signed by another key under the reader's name never count as the reader's."""
    foreign = replace(till, key=factory.SigningKey.generate())

    with pytest.raises(batches.BatchRefused):
        till.send(foreign.batch(card.sale(till)))

"""Signed requests (protocol §3): every part is covered, in order, once, within a minute."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from config import devices
from config.audit import SYSTEM
from config.models import Device, SeenNonce
from config.signatures import verify_request
from config.wire.keys import SigningKey
from merchants.models import Merchant
from tests.api.caller import code_of, of_device
from tests.factories.merchants import enrolled

pytestmark = pytest.mark.django_db

PATH = "/api/v1/count?shop=1"
BODY = {"subject": "loaf"}
KEYED = {"Idempotency-Key": "key-of-sixteen-characters"}


def header(name, change):
    return lambda request: {
        "headers": request["headers"] | {name: change(request["headers"][name])}
    }


def without(name):
    return lambda request: {
        "headers": {key: value for key, value in request["headers"].items() if key != name}
    }


TAMPERED = {
    "the method": lambda _: {"method": "PUT"},
    "the path": lambda _: {"path": "/api/v1/batch?shop=1"},
    "the query": lambda _: {"path": "/api/v1/count?shop=2"},
    "no query": lambda _: {"path": "/api/v1/count"},
    "the body": lambda _: {"body": b'{"subject": "cake"}'},
    "no body": lambda _: {"body": b""},
    "the digest": header("Content-Digest", lambda v: "sha-256=:" + "A" * 43 + "=:"),
    "no digest": without("Content-Digest"),
    "the content type": header("Content-Type", lambda v: "application/json; charset=utf-8"),
    "the idempotency key": header("Idempotency-Key", lambda v: v + "2"),
    "no idempotency key": without("Idempotency-Key"),
    "the signature": header("Signature", lambda v: v.replace("sig1=:", "sig1=:AAAA", 1)[:-5] + ":"),
    "no signature": without("Signature"),
    "no input": without("Signature-Input"),
    "the label": header("Signature-Input", lambda v: v.replace("sig1=", "sig2=")),
    "created": header("Signature-Input", lambda v: v.replace("created=", "created=1")),
    "the nonce": header("Signature-Input", lambda v: v.replace('nonce="', 'nonce="A')),
    "the key id": header("Signature-Input", lambda v: v.replace('keyid="', 'keyid="X')),
    "the algorithm": header("Signature-Input", lambda v: v.replace("p256", "p384")),
    "method not covered": header("Signature-Input", lambda v: v.replace('"@method" ', "")),
    "uri not covered": header("Signature-Input", lambda v: v.replace('"@target-uri" ', "")),
    "digest not covered": header("Signature-Input", lambda v: v.replace('"content-digest" ', "")),
    "type not covered": header("Signature-Input", lambda v: v.replace('"content-type" ', "")),
    "key not covered": header("Signature-Input", lambda v: v.replace(' "idempotency-key"', "")),
}


class TestASignedRequest:
    def test_is_taken_as_sent(self, terminal):
        answer = terminal.post(PATH, BODY, headers=KEYED)

        assert answer.status_code == 201

    @pytest.mark.parametrize("part", TAMPERED)
    def test_is_refused_once_any_part_of_it_is_altered(self, terminal, part):
        answer = terminal.post(PATH, BODY, headers=KEYED, alter=TAMPERED[part])

        assert (answer.status_code, code_of(answer)) == (401, "signature_invalid")
        assert not SeenNonce.objects.exists()

    def test_of_no_signature_at_all_is_refused(self, terminal):
        answer = terminal.http.get("/api/v1/device/config")

        assert (answer.status_code, code_of(answer)) == (401, "signature_invalid")
        assert "WWW-Authenticate" in answer

    def test_needs_no_digest_without_a_body(self, terminal):
        assert terminal.get("/api/v1/device/config").status_code == 200

    def test_by_another_key_is_refused(self, terminal):
        answer = terminal.post(PATH, BODY, key=SigningKey.generate())

        assert code_of(answer) == "signature_invalid"


class TestTheTime:
    @pytest.mark.parametrize("off_s", [-58, 58])
    def test_may_be_off_by_up_to_a_minute(self, terminal, off_s):
        assert terminal.post(PATH, BODY, created=int(time.time()) + off_s).status_code == 201

    @pytest.mark.parametrize("off_s", [-62, 62])
    def test_beyond_is_refused_with_ours(self, terminal, off_s):
        answer = terminal.post(PATH, BODY, created=int(time.time()) + off_s)

        assert (answer.status_code, code_of(answer)) == (401, "signature_expired")
        told = answer.json()["server_time"]
        assert told.endswith("Z")
        assert abs(datetime.fromisoformat(told) - timezone.now()) < timedelta(seconds=5)
        assert not SeenNonce.objects.exists()

    def test_is_looked_at_only_after_the_signature(self, terminal):
        answer = terminal.post(PATH, BODY, created=1, key=SigningKey.generate())

        assert code_of(answer) == "signature_invalid"


class TestANonce:
    def test_is_good_once(self, terminal):
        request = terminal.signed("POST", PATH, body=BODY)

        first, second = terminal.deliver(request), terminal.deliver(request)

        assert first.status_code == 201
        assert (second.status_code, code_of(second)) == (401, "signature_replayed")

    def test_is_each_key_s_own(self, terminal, reader):
        nonce = bytes(16)

        answers = [caller.post(PATH, BODY, nonce=nonce) for caller in (terminal, reader)]

        assert [answer.status_code for answer in answers] == [201, 201]

    def test_is_kept_as_long_as_its_signature_could_be_taken(self, terminal):
        created = int(time.time()) + 58
        request = terminal.signed("POST", PATH, body=BODY, created=created)
        terminal.deliver(request)
        still = datetime.fromtimestamp(created + 60, tz=timezone.get_default_timezone())

        assert devices.forget_nonces(at=still, limit=10) == 0
        assert devices.forget_nonces(at=still + timedelta(seconds=1), limit=10) == 1


class TestTheDevice:
    def test_unknown_is_refused(self, terminal):
        terminal.keyid = "TRM-0000000000"

        assert code_of(terminal.post(PATH, BODY)) == "signature_invalid"

    def test_revoked_is_refused_from_its_next_request_on(self, terminal):
        devices.revoke(reference=terminal.keyid, actor=SYSTEM, at=timezone.now())

        assert code_of(terminal.post(PATH, BODY)) == "signature_invalid"

    def test_of_a_suspended_merchant_is_refused(self):
        device, key = enrolled(kind="TERMINAL")
        Merchant.objects.get(reference=device.owner).transition(Merchant.State.SUSPENDED)

        answer = of_device((device, key)).post(PATH, BODY)

        assert (answer.status_code, code_of(answer)) == (403, "merchant_suspended")

    def test_of_a_suspended_merchant_spends_its_nonce_and_is_seen(self):
        device, key = enrolled(kind="TERMINAL")
        Merchant.objects.get(reference=device.owner).transition(Merchant.State.SUSPENDED)
        caller = of_device((device, key))
        request = caller.signed("POST", PATH, body=BODY)

        codes = [code_of(caller.deliver(request)) for _ in range(2)]

        assert codes == ["merchant_suspended", "signature_replayed"]
        assert Device.objects.get(pk=device.pk).seen_at is not None

    def test_of_no_merchant_is_barred_by_none(self, phone):
        assert phone.post(PATH, BODY).status_code == 201

    def test_is_seen(self, terminal):
        terminal.post(PATH, BODY)

        seen_at = Device.objects.get(reference=terminal.keyid).seen_at
        assert timezone.now() - seen_at < timedelta(seconds=10)

    @pytest.mark.parametrize(("ago_s", "is_noted"), [(9, False), (11, True)])
    def test_is_seen_every_ten_seconds(self, terminal, ago_s, is_noted):
        before = timezone.now() - timedelta(seconds=ago_s)
        Device.objects.filter(reference=terminal.keyid).update(seen_at=before)

        terminal.post(PATH, BODY)

        assert (Device.objects.get(reference=terminal.keyid).seen_at != before) == is_noted

    def test_is_not_seen_by_a_signature_that_came_before(self, terminal):
        request = terminal.signed("POST", PATH, body=BODY)
        terminal.deliver(request)
        before = timezone.now() - timedelta(seconds=11)
        Device.objects.filter(reference=terminal.keyid).update(seen_at=before)

        assert code_of(terminal.deliver(request)) == "signature_replayed"
        assert Device.objects.get(reference=terminal.keyid).seen_at == before

    def test_takes_two_statements(self, terminal, django_assert_num_queries):
        request = terminal.signed("POST", PATH, body=BODY)
        told = {"method": "POST", "target_uri": settings.ORIGIN + PATH, "body": request["body"]}

        with django_assert_num_queries(2):
            verify_request(headers=request["headers"], at=timezone.now(), **told)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("noted_s", "is_noted"), [(-1, True), (60, False)])
def test_a_device_that_is_noted_meanwhile_is_waited_for_and_taken(terminal, noted_s, is_noted):
    """Whoever waits for the device's row looks at it again, and still spends its nonce once."""
    meanwhile = timezone.now() + timedelta(seconds=noted_s)

    answer = while_its_device_is_noted(terminal, at=meanwhile)

    assert answer.status_code == 201
    assert SeenNonce.objects.count() == 1
    seen_at = Device.objects.get(reference=terminal.keyid).seen_at
    assert (seen_at != meanwhile) == is_noted


def while_its_device_is_noted(caller, *, at):
    """Return the answer to a request that waits while another contact is noted at ``at``."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic():
            Device.objects.filter(reference=caller.keyid).update(seen_at=at)
            sent = pool.submit(delivered, caller)
            until_one_waits()
        return sent.result()


def delivered(caller):
    try:
        return caller.post(PATH, BODY)
    finally:
        connection.close()


def until_one_waits():
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits for the device's row")


WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class TestTheOriginAskedFor:
    def test_counts_in_the_demo(self, terminal, settings):
        settings.DEMO, settings.ORIGIN = True, "http://localhost:8000"
        request = terminal.signed("POST", PATH, body=BODY)
        settings.ORIGIN = "https://pay.example"
        request["headers"]["Host"] = "localhost:8000"

        assert terminal.deliver(request).status_code == 201

    def test_does_not_count_elsewhere(self, terminal, settings):
        request = terminal.signed("POST", PATH, body=BODY)
        settings.ORIGIN = "https://pay.example"
        request["headers"]["Host"] = "127.0.0.1:8000"

        assert code_of(terminal.deliver(request)) == "signature_invalid"

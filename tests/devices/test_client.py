"""Signed requests to the portal: what is signed, what is retried, whose clock decides."""

import httpx
import pytest

from config.wire import b64
from config.wire.client import PortalRefused, PortalUnreachable, discover, enrol
from config.wire.keys import SigningKey
from tests.devices.parties import NOON
from tests.devices.portals import ORIGIN, Portal, problem, session_for

KEY = SigningKey.from_secret(42)
OK = httpx.Response(200, json={"state": "APPROVED"})


@pytest.fixture
def portal():
    return Portal(KEY.public)


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def session(portal, pauses):
    return session_for(portal, KEY, sleep=pauses.append)


class TestSigning:
    def test_a_get_names_the_device_and_the_time(self, portal, session):
        portal.answers = [OK]

        session.get("/wallet/commands?after=3")

        assert str(portal.requests[0].url) == f"{ORIGIN}/api/v1/wallet/commands?after=3"
        assert (portal.signed[0].keyid, portal.signed[0].created) == ("DEV-1", NOON)

    def test_a_post_covers_body_type_and_idempotency_key(self, portal, session):
        portal.answers = [OK]

        session.post("/reader/authorizations", body={"record": "x"})

        covered = portal.requests[0].headers["signature-input"]
        for name in ("content-digest", "content-type", "idempotency-key"):
            assert f'"{name}"' in covered
        assert len(portal.requests[0].headers["idempotency-key"]) >= 16

    def test_a_signed_object_goes_as_cose(self, portal, session):
        portal.answers = [OK]

        session.post("/reader/batches", body=b"\xd2\x84")

        assert portal.requests[0].headers["content-type"] == "application/cose"
        assert portal.requests[0].content == b"\xd2\x84"

    def test_an_empty_post_has_neither_type_nor_digest(self, portal, session):
        portal.answers = [OK]

        session.post("/wallet/socket-tickets")

        assert "content-type" not in portal.requests[0].headers
        assert "content-digest" not in portal.requests[0].headers

    def test_every_request_has_a_nonce_of_its_own(self, portal, session):
        portal.answers = [OK, OK]

        session.get("/wallet/cards")
        session.get("/wallet/cards")

        assert portal.signed[0].nonce != portal.signed[1].nonce


class TestRetry:
    def test_a_cut_post_is_asked_again_under_the_same_key(self, portal, session, pauses):
        portal.answers = [httpx.ReadError("cut"), httpx.ConnectTimeout("slow"), OK]

        answer = session.post("/wallet/pin", body={"counter": 1})

        keys = {request.headers["idempotency-key"] for request in portal.requests}
        assert answer.json() == {"state": "APPROVED"}
        assert len(keys) == 1
        assert len({signed.nonce for signed in portal.signed}) == 3
        assert 0.5 <= pauses[0] <= 0.75
        assert 1 <= pauses[1] <= 1.5

    def test_a_portal_that_is_down_is_unreachable_after_the_last_attempt(self, portal, session):
        portal.answers = [httpx.Response(503)] * 4

        with pytest.raises(PortalUnreachable):
            session.get("/wallet/cards")
        assert portal.answers == []

    def test_a_refusal_is_not_asked_again(self, portal, session):
        portal.answers = [problem(422, "invalid", detail="amount")]

        with pytest.raises(PortalRefused) as refused:
            session.post("/wallet/pin", body={})

        assert (refused.value.status, refused.value.code) == (422, "invalid")
        assert len(portal.requests) == 1

    @pytest.mark.parametrize(
        "busy",
        [problem(409, "idempotency_in_progress"), problem(429, "throttled", retry_after="2")],
    )
    def test_a_busy_portal_is_asked_again(self, portal, session, pauses, busy):
        portal.answers = [busy, OK]

        session.post("/wallet/pin", body={})

        assert len(portal.requests) == 2
        assert pauses[0] >= (2 if busy.status_code == 429 else 0.5)

    def test_a_long_lock_is_the_callers_to_wait_for(self, portal, session, pauses):
        portal.answers = [problem(429, "lookup_locked", retry_after="1800")]

        with pytest.raises(PortalRefused, match="lookup_locked"):
            session.get("/wallet/cards")
        assert pauses == []

    def test_busy_to_the_end_is_the_portals_own_word(self, portal, session):
        portal.answers = [problem(409, "idempotency_in_progress")] * 4

        with pytest.raises(PortalRefused, match="idempotency_in_progress"):
            session.post("/wallet/pin", body={})

    def test_something_else_that_answers_is_no_portal(self, portal, session):
        portal.answers = [httpx.Response(200, text="<html>log in to the hotel</html>")]

        with pytest.raises(PortalUnreachable):
            session.get("/wallet/cards").json()


class TestClock:
    def test_an_expired_signature_adopts_the_servers_time(self, portal):
        session = session_for(portal, KEY, clock=lambda: NOON - 600.0, attempts=1)
        portal.answers = [
            problem(401, "signature_expired", server_time="2026-11-22T03:00:00Z"),
            OK,
            OK,
        ]

        session.post("/wallet/pin", body={})
        session.get("/wallet/cards")

        assert [signed.created for signed in portal.signed] == [NOON - 600, NOON, NOON]
        assert session.now() == NOON
        keys = [request.headers.get("idempotency-key") for request in portal.requests]
        assert keys[0] == keys[1]

    def test_two_expired_signatures_in_a_row_are_a_refusal(self, portal, session):
        expired = problem(401, "signature_expired", server_time="2026-11-22T03:00:00Z")
        portal.answers = [expired, expired]

        with pytest.raises(PortalRefused, match="signature_expired"):
            session.get("/wallet/cards")

    def test_without_a_server_time_there_is_nothing_to_adopt(self, portal, session):
        portal.answers = [problem(401, "signature_expired")]

        with pytest.raises(PortalUnreachable):
            session.get("/wallet/cards")


class TestEnrolment:
    def test_a_reader_sends_code_kind_name_and_key(self, portal, session):
        portal.answers = [httpx.Response(201, json={"device": "DEV-9"})]

        answer = enrol(
            session=session, code="ABCDE12345", kind="READER", name="Till", public_key=KEY.public
        )

        assert answer == {"device": "DEV-9"}
        assert portal.bodies == [
            {
                "code": "ABCDE12345",
                "kind": "READER",
                "name": "Till",
                "public_key": b64.encode(KEY.public),
            }
        ]

    def test_a_phone_adds_its_serial_and_psn_key(self, portal, session):
        portal.answers = [httpx.Response(201, json={"device": "DEV-9"})]

        enrol(
            session=session,
            code="ABCDE12345",
            kind="PHONE",
            name="Phone",
            public_key=KEY.public,
            app_serial="APP-1",
            psn_key=bytes(32),
        )

        assert portal.bodies[0]["app_serial"] == "APP-1"
        assert portal.bodies[0]["psn_key"] == b64.encode(bytes(32))


class TestDiscovery:
    def test_it_needs_no_signature(self):
        answer = httpx.Response(200, json={"version": 1, "sockets": "wss://portal.test"})
        http = httpx.Client(transport=httpx.MockTransport(lambda request: answer))

        assert discover(http=http, origin=ORIGIN)["version"] == 1

    @pytest.mark.parametrize("answer", [httpx.Response(502), httpx.Response(200, text="hello")])
    def test_what_is_no_portal_is_unreachable(self, answer):
        http = httpx.Client(transport=httpx.MockTransport(lambda request: answer))

        with pytest.raises(PortalUnreachable):
            discover(http=http, origin=ORIGIN)

"""Refusals (RFC 9457): one shape and a stable code for whatever goes wrong under /api/."""

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Alert
from merchants.models import Merchant
from merchants.services import api_keys
from tests.api.caller import code_of
from tests.factories.merchants import MerchantFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/count"
TOKEN = "AAAAAAAAAAAAAAAAAAAAAA"


def field_errors(answer):
    assert (answer.status_code, code_of(answer)) == (422, "invalid")
    return {(error["field"], error["code"]) for error in answer.json()["errors"]}


class TestABody:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff",
            b'{"subject": NaN}',
            b'{"subject": "a", "subject": "b"}',
            b"[" * 100_000,
            b'{"subject": ' + b"9" * 5000 + b"}",
        ],
    )
    def test_that_is_not_json_is_malformed(self, terminal, body):
        answer = terminal.post(PATH, body)

        assert (answer.status_code, code_of(answer)) == (400, "malformed")

    @pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
    def test_of_another_media_type_is_refused(self, terminal, media_type):
        answer = terminal.post(PATH, b"subject=a", headers={"Content-Type": media_type})

        assert (answer.status_code, code_of(answer)) == (415, "unsupported_media_type")

    def test_without_a_media_type_is_refused(self, terminal):
        request = terminal.signed("POST", PATH, body=b"{}", headers={"Content-Type": ""})

        assert code_of(terminal.deliver(request)) == "unsupported_media_type"

    def test_too_large_is_refused(self, terminal, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

        answer = terminal.post(PATH, {"subject": "a" * 200})

        assert (answer.status_code, code_of(answer)) == (413, "too_large")

    def test_of_a_signed_object_has_a_limit_of_its_own(self, terminal, settings):
        settings.BATCH_MAX_BYTES = 100
        cose = {"Content-Type": "application/cose"}

        fits = terminal.post("/api/v1/batch", bytes(100), headers=cose)
        exceeds = terminal.post("/api/v1/batch", bytes(101), headers=cose)

        assert (fits.status_code, fits.json()) == (202, {"bytes": 100})
        assert (exceeds.status_code, code_of(exceeds)) == (413, "too_large")

    def test_with_unknown_fields_is_invalid(self, terminal):
        answer = terminal.post(PATH, {"subject": "a", "tenant": "MER-1", "id": 1})

        assert field_errors(answer) == {("tenant", "unknown"), ("id", "unknown")}
        assert not Alert.objects.exists()

    def test_names_the_place_of_a_nested_error(self, terminal):
        answer = terminal.post(PATH, {"subject": "a", "entries": [{"record": "AA"}, {"x": 1}]})

        assert field_errors(answer) == {("entries.1.x", "unknown")}

    @pytest.mark.parametrize("body", [[], "text", 1, None])
    def test_must_be_an_object(self, terminal, body):
        assert field_errors(terminal.post(PATH, (body and body) or b"[]"))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("subject", 1),
            ("subject", True),
            ("subject", None),
            ("subject", ""),
            ("subject", "a\x00b"),
            ("subject", "\ud800"),
            ("subject", "a" * 65),
            ("amount", "1"),
            ("amount", 1.0),
            ("amount", True),
            ("amount", 0),
            ("amount", -1),
            ("amount", 10**15),
            ("amount", 10**40),
            ("currency", "won"),
            ("currency", "XXQ"),
            ("currency", ["KRW"]),
            ("card", "AAAA"),
            ("card", TOKEN + "=="),
            ("card", TOKEN[:-1] + "B"),
            ("card", 7),
            ("card", {"a": 1}),
            ("entries", {}),
            ("entries", ["AA"]),
        ],
    )
    def test_has_exact_types(self, terminal, field, value):
        errors = field_errors(terminal.post(PATH, {"subject": "a"} | {field: value}))

        assert {name.split(".")[0] for name, _code in errors} == {field}

    def test_of_exact_types_is_taken(self, terminal):
        body = {"subject": "가", "amount": 10**15 - 1, "currency": "KWD", "card": TOKEN}

        assert terminal.post(PATH, body).status_code == 201


class TestARefusal:
    @pytest.mark.parametrize(
        ("fail", "status", "code"),
        [
            ("code_wrong", 422, "code_wrong"),
            ("tid_unknown", 404, "tid_unknown"),
            ("not_found", 404, "not_found"),
            ("missing", 404, "not_found"),
            ("throttled", 429, "throttled"),
            ("relay_full", 507, "relay_full"),
            ("fault", 500, "server_error"),
            ("database", 503, "unavailable"),
        ],
    )
    @pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "key-of-sixteen-characters"}])
    def test_is_a_problem(self, terminal, fail, status, code, headers):
        answer = terminal.post(PATH, {"subject": "a", "fail": fail}, headers=headers)

        assert (answer.status_code, code_of(answer)) == (status, code)

    @pytest.mark.parametrize(
        ("fail", "after"), [("tid_unknown", "1"), ("throttled", "31"), ("database", "1")]
    )
    def test_says_when_to_ask_again(self, terminal, fail, after):
        answer = terminal.post(PATH, {"subject": "a", "fail": fail})

        assert answer["Retry-After"] == after
        assert "retry_after_s" not in answer.json()

    def test_of_the_method_says_which_are_allowed(self, terminal):
        answer = terminal.get(PATH)

        assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")
        assert "POST" in answer["Allow"]

    def test_of_a_representation_we_do_not_have(self, terminal):
        answer = terminal.post(PATH, {"subject": "a"}, headers={"Accept": "image/png"})

        assert (answer.status_code, code_of(answer)) == (406, "not_acceptable")

    @pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/v1", "/api/", "/api/v2/"])
    def test_of_an_address_without_a_route(self, terminal, path):
        answer = terminal.get(path)

        assert (answer.status_code, code_of(answer)) == (404, "not_found")

    def test_of_a_host_that_is_not_ours(self, terminal):
        answer = terminal.http.get("/api/v1/", headers={"Host": "evil.example"})

        assert (answer.status_code, code_of(answer)) == (400, "malformed")

    def test_carries_the_id_the_caller_gave(self, terminal):
        answer = terminal.get(PATH, headers={"X-Request-Id": "till-7-request-9"})

        assert answer["X-Request-Id"] == "till-7-request-9"


class TestTheKindOfCaller:
    def test_must_be_admitted(self, reader):
        answer = reader.get("/api/v1/terminals")

        assert (answer.status_code, code_of(answer)) == (403, "wrong_kind")

    def test_that_is_admitted_passes(self, terminal):
        assert terminal.get("/api/v1/terminals").status_code == 200

    def test_may_be_one_of_two(self, terminal, reader, client):
        key = self._key()
        bearer = {"Authorization": f"Bearer {key}"}
        path = "/api/v1/terminals-or-servers"

        answers = [terminal.get(path), client.get(path, headers=bearer), reader.get(path)]

        assert [answer.status_code for answer in answers] == [200, 200, 403]
        assert code_of(answers[2]) == "wrong_kind"

    def test_by_api_key_is_not_a_device(self, client):
        answer = client.get("/api/v1/terminals", headers={"Authorization": f"Bearer {self._key()}"})

        assert (answer.status_code, code_of(answer)) == (403, "wrong_kind")

    @pytest.mark.parametrize("token", ["", "pdk_unknown", "x y"])
    def test_by_an_unknown_api_key_is_refused(self, client, token):
        answer = client.get(
            "/api/v1/terminals-or-servers", headers={"Authorization": f"Bearer {token}"}
        )

        assert (answer.status_code, code_of(answer)) == (401, "api_key_invalid")

    def test_by_the_key_of_a_suspended_merchant_is_refused(self, client):
        key = self._key()
        Merchant.objects.get().transition(Merchant.State.SUSPENDED)

        answer = client.get(
            "/api/v1/terminals-or-servers", headers={"Authorization": f"Bearer {key}"}
        )

        assert code_of(answer) == "api_key_invalid"

    @staticmethod
    def _key():
        return api_keys.make(
            merchant=MerchantFactory(), name="till", actor=SYSTEM, at=timezone.now()
        )

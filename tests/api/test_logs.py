"""Logs: JSON lines with nothing secret in them."""

import io
import json
import logging

import pytest
import structlog

from config import logs
from config.logs import REDACTED, without_secrets

NAMES = [
    *("code", "number", "pin", "psn", "secret", "token", "key", "authorization", "signature"),
    *("password", "psn_key", "apiKey", "pin_code", "Idempotency-Key", "enrolment_code"),
    *("set_cookie", "socket_ticket"),
]


@pytest.fixture
def lines():
    """Return a function that gives what was logged meanwhile, as rendered."""
    stream = io.StringIO()
    logs.configure({"level": "INFO"})
    own = logging.StreamHandler(stream)
    own.setFormatter(logging.getHandlerByName("stderr").formatter)
    logging.getLogger().addHandler(own)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(own)


class TestALine:
    def test_is_json_with_time_level_and_logger(self, lines):
        structlog.get_logger("paydesk.test").info("posted", batch="BAT-1", count=3)

        (line,) = lines()
        assert line.items() >= {"event": "posted", "batch": "BAT-1", "count": 3}.items()
        assert line["level"] == "info"
        assert line["logger"] == "paydesk.test"
        assert line["timestamp"].endswith("Z")

    def test_of_the_standard_library_is_the_same(self, lines):
        logging.getLogger("somewhere").warning("card %s refused", "4111111111111111")

        (line,) = lines()
        assert line["event"] == f"card {REDACTED} refused"

    def test_of_an_exception_hides_what_it_quotes(self, lines):
        try:
            int("9123456789012345x")
        except ValueError:
            structlog.get_logger("x").exception("failed")

        (line,) = lines()
        assert "int() with base 10" in line["exception"]
        assert "9123456789012345" not in line["exception"]

    @pytest.mark.parametrize(
        "name",
        NAMES,
    )
    def test_hides_by_name_at_every_depth(self, lines, name):
        structlog.get_logger("x").info("e", **{name: "abc", "deep": {"list": [{name: "abc"}]}})

        (line,) = lines()
        assert line[name] == REDACTED
        assert line["deep"]["list"][0][name] == REDACTED

    @pytest.mark.parametrize("name", ["http_status", "amount_minor", "card", "device", "keen"])
    def test_tells_what_is_no_secret(self, lines, name):
        structlog.get_logger("x").info("e", **{name: "abc"})

        assert lines()[0][name] == "abc"

    @pytest.mark.parametrize("value", [9123456789012345, [912345678901], ("a 912345678901",)])
    def test_hides_long_numbers_of_any_type(self, lines, value):
        structlog.get_logger("x").info("e", value=value)

        assert "9123456789" not in json.dumps(lines()[0])


class TestShapes:
    @pytest.mark.parametrize(
        "secret",
        [
            "912345678901",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "91234567890123451234567890",
            "7K2M9Q0V4C",
            "7K2M9-Q0V4C",
            "0123456789",
            "Bearer pdk_abc",
            "/ws/v1/wallet?ticket=abc_-d",
        ],
    )
    def test_of_secrets_are_hidden(self, secret):
        assert REDACTED in without_secrets(f"before {secret} after")

    @pytest.mark.parametrize(
        "plain",
        [
            "RDR-7K2M9Q0V4C",
            "2026-11-22 03:00:00.123456",
            "amount 12500 KRW",
            "12,500,000,000",
            "T0M7K2Q02C93CQ643DZVMX2",
        ],
    )
    def test_of_plain_text_stay(self, plain):
        assert without_secrets(f"before {plain} after") == f"before {plain} after"


@pytest.mark.django_db
def test_a_request_leaves_one_line_without_query_or_body(client, lines):
    client.post(
        "/api/v1/enrolments?code=7K2M9Q0V4C", '{"code": "body"}', content_type="application/json"
    )

    (line,) = [line for line in lines() if line["event"] == "request"]
    assert line["path"] == "/api/v1/enrolments"
    assert (line["method"], line["http_status"]) == ("POST", 401)
    assert line["refusal"] == "signature_invalid"
    assert line["request_id"]
    assert "7K2M9Q0V4C" not in json.dumps(lines())

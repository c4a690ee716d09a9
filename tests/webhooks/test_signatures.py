"""Signatures: the specification's own vector, and everything the reference verifier refuses."""

import hmac

import pytest

from merchants.wire import webhooks
from merchants.wire.webhooks import WebhookRefused

# From the reference libraries of Standard Webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def told(**changed):
    headers = webhooks.headers(secrets=[SECRET], webhook_id=ID, timestamp=AT, body=BODY)
    return headers | {f"webhook-{name}": value for name, value in changed.items()}


def check(headers, *, body=BODY, now=AT, secrets=(SECRET,)):
    return webhooks.verify(secrets=secrets, headers=headers, body=body, now=now)


def test_the_vector_of_the_specification():
    assert webhooks.sign(secret=SECRET, webhook_id=ID, timestamp=AT, body=BODY) == SIGNED


def test_a_genuine_message_tells_its_id():
    assert check(told()) == ID


@pytest.mark.parametrize("now", [AT - 300, AT + 300])
def test_the_tolerance_is_five_minutes_both_ways(now):
    assert check(told(), now=now) == ID


REFUSED = {
    "altered body": {"body": b'{"test": 2432232315}'},
    "longer body": {"body": BODY + b" "},
    "no body": {"body": b""},
    "too old": {"now": AT + 301},
    "too new": {"now": AT - 301},
    "other key": {"secrets": [webhooks.new_secret()]},
    "no key": {"secrets": []},
    "altered id": {"headers": told(id="msg_other")},
    "altered timestamp": {"headers": told(timestamp=str(AT + 1))},
    "no id": {"headers": told(id="")},
    "odd timestamp": {"headers": told(timestamp="1614265330.0")},
    "negative timestamp": {"headers": told(timestamp="-1")},
    "altered signature": {"headers": told(signature=SIGNED.replace("g0", "g1"))},
    "cut signature": {"headers": told(signature=SIGNED[:-4])},
    "no signature": {"headers": told(signature="")},
    "bare signature": {"headers": told(signature=SIGNED[3:])},
    "other version": {"headers": told(signature="v1a" + SIGNED[2:])},
    "dots moved": {"headers": told(id=f"{ID}.{AT}", timestamp=str(AT))},
    "not ascii": {"headers": told(signature="v1,é")},
    "no headers": {"headers": {}},
}


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED)
def test_a_forgery_is_refused(changed):
    with pytest.raises(WebhookRefused):
        check(**{"headers": told()} | changed)


def test_while_a_secret_rotates_either_fits():
    new = webhooks.new_secret()
    headers = webhooks.headers(secrets=[new, SECRET], webhook_id=ID, timestamp=AT, body=BODY)

    assert check(headers, secrets=[SECRET]) == check(headers, secrets=[new]) == ID


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "whsec_é"])
def test_a_secret_of_another_form_signs_nothing(secret):
    with pytest.raises(WebhookRefused):
        webhooks.sign(secret=secret, webhook_id=ID, timestamp=AT, body=BODY)


def test_secrets_are_long_and_never_the_same():
    made = {webhooks.new_secret() for _ in range(20)}

    assert len(made) == 20
    assert {len(secret) for secret in made} == {50}


def test_without_the_comparison_forgeries_pass(monkeypatch):
    """Negative control: the tests above rest on the comparison of the signatures."""
    monkeypatch.setattr(hmac, "compare_digest", lambda _a, _b: True)

    assert check(told(), body=b"anything") == ID

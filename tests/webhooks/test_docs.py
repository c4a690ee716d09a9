"""The receiver's code in the document for integrators does what it says."""

import re
import time

import pytest

from merchants.wire import webhooks as wire
from tests.journeys.portal import CHECKOUT

BODY = '{"seq":17,"note":"쇼핑"}'.encode()


@pytest.fixture(scope="module")
def verify():
    text = (CHECKOUT / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = {}
    exec(code, names)
    return names["verify"]


def signed(*secrets, at=None):
    stamp = int(time.time() if at is None else at)
    return wire.headers(secrets=secrets, webhook_id="evt_1", timestamp=stamp, body=BODY)


def test_it_takes_what_we_send_with_one_secret_or_two(verify):
    old, new = wire.new_secret(), wire.new_secret()

    assert verify(new, signed(new), BODY) == "evt_1"
    assert verify(old, signed(new, old), BODY) == "evt_1"


@pytest.mark.parametrize("broken", ["body", "key", "time", "id"])
def test_it_refuses_the_rest(verify, broken):
    secret = wire.new_secret()
    headers = signed(secret, at=time.time() - 301 if broken == "time" else None)
    headers |= {"webhook-id": "evt_2"} if broken == "id" else {}
    body = BODY + b" " if broken == "body" else BODY

    with pytest.raises(ValueError, match=r"too old|not signed"):
        verify(wire.new_secret() if broken == "key" else secret, headers, body)

"""The demo's receiver, and that nothing of it is left in production."""

import ssl
import time

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from config import checks
from config.audit import SYSTEM
from config.stack import certificate
from merchants.devices.webhooks import Receiver
from merchants.services.webhooks import endpoints
from merchants.wire import webhooks as wire

SECRET = wire.new_secret()
BODY = b'{"seq":1}'


def signed(webhook_id="evt_1", *, at=None, secret=SECRET):
    stamp = int(time.time() if at is None else at)
    return wire.headers(secrets=[secret], webhook_id=webhook_id, timestamp=stamp, body=BODY)


@pytest.fixture
def receiver():
    return Receiver(secrets=lambda _path: [SECRET])


class TestTheReceiver:
    def test_acts_once_for_each_id(self, receiver):
        found = [receiver.take(path="/", headers=signed(), body=BODY) for _again in range(3)]

        assert [message.first for message in found] == [True, False, False]
        assert {message.answer for message in found} == {204}

    def test_acts_only_on_what_it_answered_well(self, receiver):
        assert not receiver.take(path="/?answer=503", headers=signed(), body=BODY).first
        assert receiver.take(path="/", headers=signed(), body=BODY).first

    @pytest.mark.parametrize(
        "headers",
        [signed(at=time.time() - 400), signed(secret=wire.new_secret()), {}],
        ids=["aged", "forged", "bare"],
    )
    def test_refuses_what_is_not_ours(self, receiver, headers):
        message = receiver.take(path="/", headers=headers, body=BODY)

        assert message.answer == 401
        assert message.refused
        assert not receiver.effects

    def test_shows_what_came_without_running_it(self, pem):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem)
        receiver = Receiver(secrets=lambda _path: [SECRET])
        trusted = ssl.create_default_context(cafile=str(pem))
        with receiver.serving(tls=tls) as port, httpx.Client(verify=trusted) as client:
            base = f"https://127.0.0.1:{port}"
            client.post(f"{base}/hook", content=b"<script>", headers={"webhook-id": "<b>"})
            page, told = client.get(base).text, client.get(f"{base}/received").json()

        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert told[0]["refused"]


class TestOutsideTheDemo:
    def test_it_does_not_start(self, settings):
        settings.DEMO = False
        settings.WEBHOOK_ECHO = "https://127.0.0.1:9/echo"

        with pytest.raises(CommandError):
            call_command("webhook_echo")

    @pytest.mark.parametrize("name", ["WEBHOOK_ALLOW", "WEBHOOK_TRUST"])
    def test_a_hole_in_the_fence_fails_the_deployment_check(self, settings, name):
        settings.WEBHOOK_ALLOW, settings.WEBHOOK_TRUST = frozenset(), ""
        assert not checks.webhooks_are_fenced()

        setattr(settings, name, "127.0.0.1:9")

        (told,) = checks.webhooks_are_fenced()
        assert told.id == "paydesk.E003"
        assert f"PAYDESK_{name}" in told.msg


def test_its_certificate_is_kept_while_it_is_good(tmp_path):
    told = {"folder": tmp_path, "names": ["localhost"]}
    now = timezone.now()
    first = certificate.ready(**told, at=now).read_bytes()

    assert certificate.ready(**told, at=now).read_bytes() == first
    assert certificate.ready(**told, at=now + certificate.LIFE).read_bytes() != first


def test_it_finds_the_secrets_of_what_goes_there(merchant):
    now, url = timezone.now(), "https://shop.example/echo"
    made = endpoints.add(merchant=merchant, url=url, actor=SYSTEM, at=now)

    assert endpoints.secrets_at(url=url, at=now) == [made.secret]
    assert endpoints.secrets_at(url=f"{url}/other", at=now) == []

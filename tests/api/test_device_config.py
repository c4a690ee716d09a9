"""Discovery and the device's configuration (protocol §3)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config import keys
from config.models import PublicKey
from config.models.keys import PLATFORM
from config.wire import b64
from config.wire.errors import WireError
from config.wire.trust import TrustedKey, TrustList
from tests.factories import issuers

pytestmark = pytest.mark.django_db

PATH = "/api/v1/device/config"


def platform_trust(at):
    row = keys.current(holder=PLATFORM, at=at)
    return TrustList(keys=[TrustedKey(holder=PLATFORM, public_key=bytes(row.public_key))])


class TestDiscovery:
    def test_is_open_and_says_where_everything_is(self, client, settings):
        told = client.get("/api/v1/").json()

        assert set(told) == {"version", "sockets", "rns", "platform_key"}
        assert told["sockets"] == settings.SOCKETS_ORIGIN
        assert told["rns"] == {"host": settings.RNS_HOST, "port": settings.RNS_PORT}
        assert len(b64.decode(told["platform_key"])) == 65

    def test_tells_the_same_platform_key_each_time(self, client):
        assert client.get("/api/v1/").json() == client.get("/api/v1/").json()
        assert PublicKey.objects.count() == 1


class TestTheConfiguration:
    @pytest.mark.parametrize("caller", ["terminal", "reader", "phone"])
    def test_is_signed_over_the_same_object(self, request, caller):
        told = request.getfixturevalue(caller).get(PATH).json()
        at = timezone.now()

        opened = platform_trust(at).open_config(document=told, at=int(at.timestamp()))

        signed = told.pop("signed")
        assert opened == told
        assert signed

    def test_is_the_device_s_own(self, terminal, reader):
        assert terminal.get(PATH).json()["device"] == terminal.keyid
        assert reader.get(PATH).json()["kind"] == "READER"

    def test_of_an_altered_signature_does_not_open(self, terminal):
        told = terminal.get(PATH).json()
        signed = bytearray(b64.decode(told["signed"]))
        signed[-1] ^= 1
        at = timezone.now()

        with pytest.raises(WireError):
            platform_trust(at).open_config(
                document={"signed": b64.encode(bytes(signed))}, at=int(at.timestamp())
            )

    def test_carries_rolled_keys_of_both_ends_with_their_windows(self, terminal):
        issuer = issuers.issuer()
        at = timezone.now()
        keys.roll(holder=issuer.reference, at=at + timedelta(days=1))

        trust = terminal.get(PATH).json()["trust"]

        trusted = TrustList.of_config(trust)
        windows = [key for key in trusted.to_state()["keys"] if key["holder"] == issuer.reference]
        assert len(windows) == 2
        assert all(key["since"] < key["until"] for key in windows)

    def test_leaves_out_what_ended(self, terminal):
        issuer = issuers.issuer()
        PublicKey.objects.filter(holder=issuer.reference).update(active_until=timezone.now())

        assert terminal.get(PATH).json()["trust"]["issuers"] == []

    def test_is_signed_by_the_platform_key_the_device_names(self, terminal):
        at = timezone.now()
        known = platform_trust(at)
        keys.roll(holder=PLATFORM, at=at)

        asked = known.config_path(at=int(at.timestamp())).removeprefix("/device/config")
        told = terminal.get(PATH + asked).json()

        assert known.open_config(document=told, at=int(at.timestamp()))["device"]

    def test_refuses_a_key_that_is_none(self, terminal):
        answer = terminal.get(f"{PATH}?key=AAAA")

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")

    def test_is_for_devices_alone(self, client):
        assert client.get(PATH).status_code == 401

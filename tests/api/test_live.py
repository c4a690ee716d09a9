"""Over real HTTP, with the devices' own client: enrol, ask, lose an answer, ask again."""

import os
import time

import httpx
import pytest
from django.utils import timezone

from config import enrolment
from config.audit import SYSTEM
from config.models import Alert
from config.wire import b64
from config.wire.client import PortalRefused, PortalSession, discover, enrol
from config.wire.keys import SigningKey
from config.wire.trust import PLATFORM, TrustedKey, TrustList
from tests.api.serving import serving
from tests.factories.merchants import StoreFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def portal(django_db_setup, data_folder):
    """Return the origin of a portal as the demo's, under the server that production uses."""
    with serving("tests.api.served:application", data_folder=data_folder) as origin:
        yield origin


@pytest.fixture
def http():
    with httpx.Client(timeout=10) as client:
        yield client


def session(http, origin, key, keyid, *, clock=time.time):
    return PortalSession(
        http=http,
        origin=origin,
        key=key,
        keyid=keyid,
        clock=clock,
        random_bytes=os.urandom,
        sleep=lambda _s: None,
    )


def enrolled(http, origin, **options):
    key = SigningKey.generate()
    code = enrolment.make_code(
        kind="READER", owner=StoreFactory().merchant.reference, actor=SYSTEM, at=timezone.now()
    ).code
    told = enrol(
        session=session(http, origin, key, b64.encode(key.kid)),
        code=code,
        kind="READER",
        name="Reader 1",
        public_key=key.public,
        app_serial=None,
        psn_key=None,
    )
    return session(http, origin, key, told["device"], **options)


class TestADevice:
    def test_enrols_and_trusts_the_platform_it_found(self, portal, http):
        found = discover(http=http, origin=portal)
        trusted = TrustList(
            keys=[TrustedKey(holder=PLATFORM, public_key=b64.decode(found["platform_key"]))]
        )

        told = enrolled(http, portal).get("/device/config").json()

        assert trusted.open_config(document=told, at=int(time.time()))["device"] == told["device"]

    def test_signs_queries_as_they_are_sent(self, portal, http):
        told = enrolled(http, portal).get("/device/config?a=b%20c&d=%C3%A9&e=x+y/z")

        assert told.status == 200

    def test_whose_clock_is_off_asks_again_by_ours(self, portal, http):
        device = enrolled(http, portal, clock=lambda: time.time() - 3600)

        assert device.get("/device/config").status == 200
        assert 3590 < device.offset_s < 3610

    def test_that_lost_an_answer_moves_nothing_twice(self, portal, http):
        device = enrolled(http, portal)

        first, second = (
            device.post("/count", body={"subject": "a"}, idempotency_key="k" * 16) for _ in range(2)
        )

        assert first.body == second.body
        assert Alert.objects.count() == 1

    def test_is_refused_in_problems(self, portal, http):
        device = enrolled(http, portal)

        with pytest.raises(PortalRefused) as refused:
            device.post("/count", body={"subject": "a", "tenant": "b"})

        assert (refused.value.status, refused.value.code) == (422, "invalid")


def test_a_body_of_unknown_length_is_not_taken_for_an_empty_one(portal, http):
    device = enrolled(http, portal)
    signed = device._http.build_request("POST", portal + "/api/v1/count", content=iter([b"{}"]))

    answer = device._http.send(signed)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]

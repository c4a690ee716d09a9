"""A phone's pre-approvals: proved, asked for once whatever is lost, kept until they end."""

import json
import os

import pytest

from config.wire import b64
from config.wire.client import PortalRefused, PortalUnreachable
from config.wire.keys import SigningKey
from wallets.devices.preapprovals import PhonePreapprovals, Wish
from wallets.wire import Assertion

KEY = SigningKey.from_secret(21)
CHALLENGE = b"c" * 32
WISH = Wish(kind="CASH", card=b"t" * 16, amount_minor=50_000, currency="KRW", pickup_code="4711")
NUMBER = "412345678905"


class Said:
    def __init__(self, answer):
        self.answer = answer

    def json(self):
        return self.answer


class Portal:
    """Answers each key once; ``lost``: how many answers do not get back."""

    def __init__(self):
        self.kept, self.lost, self.asked, self.refuses = {}, 0, [], None
        self.state = "APPROVED"

    def get(self, path):
        if path == "/wallet/authentications":
            return Said({"challenge": b64.encode(CHALLENGE)})
        return Said({"preapprovals": [{"preapproval": "PRE-1", "state": self.state}]})

    def post(self, path, *, body, idempotency_key=None):
        self.asked.append((path, body, idempotency_key))
        if path == "/wallet/authentications":
            return Said({"authentication": f"auth-{len(self.asked)}"})
        if self.refuses:
            status, code = self.refuses
            raise PortalRefused(status=status, problem={"code": code})
        answer = {"preapproval": f"PRE-{len(self.kept) + 1}", "state": "APPROVED"}
        answer |= {"number": NUMBER, "code": f"A1.{NUMBER}"}
        _body, told = self.kept.setdefault(idempotency_key, (body, answer))
        if self.lost:
            self.lost -= 1
            raise PortalUnreachable("no answer")
        return Said(told)

    def delete(self, path):
        self.state = "CANCELLED"
        return Said({"preapproval": path.rsplit("/", 1)[1], "state": self.state})


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def disk():
    return []


def phone(portal, disk):
    return PhonePreapprovals(
        session=portal,
        key=KEY,
        device="DEV-1",
        app_serial="APP-1",
        random_bytes=os.urandom,
        save=lambda state: disk.append(json.dumps(state)),
        state=json.loads(disk[-1]) if disk else None,
    )


def test_the_holder_is_proved_before_anything_is_asked(portal, disk):
    phone(portal, disk).approve(WISH)
    (first, body, _key), (second, wish, _other) = portal.asked

    assert (first, second) == ("/wallet/authentications", "/wallet/preapprovals")
    assertion = Assertion.open(b64.decode(body["assertion"]), public_key=KEY.public)
    assert (assertion.challenge, assertion.device, assertion.verified) == (CHALLENGE, "DEV-1", True)
    assert wish == {
        "authentication": "auth-1",
        "kind": "CASH",
        "card": b64.encode(b"t" * 16),
        "amount": 50_000,
        "currency": "KRW",
        "pickup_code": "4711",
    }


def test_the_number_is_kept_over_a_restart_until_it_has_ended(portal, disk):
    told = phone(portal, disk).approve(WISH)
    assert (told.number, told.code) == (NUMBER, f"A1.{NUMBER}")

    again = phone(portal, disk)
    again.list()
    assert again.number_of("PRE-1") == NUMBER
    portal.state = "COMPLETED"
    again.list()
    assert again.number_of("PRE-1") == ""
    assert NUMBER not in disk[-1]


def test_a_lost_answer_is_asked_for_again_under_the_same_key_after_a_restart(portal, disk):
    portal.lost = 1
    with pytest.raises(PortalUnreachable):
        phone(portal, disk).approve(WISH)

    again = phone(portal, disk)
    assert again.is_asking
    assert again.settle().number == NUMBER
    assert not again.is_asking
    assert len(portal.kept) == 1


@pytest.mark.parametrize(("refusal", "asks_on"), [((403, "authentication_required"), False),
                                                  ((422, "limit_exceeded"), False),
                                                  ((409, "idempotency_in_progress"), True),
                                                  ((429, "too_many_requests"), True)])  # fmt: skip
def test_only_a_refusal_that_decides_ends_it(portal, disk, refusal, asks_on):
    portal.refuses = refusal
    with pytest.raises(PortalRefused):
        phone(portal, disk).approve(WISH)
    assert phone(portal, disk).is_asking is asks_on


def test_a_cancelled_number_is_forgotten(portal, disk):
    wallet = phone(portal, disk)
    wallet.approve(WISH)

    assert wallet.cancel("PRE-1")["state"] == "CANCELLED"
    assert wallet.number_of("PRE-1") == ""

"""A tap asked online: one act however often it is asked, and never longer than a customer waits."""

import httpx
import pytest

from config.wire.client import PortalUnreachable
from merchants.devices.portal import ReaderPortal
from merchants.devices.reader import NothingAsked
from merchants.devices.rules import Approved, Declined, GoOnline, Reason
from merchants.devices.tap import OnlineAnswer
from tests.devices.parties import CAP, NOON, judge
from tests.devices.portals import Portal, session_for

APPROVED = httpx.Response(200, json={"state": "APPROVED", "approval_code": "A1B2C3"})
LOST = httpx.ReadError("cut")


class Waiting:
    """A clock that only waiting moves."""

    def __init__(self):
        self.at = float(NOON)

    def __call__(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


@pytest.fixture
def waiting():
    return Waiting()


@pytest.fixture
def of_reader(reader, waiting):
    """The reader's portal, with what answers at the other end."""
    portal = Portal(reader.key.public)
    session = session_for(portal, reader.key, clock=waiting, sleep=waiting.sleep, attempts=20)
    return ReaderPortal(session=session, reader=reader), portal


def test_a_lost_answer_is_asked_for_again_as_the_same_act(of_reader):
    client, portal = of_reader
    portal.answers = [LOST, LOST, APPROVED]

    said = client.authorize(b"record", b"certificate")

    assert said == OnlineAnswer(approved=True, code="A1B2C3")
    assert len({request.headers["idempotency-key"] for request in portal.requests}) == 1
    assert len({request.content for request in portal.requests}) == 1
    assert len({one.nonce for one in portal.signed}) == 3, "each is signed afresh"


def test_two_taps_are_two_acts(of_reader):
    client, portal = of_reader
    portal.answers = [APPROVED, APPROVED]

    for record in (b"record", b"another"):
        client.authorize(record, b"certificate")

    assert len({request.headers["idempotency-key"] for request in portal.requests}) == 2


def test_nobody_waits_longer_than_six_seconds(of_reader, waiting):
    client, portal = of_reader
    portal.answer = lambda _request: LOST

    with pytest.raises(PortalUnreachable):
        client.authorize(b"record", b"certificate")

    assert 3 <= len(portal.requests) < 6
    assert all(0 < _timeout(request) <= 6 for request in portal.requests)
    assert [_timeout(request) for request in portal.requests] == sorted(
        (_timeout(request) for request in portal.requests), reverse=True
    )


def test_other_calls_keep_their_patience(of_reader):
    """The control: the limit is the tap's, not the session's."""
    client, portal = of_reader
    portal.answers = [LOST] * 8 + [httpx.Response(204)]

    client.refresh_blacklist(issuer="ISS-1", at=NOON)

    assert len(portal.requests) == 9


def _timeout(request):
    return request.extensions["timeout"]["read"]


class TestFallingBack:
    """What is left to the reader when no answer comes."""

    @pytest.mark.parametrize("uses", [6, 10])
    def test_between_the_counts_it_counts_offline(self, reader, card, uses):
        assert judge(reader, card, uses=uses, online=True) == GoOnline(Reason.ONLINE_PREFERRED)

        assert isinstance(reader.online_failed(), Approved)
        assert len(reader.known.store) == 1

    @pytest.mark.parametrize(
        ("tap", "reason"),
        [
            ({"uses": 11}, Reason.USES_EXHAUSTED),
            ({"amount": CAP + 1}, Reason.AMOUNT_OVER_CAP),
            ({"amount": CAP + 1, "uses": 11}, Reason.AMOUNT_OVER_CAP),
        ],
        ids=["count", "cap", "both"],
    )
    def test_beyond_it_declines_for_the_first_failing_reason(self, reader, card, tap, reason):
        judge(reader, card, online=True, **tap)

        assert reader.online_failed() == Declined(reason)
        assert len(reader.known.store) == 0

    def test_nothing_waits_twice(self, reader, card):
        judge(reader, card, uses=6, online=True)
        reader.online_failed()

        with pytest.raises(NothingAsked):
            reader.online_failed()

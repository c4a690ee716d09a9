"""The benchmarks of approvals find what is wrong: an answer, a frame, a row, a posting."""

from urllib.parse import urlsplit

import pytest

from config.wire import httpsig
from config.wire.keys import SigningKey
from settlement.models import Payment
from tests.benchmarks import approving, asking, b2, b4, watched
from tests.benchmarks.claims import Claims
from tests.benchmarks.pushed import Frame

GOOD = b'HTTP/1.1 200 OK\r\n\r\n{"state":"APPROVED"}'
DECLINED = b'HTTP/1.1 200 OK\r\n\r\n{"state":"DECLINED"}'
REFUSED = b'HTTP/1.1 401 Unauthorized\r\n\r\n{"state":"APPROVED"}'
BARE = [0.001, 0.001]


@pytest.mark.parametrize(
    ("answers", "faults"),
    [([GOOD, GOOD], 0), ([GOOD, DECLINED], 1), ([GOOD, REFUSED], 1), ([GOOD], 1), ([REFUSED], 2)],
)
def test_an_answer_that_approves_nothing_is_a_fault(answers, faults):
    assert len(b2.faults_of(answers, count=2, wanted=b"APPROVED")) == faults


@pytest.mark.parametrize(
    ("frames", "bare", "faults"),
    [
        (((1, "A"), (2, "B")), BARE, 0),
        (((1, "A"),), BARE, 1),  # one lost
        (((1, "A"), (1, "A"), (2, "B")), BARE, 2),  # one twice
        (((2, "B"), (1, "A")), BARE, 1),  # out of order
        (((1, "A"), (2, "B")), BARE[:1], 1),
    ],
)
def test_frames_that_are_lost_doubled_or_out_of_order_are_faults(frames, bare, faults):
    own = b4.Framed([Frame(seq, tid, 400, 0.0) for seq, tid in frames], {"A": 0.0, "B": 0.0})
    assert len(b4.faults_of(own, bare, count=2)) == faults


@pytest.fixture
def claims(db):
    made = Claims(tills=1, payers=2)
    made.approve(made.ready(2))
    return made


def test_a_sale_that_never_stood_on_the_list_is_a_fault(claims):
    sold = list(Payment.objects.order_by("-pk").values_list("approval_code", "reference"))
    merchant = claims.tills[0].merchant
    seen = watched.Seen({code: 0 for code, _ in sold}, [reference for _, reference in sold], [])

    assert watched.faults_of(seen, merchant=merchant) == []
    seen.stood_at.pop(sold[0][0])
    assert watched.faults_of(seen, merchant=merchant) == ["1 approvals never stood there"]
    seen.rows.reverse()
    assert len(watched.faults_of(seen, merchant=merchant)) == 2


def test_an_approval_that_posted_nothing_is_a_fault(db):
    many, one = Claims(tills=2, payers=2), Claims(tills=1, payers=1)
    many.approve(many.ready(2))
    one.approve(one.ready(1))
    assert approving.faults_of(many, one) == []

    many.approved, one.approved = 2, 2
    assert len(approving.faults_of(many, one)) == 2


def test_a_request_is_signed_as_a_device_signs():
    key = SigningKey.generate()
    uri = "http://127.0.0.1:8000/api/v1/device/config"
    request = asking.signed(
        origin="http://127.0.0.1:8000", method="GET", path=urlsplit(uri).path, key=key, keyid="TRM"
    )
    first, *lines = request.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)

    assert first == "GET /api/v1/device/config HTTP/1.1"
    read = httpsig.parse_request(method="GET", target_uri=uri, headers=headers, body=b"")
    read.verify(key.public)
    assert read.keyid == "TRM"

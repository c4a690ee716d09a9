"""The judgement of one record: every reason, in order, by facts alone."""

from dataclasses import replace

import pytest

from issuers.wire import OfflineProfile
from settlement.rules.facts import (
    Bearer,
    Card,
    Credential,
    History,
    Listing,
    Reader,
    Seen,
    Taken,
    Tap,
)
from settlement.rules.offline import Gap, judge, prove
from settlement.rules.sheet import Sheet, business_date, judging
from wallets.wire import OfflineRecord, RecordKind, Verification

NOW = 1_795_316_400
DAY = 24 * 3600
READER = Reader(1, "RDR-1", NOW - 30 * DAY, 1, "MER-1", "Asia/Seoul", 1, "STO-1")
CARD = Card(5, "0042", 3, "ISS-1", 7, "ACC-1")
PROFILE = OfflineProfile(
    currency="KRW",
    per_payment_cap=50_000,
    lower_uses=5,
    upper_uses=10,
    cumulative_cap=200_000,
    contact_by=NOW + 4 * DAY,
    version=1,
    unverified_cap=10_000,
)
CREDENTIAL = Credential(9, 5, 11, 17, b"", PROFILE, NOW + 7 * DAY)
RECORD = OfflineRecord(
    card_token=bytes(16),
    certificate_serial=bytes(8),
    atc=1,
    kind=RecordKind.SALE,
    amount=1000,
    currency="KRW",
    reader="RDR-1",
    reader_nonce=bytes(16),
    at=NOW,
    uses=1,
    cumulative=1000,
    ota_version=0,
    verified=Verification.PIN_OR_BIOMETRIC,
)


def taken(record=RECORD, **changes):
    facts = Taken(
        batch_id=1,
        place=0,
        reader=READER,
        arrived_at=NOW + 60,
        approval_code="O00000",
        claimed_version=0,
        record=record,
        digest=b"first",
        card=CARD,
        credential=CREDENTIAL,
        genuine=True,
    )
    return facts._replace(**changes)


def of(history=None, *, facts=None, **said):
    record = replace(RECORD, **said)
    return judge(prove(taken(record, **(facts or {}))), history or History())


def reason(*args, **kwargs):
    return of(*args, **kwargs).reason


WRONG = {
    "unknown_card": {"card": None},
    "certificate_unknown": {"credential": None},
    "record_signature": {"genuine": False},
    "wrong_reader": {"reader": READER._replace(reference="RDR-2")},
    "future_time": {"arrived_at": NOW - 301},
    "too_late": {"arrived_at": NOW + 8 * DAY + 1},
}


def test_a_plain_sale_posts():
    verdict = of()

    assert (verdict.posted, verdict.reason, verdict.gap) == (True, "", None)


@pytest.mark.parametrize("code", WRONG)
def test_each_reason_alone(code):
    assert reason(facts=WRONG[code]) == code


def test_the_first_reason_wins():
    later = dict(WRONG)
    history = History(seen={(9, 1): Seen(b"other", 1)})
    while later:
        facts = {}
        for each in reversed(list(later.values())):
            facts |= each
        assert reason(history, facts=facts, amount=50_001) == next(iter(later))
        later.pop(next(iter(later)))
    assert reason(history, amount=50_001) == "duplicate_atc"
    assert reason(amount=50_001) == "over_profile"


@pytest.mark.parametrize(
    ("ok", "bad"),
    [
        ({"arrived_at": NOW - 300}, {"arrived_at": NOW - 301}),
        ({"arrived_at": NOW + 8 * DAY}, {"arrived_at": NOW + 8 * DAY + 1}),
        (
            {"reader": READER._replace(enrolled_at=NOW)},
            {"reader": READER._replace(enrolled_at=NOW + 1)},
        ),
    ],
)
def test_time_is_allowed_up_to_its_limit(ok, bad):
    assert of(facts=ok).posted
    assert not of(facts=bad).posted


@pytest.mark.parametrize(
    ("ok", "bad"),
    [
        ({"amount": 50_000}, {"amount": 50_001}),
        ({"uses": 10}, {"uses": 11}),
        ({"cumulative": 200_000}, {"cumulative": 200_001}),
        ({"currency": "KRW"}, {"currency": "USD"}),
        (
            {"verified": Verification.NONE, "amount": 10_000},
            {"verified": Verification.NONE, "amount": 10_001},
        ),
    ],
)
def test_the_profile_is_inclusive(ok, bad):
    assert of(**ok).posted
    assert reason(**bad) == "over_profile"


def test_a_certificate_that_ended_at_the_tap_is_over_the_profile():
    ended = CREDENTIAL._replace(expires=NOW)

    assert reason(facts={"credential": ended}) == "over_profile"


def test_a_certificate_of_another_card_is_unknown():
    assert reason(facts={"credential": CREDENTIAL._replace(card_id=6)}) == "certificate_unknown"


def test_what_cannot_be_read_has_no_signature():
    assert judge(prove(taken(None)), History()).reason == "record_signature"


def test_the_same_payload_names_the_payment_it_made():
    verdict = of(History(seen={(9, 1): Seen(b"first", 44)}), amount=50_001)

    assert (verdict.posted, verdict.reason, verdict.payment_id) == (True, "already_posted", 44)


@pytest.mark.parametrize(
    ("newest", "atc", "gap"), [(0, 1, None), (3, 4, None), (3, 2, None), (3, 6, Gap(4, 5))]
)
def test_a_gap_is_what_lies_between(newest, atc, gap):
    assert of(History(newest={(5, 11): newest}), atc=atc).gap == gap


@pytest.mark.parametrize(
    ("atc", "latest_at", "rolled_back"),
    [
        (4, NOW - 301, True),
        (4, NOW - 300, False),  # clocks
        (4, NOW + 600, False),  # merely late
        (5, NOW - 301, False),
        (6, NOW - 301, False),
    ],
)
def test_a_counter_that_ran_backwards_is_flagged_and_posts(atc, latest_at, rolled_back):
    history = History(newest={(5, 11): 5}, latest={(5, 11): Tap(5, latest_at)})

    verdict = of(history, atc=atc)

    assert (verdict.posted, verdict.rollback) == (True, rolled_back)


def listed(*, at=NOW - 60, lifted=None, added=2, removed=None, fetched=0):
    return History(
        listings={5: [Listing(at, lifted, {17: (added, removed)})]},
        fetched={(1, 3, NOW): fetched},
    )


@pytest.mark.parametrize(
    ("history", "claimed", "bearer", "cause"),
    [
        (History(), 0, Bearer.CARDHOLDER, ""),
        (listed(at=NOW + 1), 2, Bearer.CARDHOLDER, ""),
        (listed(at=NOW), 1, Bearer.ISSUER, "exposure_window"),
        (listed(lifted=NOW), 2, Bearer.CARDHOLDER, ""),
        (listed(lifted=NOW + 1), 2, Bearer.MERCHANT, "reader_held_entry"),
        (listed(added=None), 9, Bearer.ISSUER, "exposure_window"),
        (listed(), 1, Bearer.ISSUER, "exposure_window"),
        (listed(), 2, Bearer.MERCHANT, "reader_held_entry"),
        (listed(removed=5), 5, Bearer.ISSUER, "exposure_window"),
        (listed(fetched=2), 1, Bearer.MERCHANT, "list_rollback"),
        (listed(fetched=1), 1, Bearer.ISSUER, "exposure_window"),
    ],
)
def test_who_bears_a_sale(history, claimed, bearer, cause):
    liability = of(history, facts={"claimed_version": claimed}).liability

    assert (liability.bearer, liability.cause) == (bearer, cause)


def test_a_readers_clock_counts_no_further_than_the_arrival():
    ahead = {"arrived_at": NOW - 100}

    assert of(listed(at=NOW - 60), facts=ahead).liability.bearer is Bearer.CARDHOLDER


def test_the_second_shop_under_an_atc_is_held_harmless_unless_its_reader_held_the_entry():
    clone = {"seen": {(9, 1): Seen(b"other", 1)}}
    kept, broke = History(**clone), replace(listed(), **clone)

    assert of(kept).liability == (Bearer.ISSUER, "duplicate_atc")
    assert of(broke, facts={"claimed_version": 2}).liability.bearer is Bearer.MERCHANT


def test_a_sheet_judges_each_record_by_the_ones_before():
    sale, again = taken(), taken(digest=b"second", place=1)
    void = taken(replace(RECORD, atc=2, kind=RecordKind.VOID, voided_atc=1), digest=b"third")

    sheet = Sheet()
    proven = [(record, prove(record)) for record in (sale, again, void)]
    entries = judging(sheet=sheet, proven=proven, history=History(), fresh=iter([(70, "PAY-1")]))

    assert list(entries) == sheet.entries

    assert [entry.verdict.reason for entry in sheet.entries] == ["", "duplicate_atc", ""]
    assert [entry.payment_id for entry in sheet.entries] == [70, 70, 70]
    assert sheet.sales[0][1].voided


def test_the_business_day_turns_at_the_merchants_midnight():
    assert str(business_date(at=1_795_316_400, time_zone="Asia/Seoul")) == "2026-11-22"
    assert str(business_date(at=1_795_316_399 - 3 * 3600, time_zone="UTC")) == "2026-11-21"

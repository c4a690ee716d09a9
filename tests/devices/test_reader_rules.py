"""The reader's checks: each reason alone, the order, the boundaries (protocol section 5)."""

from dataclasses import replace

import pytest

from merchants.devices import rules
from merchants.devices.rules import Approved, Declined, GoOnline, Reason
from tests.devices.parties import CAP, CUMULATIVE_CAP, DAY, NOON, UNVERIFIED_CAP, judge
from wallets.wire import RecordKind, Verification


def challenge_of(reader, *, amount=10_000, at=NOON):
    return reader.new_challenge(amount_minor=amount, currency="KRW", at=at)


class TestEachReasonAlone:
    def test_a_sound_tap_is_approved_with_an_offline_code(self, reader, card):
        verdict = judge(reader, card)

        assert isinstance(verdict, Approved)
        assert verdict.code[0] == "O"
        assert len(verdict.code) == 6

    def test_a_certificate_of_an_unknown_issuer_key(self, world, reader):
        card = world.card(signer=world.new_key())

        assert judge(reader, card) == Declined(Reason.CERTIFICATE_INVALID)

    def test_garbage_as_certificate(self, reader, card):
        card.certificate = b"\xd2\x84nonsense"

        assert judge(reader, card) == Declined(Reason.CERTIFICATE_INVALID)

    def test_an_expired_certificate(self, world, reader):
        card = world.card(profile={"contact_by": NOON + 9 * DAY})
        reader.confirm_blacklist(issuer="ISS-1", at=NOON + 7 * DAY)

        verdict = judge(reader, card, at=NOON + 7 * DAY)

        assert verdict == Declined(Reason.CERTIFICATE_EXPIRED)

    def test_a_card_that_did_not_meet_its_issuer_in_time(self, world, reader):
        card = world.card(profile={"contact_by": NOON})

        assert judge(reader, card) == Declined(Reason.CONTACT_OVERDUE)

    def test_a_currency_the_merchant_does_not_take(self, world, reader):
        card = world.card(profile={"currency": "JPY"})

        assert judge(reader, card, currency="JPY") == Declined(Reason.CURRENCY_UNSUPPORTED)

    def test_a_currency_the_card_does_not_have(self, reader, card):
        assert judge(reader, card, currency="USD") == Declined(Reason.CURRENCY_UNSUPPORTED)

    def test_a_listed_card(self, world, reader, card):
        reader.apply_blacklist(
            data=world.blacklist(version=1, additions=[card.terms.list_number]), at=NOON
        )

        assert judge(reader, card) == Declined(Reason.BLACKLISTED)

    def test_an_amount_over_the_cards_cap(self, reader, card):
        assert judge(reader, card, amount=CAP + 1) == Declined(Reason.AMOUNT_OVER_CAP)

    def test_an_amount_over_the_merchants_floor(self, world, card):
        reader = world.reader(floor_minor={"KRW": 9_999})

        assert judge(reader, card) == Declined(Reason.AMOUNT_OVER_CAP)

    def test_a_holder_who_was_not_verified(self, reader, card):
        verdict = judge(reader, card, amount=UNVERIFIED_CAP + 1, verified=Verification.NONE)

        assert verdict == Declined(Reason.VERIFICATION_REQUIRED)

    def test_a_sale_split_to_pass_below_the_cap(self, reader, card):
        judge(reader, card, amount=CAP)

        assert judge(reader, card, amount=1) == Declined(Reason.SPLIT_SALE)

    def test_uses_as_the_record_states_them(self, reader, card):
        assert judge(reader, card, uses=11) == Declined(Reason.USES_EXHAUSTED)

    def test_sum_as_the_record_states_it(self, reader, card):
        verdict = judge(reader, card, cumulative=CUMULATIVE_CAP + 1)

        assert verdict == Declined(Reason.CUMULATIVE_EXCEEDED)

    def test_a_full_reader(self, world, card):
        reader = world.reader(records=0)

        assert judge(reader, card) == Declined(Reason.READER_FULL)


class TestRecordInvalid:
    @pytest.mark.parametrize(
        "changes",
        [
            {"card_token": bytes(16)},
            {"certificate_serial": bytes(8)},
            {"amount": 9_999},
            {"currency": "USD"},
            {"reader": "DEV-OTHER"},
            {"kind": RecordKind.VOID, "voided_atc": 1},
            {"uses": 0},
            {"cumulative": 9_999},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_a_record_of_other_content(self, reader, card, changes):
        record = card.record(challenge_of(reader), **changes)

        verdict = reader.judge(record=record, certificate=card.certificate, at=NOON, online=False)

        assert verdict == Declined(Reason.RECORD_INVALID)

    def test_a_record_signed_by_another_key(self, world, reader, card):
        verdict = judge(reader, card, key=world.new_key())

        assert verdict == Declined(Reason.RECORD_INVALID)

    def test_garbage_as_record(self, reader, card):
        challenge_of(reader)

        verdict = reader.judge(
            record=b"\x00" * 300, certificate=card.certificate, at=NOON, online=False
        )

        assert verdict == Declined(Reason.RECORD_INVALID)

    def test_an_atc_this_reader_has_seen_under_a_fresh_nonce(self, reader, card):
        judge(reader, card)

        assert judge(reader, card, atc=1) == Declined(Reason.RECORD_INVALID)


class TestNonce:
    def test_a_record_answering_an_older_challenge(self, reader, card):
        record = card.record(challenge_of(reader))
        challenge_of(reader)

        verdict = reader.judge(record=record, certificate=card.certificate, at=NOON, online=False)

        assert verdict == Declined(Reason.NONCE_MISMATCH)

    def test_an_approved_record_again(self, reader, card):
        record = card.record(challenge_of(reader))
        tap = {"record": record, "certificate": card.certificate, "at": NOON, "online": False}

        verdicts = [reader.judge(**tap), reader.judge(**tap)]

        assert isinstance(verdicts[0], Approved)
        assert verdicts[1] == Declined(Reason.NONCE_MISMATCH)
        assert len(reader.known.store) == 1

    def test_a_declined_tap_uses_its_nonce_up(self, world, reader, card):
        challenge = challenge_of(reader)
        forged = card.record(challenge, key=world.new_key())
        sound = card.record(challenge)
        certificate = card.certificate

        reader.judge(record=forged, certificate=certificate, at=NOON, online=False)
        verdict = reader.judge(record=sound, certificate=certificate, at=NOON, online=False)

        assert verdict == Declined(Reason.NONCE_MISMATCH)

    @pytest.mark.parametrize(("late_s", "approved"), [(14, True), (15, False)])
    def test_a_challenge_lives_as_long_as_a_tap_may_take(self, reader, card, late_s, approved):
        record = card.record(challenge_of(reader))

        verdict = reader.judge(
            record=record, certificate=card.certificate, at=NOON + late_s, online=False
        )

        assert isinstance(verdict, Approved) is approved

    def test_another_time_than_the_challenges(self, reader, card):
        record = card.record(challenge_of(reader), at=NOON - 1)

        verdict = reader.judge(record=record, certificate=card.certificate, at=NOON, online=False)

        assert verdict == Declined(Reason.NONCE_MISMATCH)


class TestBoundaries:
    def test_amount_equal_to_the_cap_passes(self, reader, card):
        assert isinstance(judge(reader, card, amount=CAP), Approved)

    def test_unverified_amount_equal_to_its_cap_passes(self, reader, card):
        verdict = judge(reader, card, amount=UNVERIFIED_CAP, verified=Verification.NONE)

        assert isinstance(verdict, Approved)

    def test_use_number_equal_to_the_upper_count_passes(self, reader, card):
        assert isinstance(judge(reader, card, uses=10), Approved)

    def test_sum_equal_to_the_cap_passes(self, reader, card):
        assert isinstance(judge(reader, card, cumulative=CUMULATIVE_CAP), Approved)

    @pytest.mark.parametrize(
        ("end", "reason"),
        [("contact_by", Reason.CONTACT_OVERDUE), ("expires", Reason.CERTIFICATE_EXPIRED)],
    )
    def test_times_are_half_open(self, world, reader, end, reason):
        changes = {"profile": {end: NOON + 1}} if end == "contact_by" else {end: NOON + 1}

        assert isinstance(judge(reader, world.card(**changes), at=NOON), Approved)
        assert judge(reader, world.card(**changes), at=NOON + 1) == Declined(reason)

    def test_the_last_place_of_the_store_is_taken(self, world):
        reader = world.reader(records=2)

        verdicts = [judge(reader, world.card()) for _ in range(3)]

        assert isinstance(verdicts[1], Approved)
        assert verdicts[2] == Declined(Reason.READER_FULL)

    def test_the_unsent_sum_equal_to_its_limit_passes(self, world):
        reader = world.reader(unsent_minor={"KRW": 20_000})

        verdicts = [judge(reader, world.card(), amount=amount) for amount in (10_000, 10_000, 1)]

        assert isinstance(verdicts[1], Approved)
        assert verdicts[2] == Declined(Reason.READER_FULL)

    def test_the_oldest_record_closes_the_store_after_seven_days(self, world):
        reader = world.reader(blacklist_max_age_s=30 * DAY)
        late = {"expires": NOON + 30 * DAY, "profile": {"contact_by": NOON + 30 * DAY}}
        judge(reader, world.card())

        before = judge(reader, world.card(**late), at=NOON + 7 * DAY - 1)
        after = judge(reader, world.card(**late), at=NOON + 7 * DAY)

        assert isinstance(before, Approved)
        assert after == Declined(Reason.READER_FULL)


class TestOwnCounts:
    """A clone forgets its counters, the reader does not."""

    def test_uses_seen_here_count_though_the_record_says_one(self, world):
        reader = world.reader(split_sale_window_s=0)
        card = world.card()

        verdicts = [judge(reader, card, amount=100, uses=1, cumulative=100) for _ in range(11)]

        assert all(isinstance(verdict, Approved) for verdict in verdicts[:10])
        assert verdicts[10] == Declined(Reason.USES_EXHAUSTED)

    def test_the_sum_seen_here_counts_though_the_record_says_little(self, world):
        reader = world.reader(split_sale_window_s=0)
        card = world.card()

        verdicts = [judge(reader, card, amount=CAP, uses=1, cumulative=CAP) for _ in range(4)]
        verdicts.append(judge(reader, card, amount=1, uses=1, cumulative=1))

        assert all(isinstance(verdict, Approved) for verdict in verdicts[:4])
        assert verdicts[4] == Declined(Reason.CUMULATIVE_EXCEEDED)

    def test_a_renewed_certificate_begins_a_new_window(self, world, card):
        reader = world.reader(split_sale_window_s=0, blacklist_max_age_s=30 * DAY)
        for _ in range(10):
            judge(reader, card, amount=100)
        later = NOON + 3 * DAY
        renewed = replace(
            card.terms,
            issued=later,
            profile=replace(card.terms.profile, contact_by=later + 4 * DAY),
        )
        card.certificate = renewed.sign(key=world.issuer)

        verdict = judge(reader, card, amount=100, at=later, uses=1, cumulative=100)

        assert isinstance(verdict, Approved)

    def test_another_card_is_not_counted(self, world):
        reader = world.reader(split_sale_window_s=0)
        card = world.card()
        for _ in range(10):
            judge(reader, card, amount=100)

        assert isinstance(judge(reader, world.card()), Approved)

    def test_a_split_sale_is_forgotten_after_its_window(self, world, card):
        reader = world.reader(split_sale_window_s=300)
        judge(reader, card, amount=CAP)

        within = judge(reader, card, amount=CAP, at=NOON + 299)
        after = judge(reader, card, amount=CAP, at=NOON + 300, cumulative=CAP * 2)

        assert within == Declined(Reason.SPLIT_SALE)
        assert isinstance(after, Approved)


class TestOrder:
    def test_the_first_failing_reason_wins_all_the_way_down(self, world):
        """One tap that fails every check is mended reason by reason, in the protocol's order."""
        named = []
        tap = everything_wrong(world)
        for reason, repair in repairs(tap, world.card().terms):
            named.append(rules.refusal(tap, online=False))
            assert named[-1] == Declined(reason)
            tap = replace(tap, **repair)

        assert [verdict.reason for verdict in named] == list(Reason)[:-1]
        assert rules.refusal(tap, online=False) is None


def everything_wrong(world):
    reader, card = world.reader(), world.card()
    challenge = challenge_of(reader, amount=CAP + 1)
    record = card.record(challenge, uses=11, cumulative=CUMULATIVE_CAP + 1)
    return rules.Tap(
        at=NOON + 8 * DAY,
        certificate=None,
        record=replace(
            rules.OfflineRecord.peek(record), verified=Verification.NONE, reader_nonce=bytes(16)
        ),
        genuine=False,
        challenge=rules.Challenge.peek(challenge),
        amount_minor=CAP + 1,
        currency="USD",
        floor_minor=CAP,
        listed=True,
        seen=rules.Seen(uses=10, amount_minor=CUMULATIVE_CAP, split_minor=CAP, latest_atc=-1),
        full=True,
    )


def repairs(tap, terms):
    """Each reason with what mends it and nothing after it."""
    record, challenge = tap.record, tap.challenge
    long = replace(terms, expires=NOON + 9 * DAY)
    met = replace(long, profile=replace(terms.profile, contact_by=NOON + 9 * DAY))
    small = replace(
        record,
        amount=10_000,
        card_token=terms.card_token,
        certificate_serial=terms.serial,
    )
    unverified = replace(met, profile=replace(met.profile, unverified_cap=9_999))
    sound = replace(small, verified=Verification.PIN_OR_BIOMETRIC)
    counted = replace(sound, uses=1)
    summed = replace(counted, cumulative=10_000)
    seen = tap.seen
    return [
        (Reason.CERTIFICATE_INVALID, {"certificate": terms}),
        (Reason.CERTIFICATE_EXPIRED, {"certificate": long}),
        (Reason.CONTACT_OVERDUE, {"certificate": unverified}),
        (Reason.CURRENCY_UNSUPPORTED, {"currency": "KRW"}),
        (Reason.BLACKLISTED, {"listed": False}),
        (Reason.AMOUNT_OVER_CAP, {"amount_minor": 10_000, "record": small}),
        (Reason.VERIFICATION_REQUIRED, {"record": sound}),
        (Reason.SPLIT_SALE, {"seen": replace(seen, split_minor=0)}),
        (
            Reason.USES_EXHAUSTED,
            {"record": counted, "seen": replace(seen, split_minor=0, uses=0)},
        ),
        (Reason.CUMULATIVE_EXCEEDED, {"record": summed, "seen": rules.Seen()}),
        (Reason.RECORD_INVALID, {"genuine": True}),
        (Reason.NONCE_MISMATCH, {"record": replace(summed, reader_nonce=challenge.nonce)}),
        (Reason.READER_FULL, {"full": False}),
    ]


class TestOnline:
    @pytest.mark.parametrize(
        ("tap", "reason"),
        [
            ({"amount": CAP + 1}, Reason.AMOUNT_OVER_CAP),
            (
                {"amount": UNVERIFIED_CAP + 1, "verified": Verification.NONE},
                Reason.VERIFICATION_REQUIRED,
            ),
            ({"uses": 11}, Reason.USES_EXHAUSTED),
            ({"cumulative": CUMULATIVE_CAP + 1}, Reason.CUMULATIVE_EXCEEDED),
            ({"uses": 6}, Reason.ONLINE_PREFERRED),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_lacks_room_goes_online_when_the_portal_is_near(self, reader, card, tap, reason):
        assert judge(reader, card, online=True, **tap) == GoOnline(reason)
        assert len(reader.known.store) == 0

    def test_up_to_the_lower_use_count_it_stays_offline(self, reader, card):
        assert isinstance(judge(reader, card, online=True, uses=5), Approved)

    def test_between_the_counts_it_is_approved_offline_without_a_line(self, reader, card):
        assert isinstance(judge(reader, card, online=False, uses=6), Approved)

    def test_a_listed_card_is_never_sent_online(self, world, reader, card):
        reader.apply_blacklist(
            data=world.blacklist(version=1, additions=[card.terms.list_number]), at=NOON
        )

        assert judge(reader, card, online=True) == Declined(Reason.BLACKLISTED)

    def test_a_forged_record_over_the_cap_is_not_sent_online(self, world, reader, card):
        verdict = judge(reader, card, amount=CAP + 1, online=True, key=world.new_key())

        assert verdict == Declined(Reason.AMOUNT_OVER_CAP)

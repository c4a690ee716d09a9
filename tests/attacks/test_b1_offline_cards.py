"""Attacks on cards that pay offline, row by row: each statement that must hold has a test here.

Some are shown again, and longer, where the rule lives; here they stand together. What stays open is
written in ``docs/protocol.md`` section 10: a relay faster than the time limit is not detected.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from config.audit import SYSTEM
from config.refusals import Refused
from config.wire import frames
from config.wire.keys import SigningKey
from issuers.models import Account, Card, ListedNumber
from issuers.services import blacklist
from issuers.services.blacklist.fetching import fetch
from issuers.services.programmes import CERTIFICATE_DAYS_MAX
from issuers.wire import Action, rice
from issuers.wire import BlacklistFile as SignedList
from issuers.wire.held import NotNewer, WrongBase, WrongDigest
from merchants.devices.facts import CHALLENGE_LIFE_S
from merchants.devices.rules import Approved, Declined, Reason
from merchants.wire import Batch
from settlement.models import Batch as BatchRow
from settlement.models import Dispute, ExceptionItem, Payment, Transfer
from settlement.services import batches, ledger
from tests.devices.parties import CUMULATIVE_CAP, DAY, ISSUER, NOON, World, answer, judge
from tests.factories import settlement as factory
from wallets.devices.credential import CardRefused, Refusal

# Whatever bit of a batch flips, one of these is the answer.
UNSOUND = {"batch_signature", "batch_malformed"}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def till(db, noon):
    return factory.till(now=noon)


@pytest.fixture
def card(db):
    return factory.card_on_phone()


def post(at):
    return batches.post_waiting(limit=20, at=at)


def balance(card):
    return Account.objects.get(pk=card.card.account_id).balance_minor


def refusal(till, content):
    with pytest.raises(Refused) as refused:
        till.send(content)
    return refused.value


class TestDoubleSpendWithAClonedPhone:
    def test_the_second_payload_posts_nothing_and_lists_the_card_within_a_minute(
        self, till, card, noon
    ):
        other = factory.till(now=noon)
        till.upload(card.sale(till, 1000))
        post(noon)
        other.upload(card.sale(other, 2000, atc=1))
        post(noon)

        assert other.result() == [("REJECTED", "duplicate_atc")]
        assert balance(card) == 1_000_000 - 1000
        assert Payment.objects.get().merchant == till.merchant
        assert Dispute.objects.get().record.batch.device == other.device
        within = noon + timedelta(seconds=60)
        published = blacklist.publish(issuer=card.card.issuer, at=within)
        assert ListedNumber.objects.get().added_in == published.version
        assert ledger.check() == []

    def test_the_next_counter_of_an_honest_phone_does_post(self, till, card, noon):
        """The control: it is the counter used twice, not the second shop, that is refused."""
        other = factory.till(now=noon)
        till.upload(card.sale(till, 1000))
        other.upload(card.sale(other, 2000))
        post(noon)

        assert other.result() == [("POSTED", "")]
        assert not Dispute.objects.exists()


class TestAtcRollback:
    def test_a_counter_below_that_of_an_earlier_tap_is_flagged(self, till, card, noon):
        till.upload(card.sale(till, atc=5, at=noon - timedelta(hours=2)))
        post(noon)
        till.upload(card.sale(till, atc=3, at=noon - timedelta(hours=1)))
        post(noon)

        assert till.result() == [("POSTED", "")]
        assert "atc_rollback" in kinds_of_exceptions()

    def test_a_batch_that_is_only_late_is_not(self, till, card, noon):
        other = factory.till(now=noon)
        early = card.sale(other, at=noon - timedelta(hours=2))
        till.upload(card.sale(till, at=noon - timedelta(hours=1)))
        post(noon)
        other.upload(early)
        post(noon)

        assert other.result() == [("POSTED", "")]
        assert "atc_rollback" not in kinds_of_exceptions()


def kinds_of_exceptions():
    return set(ExceptionItem.objects.values_list("kind", flat=True))


class TestExposureBound:
    """Worst case: readers reached before the list is, times what one card may do at one reader."""

    @pytest.mark.parametrize("readers", [1, 3])
    def test_a_clone_that_forgets_gets_no_more_than_the_cap_at_each_reader(self, world, readers):
        card = world.card(profile={"upper_uses": 1000})
        lost = 0
        for reader in [world.reader(split_sale_window_s=0) for _ in range(readers)]:
            for _ in range(30):
                paid = judge(reader, card, amount=20_000, uses=1, cumulative=20_000)
                lost += 20_000 if isinstance(paid, Approved) else 0

        assert lost == readers * CUMULATIVE_CAP

    def test_a_reader_that_forgot_would_lose_more(self, world):
        """The control: without its own sightings the same taps go through without end."""
        card = world.card(profile={"upper_uses": 1000})
        reader = world.reader(split_sale_window_s=0)
        lost = 0
        for _ in range(30):
            reader.known.sightings.forget(at=NOON + 30 * DAY)
            paid = judge(reader, card, amount=20_000, uses=1, cumulative=20_000)
            lost += 20_000 if isinstance(paid, Approved) else 0

        assert lost == 30 * 20_000 > CUMULATIVE_CAP


class TestBatchReplay:
    def test_the_same_bytes_hear_the_same_answer_and_post_once(self, till, card, noon):
        content = till.batch(card.sale(till))
        first = till.send(content)
        post(noon)
        again = till.send(content)
        post(noon)

        assert (again.sequence, again.digest) == (first.sequence, first.digest)
        assert Payment.objects.count() == 1

    def test_other_bytes_under_the_same_sequence_are_a_conflict(self, till, card, noon):
        content = till.batch(card.sale(till))
        till.send(content)
        post(noon)
        other = Batch.peek(content)
        conflicting = replace(other, created=other.created + 1).sign(key=till.key)

        refused = refusal(till, conflicting)

        assert (refused.status, refused.code) == (409, "batch_conflict")
        assert Payment.objects.count() == 1


class TestTamperedBatch:
    def test_one_flipped_bit_at_any_place_refuses_the_whole(self, till, card, noon):
        """A bit of every byte, another in each: header, records, count, totals, order, digest."""
        content = till.batch(card.sale(till), card.sale(till))

        answers = set()
        for place in range(len(content)):
            flipped = bytearray(content)
            flipped[place] ^= 1 << (place % 8)
            answers.add(refusal(till, bytes(flipped)).code)
        post(noon)

        assert answers <= UNSOUND
        assert not Payment.objects.exists()
        assert not BatchRow.objects.exclude(state="REFUSED").exists()
        assert till.send(content).state == "RECEIVED", "the control: unflipped it is taken"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"count": 3}, "batch_count"),
            ({"totals": {"KRW": 1}}, "batch_total"),
            ({"previous_digest": b"\x01" * 32}, "batch_chain"),
            ({"key": SigningKey.from_secret(7)}, "batch_signature"),
        ],
        ids=["count", "total", "previous", "key"],
    )
    def test_what_is_signed_anew_by_the_reader_must_still_hold(self, till, card, change, code):
        assert refusal(till, till.batch(card.sale(till), card.sale(till), **change)).code == code

    def test_another_order_of_the_records_is_another_batch(self, till, card, noon):
        records = card.sale(till), card.sale(till)
        content = till.batch(*records)
        till.send(content)
        swapped = replace(Batch.peek(content), entries=Batch.peek(content).entries[::-1])

        assert refusal(till, swapped.sign(key=till.key)).code == "batch_conflict"


class TestMissingBatch:
    def test_one_out_of_sequence_is_refused_until_the_missing_one_came(self, till, card, noon):
        missing = till.batch(card.sale(till))
        sequence, digest = till.sequence, till.digest
        till.sequence, till.digest = 1, bytes(32)
        later = till.batch(card.sale(till))

        assert refusal(till, later).code == "batch_sequence"
        till.sequence, till.digest = sequence, digest
        till.send(missing)
        post(noon)

        assert Payment.objects.count() == 1


class TestSwappedReader:
    def test_a_record_made_at_another_reader_is_rejected(self, till, card, noon):
        elsewhere = factory.till(now=noon)
        till.upload(card.sale(elsewhere))
        post(noon)

        assert till.result() == [("REJECTED", "wrong_reader")]
        assert balance(card) == 1_000_000

    def test_a_batch_in_another_readers_name_is_refused(self, till, card, noon):
        elsewhere = factory.till(now=noon)
        record = card.sale(till)

        assert refusal(till, till.batch(record, device=elsewhere.device.reference)).code in UNSOUND
        assert refusal(till, till.batch(record, key=elsewhere.key)).code in UNSOUND


class TestStaleBlacklist:
    def test_the_reader_never_goes_back(self, world, reader_with_list):
        for version in (1, 2):
            with pytest.raises(NotNewer):
                reader_with_list.apply_blacklist(
                    data=world.blacklist(version=version, additions=[]), at=NOON
                )
        assert reader_with_list.known.lists.has(issuer=ISSUER, list_number=7)

    def test_after_a_day_without_the_portal_it_approves_nothing_itself(self, world, card_of_world):
        reader = world.reader()

        fresh = judge(reader, card_of_world, at=NOON + DAY)
        stale = judge(reader, card_of_world, at=NOON + DAY + 1)

        assert isinstance(fresh, Approved)
        assert stale == Declined(Reason.AMOUNT_OVER_CAP)

    def test_who_claims_an_older_list_than_it_fetched_bears_the_sale(self, till, card, noon):
        issuer, at = card.card.issuer, noon - timedelta(minutes=50)
        blacklist.block(card=card.card, reason="LOST", at=at - timedelta(minutes=1), actor=SYSTEM)
        version = blacklist.publish(issuer=issuer, at=at).version
        blacklist.log_download(issuer=issuer, device=till.device, have=0, version=version, at=at)
        till.upload(card.sale(till), versions=[0])
        post(noon)

        payment = Payment.objects.get()
        assert (payment.bearer, payment.bearer_cause) == ("MERCHANT", "list_rollback")

    @pytest.fixture
    def reader_with_list(self, world):
        reader = world.reader()
        reader.apply_blacklist(data=world.blacklist(version=2, additions=[7]), at=NOON)
        return reader

    @pytest.fixture
    def card_of_world(self, world):
        return world.card()


class TestBlacklistTruncation:
    def test_a_list_cut_short_does_not_fit_its_digest(self, world):
        reader = world.reader()
        cut = world.blacklist(version=1, additions=[3, 5], after=[3, 5, 8])

        with pytest.raises(WrongDigest):
            reader.apply_blacklist(data=cut, at=NOON)

        assert not reader.known.lists.is_fresh(issuer=ISSUER, at=NOON, max_age_s=DAY)

    def test_a_delta_on_another_base_is_asked_for_in_full(self, world):
        reader = world.reader()
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[3]), at=NOON)

        with pytest.raises(WrongBase):
            reader.apply_blacklist(
                data=world.blacklist(version=3, base=2, additions=[8], after=[3, 8]), at=NOON
            )

        assert reader.known.lists.version(issuer=ISSUER) == 1

    def test_what_the_portal_publishes_states_count_and_digest(self, till, card, noon):
        issuer = card.card.issuer
        blacklist.block(card=card.card, reason="LOST", at=noon, actor=SYSTEM)
        blacklist.publish(issuer=issuer, at=noon)

        given = fetch(device=till.device, issuer=issuer.reference, have=0, at=noon)

        told = SignedList.peek(given.content)
        numbers = [card.credential.list_number]
        assert (told.entries, told.digest) == (1, rice.digest(numbers))


class TestAeroplaneMode:
    def test_no_certificate_outlives_a_week(self, card):
        life = card.credential.expires_at - card.credential.issued_at

        assert CERTIFICATE_DAYS_MAX == 7
        assert life <= timedelta(days=7)

    def test_an_ended_certificate_never_approves_at_phone_or_reader(self, world):
        phone, reader = world.phone(), world.reader()
        token, end = world.put_card(phone), NOON + 7 * DAY

        with pytest.raises(CardRefused) as refused:
            answer(reader, phone, token, at=end)

        assert refused.value.code is Refusal.CERTIFICATE_EXPIRED
        reader.confirm_blacklist(issuer=ISSUER, at=end)
        assert judge(reader, world.card(), at=end) == Declined(Reason.CERTIFICATE_EXPIRED)

    def test_a_block_is_lifted_by_nothing_that_reaches_the_phone_offline(self, world):
        phone = world.phone()
        token = world.put_card(phone)
        block = world.command(token, Action.BLOCK, version=2)
        older = world.command(token, Action.UNBLOCK, version=1)
        phone.receive_command(command=block, at=NOON)

        phone.receive_command(command=older, at=NOON)  # an old one, played back
        phone.unfreeze(card=token)

        with pytest.raises(CardRefused) as refused:
            phone.check_before_contact(card=token, at=NOON)
        assert refused.value.code is Refusal.CARD_BLOCKED


class TestRelay:
    def test_an_answer_later_than_a_tap_may_take_is_refused(self, world):
        reader, card = world.reader(), world.card()
        challenge = reader.new_challenge(amount_minor=1_000, currency="KRW", at=NOON)
        record, certificate = card.record(challenge), card.certificate

        late = reader.judge(
            record=record, certificate=certificate, at=NOON + CHALLENGE_LIFE_S, online=False
        )

        assert late == Declined(Reason.NONCE_MISMATCH)

    def test_the_whole_exchange_has_one_short_budget(self):
        assert frames.BUDGET_S < CHALLENGE_LIFE_S <= 15

    def test_an_answer_to_another_readers_challenge_is_refused(self, world):
        near, far, card = world.reader(), world.reader(), world.card()
        near.new_challenge(amount_minor=1_000, currency="KRW", at=NOON)
        relayed = card.record(far.new_challenge(amount_minor=1_000, currency="KRW", at=NOON))

        verdict = near.judge(record=relayed, certificate=card.certificate, at=NOON, online=False)

        assert verdict == Declined(Reason.NONCE_MISMATCH)


def test_a_blocked_card_costs_its_holder_nothing_more(till, card, noon):
    """All of it together: what a thief pays after the block is nobody's but issuer's or shop's."""
    blacklist.block(card=card.card, reason="STOLEN", at=noon - timedelta(minutes=5), actor=SYSTEM)
    till.upload(card.sale(till, 4000), card.sale(till, 5000))
    post(noon)

    card.card.refresh_from_db()
    assert card.card.state == Card.State.BLOCKED
    assert balance(card) == 1_000_000
    assert not Transfer.objects.filter(
        payment__isnull=False, debit__kind="CARDHOLDER", debit__owner=card.card.account.reference
    ).exists()

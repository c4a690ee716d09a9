"""The phone: what it checks before a contact, what it signs, what a power cut leaves."""

import pytest

from config.wire.errors import WireError
from config.wire.trust import PLATFORM, TrustedKey, TrustList
from issuers.wire import Action
from tests.devices.parties import (
    CAP,
    CUMULATIVE_CAP,
    DAY,
    ISSUER,
    NOON,
    UNVERIFIED_CAP,
    Disk,
    answer,
)
from wallets.devices.credential import CardRefused, Refusal
from wallets.devices.phone import CardNotAccepted
from wallets.wire import OfflineRecord, Verification


def refusal(call, *args, **kwargs):
    with pytest.raises(CardRefused) as refused:
        call(*args, **kwargs)
    return refused.value.code


class TestBeforeContact:
    def test_a_sound_card_passes(self, world, phone):
        phone.check_before_contact(card=world.put_card(phone), at=NOON)

    def test_a_card_this_phone_does_not_have(self, phone):
        assert refusal(phone.check_before_contact, card=bytes(16), at=NOON) == "card_unknown"

    def test_a_marked_card_and_only_this_card(self, world, phone):
        """Mission 1.01: listing card A freezes A only."""
        marked, other = world.put_card(phone), world.put_card(phone)

        phone.receive_command(command=world.command(marked, Action.BLOCK, version=1), at=NOON)

        assert refusal(phone.check_before_contact, card=marked, at=NOON) == "card_blocked"
        phone.check_before_contact(card=other, at=NOON)

    def test_the_owners_own_freeze_and_only_this_card(self, world, phone):
        frozen, other = world.put_card(phone), world.put_card(phone)

        phone.freeze(card=frozen)

        assert refusal(phone.check_before_contact, card=frozen, at=NOON) == "card_frozen"
        phone.check_before_contact(card=other, at=NOON)
        phone.unfreeze(card=frozen)
        phone.check_before_contact(card=frozen, at=NOON)

    def test_the_owner_cannot_lift_the_issuers_block(self, world, phone):
        card = world.put_card(phone)
        phone.receive_command(command=world.command(card, Action.BLOCK, version=1), at=NOON)

        phone.unfreeze(card=card)

        assert refusal(phone.check_before_contact, card=card, at=NOON) == "card_blocked"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"expires": NOON + 1}, Refusal.CERTIFICATE_EXPIRED),
            ({"profile": {"contact_by": NOON + 1}}, Refusal.CONTACT_OVERDUE),
        ],
    )
    def test_times_are_half_open(self, world, phone, changes, code):
        card = world.put_card(phone, **changes)

        phone.check_before_contact(card=card, at=NOON)

        assert refusal(phone.check_before_contact, card=card, at=NOON + 1) == code

    def test_the_upper_use_count(self, world, phone, reader):
        card = world.put_card(phone, profile={"upper_uses": 2})

        answer(reader, phone, card)
        phone.check_before_contact(card=card, at=NOON)
        answer(reader, phone, card)

        assert refusal(phone.check_before_contact, card=card, at=NOON) == "uses_exhausted"

    def test_the_cumulative_cap(self, world, phone, reader):
        card = world.put_card(phone, profile={"cumulative_cap": 10_001})

        answer(reader, phone, card, amount=10_000)
        phone.check_before_contact(card=card, at=NOON)
        answer(reader, phone, card, amount=1)

        assert refusal(phone.check_before_contact, card=card, at=NOON) == "cumulative_exceeded"


class TestAnswer:
    def test_one_record_per_gesture(self, world, phone, reader):
        card = world.put_card(phone)
        challenge = reader.new_challenge(amount_minor=10_000, currency="KRW", at=NOON)
        question = {"card": card, "certificate": reader.certificate, "challenge": challenge}

        records = {
            phone.answer_challenge(**question, at=NOON, verified=Verification.NONE)
            for _ in range(2)
        }

        assert len(records) == 1
        assert phone.credential(card).atc == 1

    def test_the_record_states_what_was_asked_and_the_counters(self, world, phone, reader):
        card = world.put_card(phone)
        answer(reader, phone, card, amount=1_000)

        record = OfflineRecord.peek(answer(reader, phone, card, amount=2_000))

        assert (record.atc, record.uses, record.cumulative) == (2, 2, 3_000)
        assert (record.amount, record.currency, record.at) == (2_000, "KRW", NOON)
        assert record.reader == reader.device

    def test_each_card_counts_for_itself(self, world, phone, reader):
        used, unused = world.put_card(phone), world.put_card(phone)

        answer(reader, phone, used)

        assert phone.credential(used).uses == 1
        assert phone.credential(unused).uses == 0

    @pytest.mark.parametrize("reader_online", [True, False])
    def test_amount_equal_to_the_cap_is_signed(self, world, phone, reader, reader_online):
        card = world.put_card(phone)

        assert answer(reader, phone, card, amount=CAP, reader_online=reader_online)

    def test_over_the_cap_it_signs_only_for_a_reader_that_can_ask(self, world, phone, reader):
        card = world.put_card(phone)

        code = refusal(answer, reader, phone, card, amount=CAP + 1)

        assert code == "amount_over_cap"
        assert phone.credential(card).atc == 0
        assert answer(reader, phone, card, amount=CAP + 1, reader_online=True)

    def test_a_sum_over_the_cap_likewise(self, world, phone, reader):
        card = world.put_card(phone, profile={"cumulative_cap": 15_000})
        answer(reader, phone, card)

        assert refusal(answer, reader, phone, card) == "cumulative_exceeded"
        assert answer(reader, phone, card, reader_online=True)

    def test_unverified_only_up_to_its_cap(self, world, phone, reader):
        card = world.put_card(phone)
        unverified = {"verified": Verification.NONE}

        assert answer(reader, phone, card, amount=UNVERIFIED_CAP, **unverified)
        code = refusal(answer, reader, phone, card, amount=UNVERIFIED_CAP + 1, **unverified)
        assert code == "verification_required"

    def test_another_currency(self, world, phone, reader):
        card = world.put_card(phone)

        assert refusal(answer, reader, phone, card, currency="USD") == "currency_unsupported"

    def test_a_marked_card_signs_nothing_even_when_asked_past_the_check(self, world, phone, reader):
        card = world.put_card(phone)
        phone.receive_command(command=world.command(card, Action.BLOCK, version=1), at=NOON)

        assert refusal(answer, reader, phone, card) == "card_blocked"


class TestReaderTrust:
    def test_a_reader_the_platform_did_not_certify(self, world, phone, reader):
        card = world.put_card(phone)
        reader.certificate = world.reader_certificate(key=reader.key, signer=world.new_key())

        assert refusal(answer, reader, phone, card) == "reader_untrusted"

    @pytest.mark.parametrize("at", [NOON - 1, NOON])
    def test_a_readers_certificate_ends_half_open(self, world, phone, reader, at):
        card = world.put_card(phone)
        reader.certificate = world.reader_certificate(key=reader.key, expires=NOON)

        if at < NOON:
            assert answer(reader, phone, card, at=at)
        else:
            assert refusal(answer, reader, phone, card, at=at) == "reader_untrusted"

    def test_a_challenge_under_another_readers_certificate(self, world, phone, reader):
        card = world.put_card(phone)
        reader.certificate = world.reader_certificate(key=world.new_key())

        assert refusal(answer, reader, phone, card) == "challenge_invalid"

    def test_a_challenge_that_names_another_device(self, world, phone, reader):
        card = world.put_card(phone)
        reader.device = "DEV-OTHER"

        assert refusal(answer, reader, phone, card) == "challenge_invalid"

    def test_either_of_two_platform_keys_while_they_roll(self, world, phone, reader):
        card, fresh = world.put_card(phone), world.new_key()
        phone.trusted = TrustList(
            keys=[
                TrustedKey(holder=PLATFORM, public_key=world.platform.public, until=NOON + DAY),
                TrustedKey(holder=PLATFORM, public_key=fresh.public, since=NOON),
            ]
        )

        assert answer(reader, phone, card)
        reader.certificate = world.reader_certificate(key=reader.key, signer=fresh)
        assert answer(reader, phone, card)
        reader.certificate = world.reader_certificate(key=reader.key)
        assert refusal(answer, reader, phone, card, at=NOON + DAY) == "reader_untrusted"


class TestVoid:
    def void(self, phone, card, reader, challenge, *, atc):
        return phone.void(
            card=card,
            certificate=reader.certificate,
            challenge=challenge,
            voided_atc=atc,
            at=NOON,
            verified=Verification.NONE,
        )

    def challenge(self, reader, *, amount=10_000):
        return reader.new_challenge(amount_minor=amount, currency="KRW", at=NOON)

    def test_a_void_takes_the_next_atc_and_leaves_the_counts(self, world, phone, reader):
        card = world.put_card(phone)
        answer(reader, phone, card)

        voided = self.void(phone, card, reader, self.challenge(reader), atc=1)

        record = OfflineRecord.peek(voided)
        assert (record.atc, record.voided_atc, record.amount) == (2, 1, 10_000)
        assert (record.uses, record.cumulative) == (1, 10_000)

    @pytest.mark.parametrize(("atc", "amount"), [(9, 10_000), (1, 9_999)])
    def test_only_an_own_sale_of_that_amount(self, world, phone, reader, atc, amount):
        card = world.put_card(phone)
        answer(reader, phone, card)
        challenge = self.challenge(reader, amount=amount)

        code = refusal(self.void, phone, card, reader, challenge, atc=atc)

        assert code == "sale_unknown"

    def test_a_sale_is_voided_once(self, world, phone, reader):
        card = world.put_card(phone)
        answer(reader, phone, card)
        self.void(phone, card, reader, self.challenge(reader), atc=1)

        code = refusal(self.void, phone, card, reader, self.challenge(reader), atc=1)

        assert code == "sale_unknown"

    def test_it_works_when_the_uses_are_spent_but_not_when_marked(self, world, phone, reader):
        card = world.put_card(phone, profile={"upper_uses": 1})
        answer(reader, phone, card)

        phone.check_before_void(card=card, at=NOON)

        phone.receive_command(command=world.command(card, Action.BLOCK, version=1), at=NOON)
        assert refusal(phone.check_before_void, card=card, at=NOON) == "card_blocked"


class TestPowerCut:
    def test_the_counter_is_on_the_disk_before_the_signature_is_out(self, world, reader):
        disk = Disk()
        phone = world.phone(disk=disk)
        card = world.put_card(phone)

        answer(reader, phone, card)

        restored = world.phone_again(disk).credential(card)
        assert (restored.atc, restored.uses, restored.amount_minor) == (1, 1, 10_000)

    def test_no_signature_leaves_a_phone_that_could_not_save(self, world, reader):
        disk = Disk()
        phone = world.phone(disk=disk)
        card = world.put_card(phone)
        disk.full = True

        with pytest.raises(OSError, match="no space"):
            answer(reader, phone, card)

    def test_an_unsaved_answer_is_not_handed_out_on_asking_again(self, world, reader):
        disk = Disk()
        phone = world.phone(disk=disk)
        card = world.put_card(phone)
        challenge = reader.new_challenge(amount_minor=1, currency="KRW", at=NOON)
        question = {"card": card, "certificate": reader.certificate, "challenge": challenge}
        disk.full = True

        for _ in range(2):
            with pytest.raises(OSError, match="no space"):
                phone.answer_challenge(**question, at=NOON, verified=Verification.NONE)

    def test_no_atc_is_used_twice_wherever_the_power_fails(self, world, reader):
        disk = Disk()
        phone = world.phone(disk=disk)
        card = world.put_card(phone)
        seen = []

        for turn in range(8):
            disk.full = turn % 3 == 1
            try:
                seen.append(OfflineRecord.peek(answer(reader, phone, card, amount=1)).atc)
            except OSError:
                disk.full = False
                phone = world.phone_again(disk)

        assert seen == sorted(set(seen))
        assert len(seen) == 5

    def test_marks_and_trust_survive_a_restart(self, world):
        disk = Disk()
        phone = world.phone(disk=disk)
        card = world.put_card(phone)
        phone.freeze(card=card)
        phone.receive_command(command=world.command(card, Action.BLOCK, version=3), at=NOON)

        again = world.phone_again(disk)

        assert again.to_state() == phone.to_state()
        assert refusal(again.check_before_contact, card=card, at=NOON) == "card_blocked"


class TestAcceptingACard:
    def test_only_for_a_key_of_this_phone(self, world, phone):
        token = world.random.randbytes(16)
        phone.prepare_card(card=token)
        foreign = world.certificate(public_key=world.new_key().public, token=token)

        with pytest.raises(CardNotAccepted):
            phone.accept_card(certificate=foreign, at=NOON)

    def test_only_from_a_trusted_issuer(self, world, phone):
        token = world.random.randbytes(16)
        public_key = phone.prepare_card(card=token)
        forged = world.certificate(public_key=public_key, token=token, signer=world.new_key())

        with pytest.raises(WireError):
            phone.accept_card(certificate=forged, at=NOON)

    def test_a_new_credential_goes_on_from_the_atc_and_the_mark(self, world, phone, reader):
        card = world.put_card(phone)
        answer(reader, phone, card)
        phone.receive_command(command=world.command(card, Action.BLOCK, version=4), at=NOON)

        world.put_card(phone, token=card)

        held = phone.credential(card)
        assert (held.atc, held.uses, held.version, held.blocked) == (1, 0, 4, True)

    def test_the_key_asked_for_stays_until_a_certificate_comes(self, world):
        disk = Disk()
        phone = world.phone(disk=disk)
        asked = phone.prepare_card(card=bytes(16))

        assert phone.prepare_card(card=bytes(16)) == asked
        assert world.phone_again(disk).prepare_card(card=bytes(16)) == asked

    def test_an_issuers_old_key_ends_with_its_window(self, world, phone):
        phone.trusted = TrustList(
            keys=[TrustedKey(holder=ISSUER, public_key=world.issuer.public, until=NOON)]
        )

        with pytest.raises(WireError):
            world.put_card(phone)


def test_the_worst_case_stays_within_the_caps(world, phone, reader):
    """However a card pays, no more than its caps leaves it between two contacts."""
    card = world.put_card(phone)
    paid = 0
    while True:
        try:
            phone.check_before_contact(card=card, at=NOON)
            paid += OfflineRecord.peek(answer(reader, phone, card, amount=35_000)).amount
        except CardRefused:
            break

    assert paid == 175_000 <= CUMULATIVE_CAP

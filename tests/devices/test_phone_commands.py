"""Over-the-air commands on the phone: order, duplicates, resets, renewal (protocol section 5.2)."""

import pytest

from config.wire.errors import WireError
from config.wire.trust import TrustedKey, TrustList
from issuers.wire import Acknowledgement, Action
from tests.devices.parties import DAY, ISSUER, NOON, Disk, answer
from wallets.devices.commands import CommandRefused
from wallets.devices.credential import CardRefused


def receive(phone, command, *, at=NOON):
    """Hand a command over and return the acknowledgement, verified."""
    ack = phone.receive_command(command=command, at=at)
    return Acknowledgement.open(ack, public_key=phone.device_key.public)


def test_a_block_is_acknowledged_with_card_version_and_counters(world, phone, reader):
    card = world.put_card(phone)
    answer(reader, phone, card, amount=700)

    ack = receive(phone, world.command(card, Action.BLOCK, version=5))

    assert (ack.card_token, ack.version, ack.at) == (card, 5, NOON)
    assert (ack.atc, ack.uses, ack.amount) == (1, 1, 700)


def test_unblock_6_before_block_5_leaves_the_card_usable(world, phone):
    """Mission 1.12."""
    card = world.put_card(phone)

    receive(phone, world.command(card, Action.UNBLOCK, version=6))
    late = receive(phone, world.command(card, Action.BLOCK, version=5))

    phone.check_before_contact(card=card, at=NOON)
    assert late.version == 6


def test_a_duplicate_is_acknowledged_again_and_applied_once(world, phone, reader):
    card = world.put_card(phone)
    for _ in range(3):
        answer(reader, phone, card, amount=100)
    reset = world.command(card, Action.RESET, version=1, body={1: 1, 2: 1, 3: 100})

    first, second = receive(phone, reset), receive(phone, reset)

    assert first == second
    assert (second.version, second.uses, second.amount) == (1, 2, 200)


def test_unblock_makes_the_card_pay_again(world, phone, reader):
    card = world.put_card(phone)
    receive(phone, world.command(card, Action.BLOCK, version=1))

    receive(phone, world.command(card, Action.UNBLOCK, version=2))

    assert answer(reader, phone, card)


class TestReset:
    def test_it_subtracts_so_that_what_came_after_is_kept(self, world, phone, reader):
        card = world.put_card(phone)
        for amount in (1_000, 2_000, 4_000):
            answer(reader, phone, card, amount=amount)

        ack = receive(
            phone, world.command(card, Action.RESET, version=1, body={1: 2, 2: 2, 3: 3_000})
        )

        assert (ack.atc, ack.uses, ack.amount) == (3, 1, 4_000)

    def test_it_restores_offline_use(self, world, phone, reader):
        card = world.put_card(phone, profile={"upper_uses": 1})
        answer(reader, phone, card)

        receive(phone, world.command(card, Action.RESET, version=1, body={1: 1, 2: 1, 3: 10_000}))

        phone.check_before_contact(card=card, at=NOON)

    def test_counts_never_fall_below_zero(self, world, phone, reader):
        card = world.put_card(phone)
        answer(reader, phone, card, amount=100)

        ack = receive(
            phone, world.command(card, Action.RESET, version=1, body={1: 1, 2: 9, 3: 999})
        )

        assert (ack.uses, ack.amount) == (0, 0)

    def test_it_does_not_count_what_was_never_signed(self, world, phone):
        card = world.put_card(phone)

        with pytest.raises(CommandRefused):
            receive(phone, world.command(card, Action.RESET, version=1, body={1: 1, 2: 1, 3: 1}))

    def test_payments_of_an_older_certificate_are_not_subtracted_from_the_new(
        self, world, phone, reader
    ):
        card = world.put_card(phone)
        answer(reader, phone, card, amount=100)
        world.put_card(phone, token=card)
        answer(reader, phone, card, amount=100)

        ack = receive(
            phone, world.command(card, Action.RESET, version=1, body={1: 1, 2: 1, 3: 100})
        )

        assert (ack.uses, ack.amount) == (1, 100)


class TestRenewal:
    def renewal(self, world, phone, card, *, version=1, **changes):
        public_key = changes.pop("public_key", phone.credential(card).terms.public_key)
        fresh = world.certificate(public_key=public_key, token=card, **changes)
        return world.command(card, Action.CERTIFICATE, version=version, body={1: fresh})

    def test_a_new_certificate_moves_the_contact_by_time(self, world, phone, reader):
        card = world.put_card(phone)
        answer(reader, phone, card)

        receive(phone, self.renewal(world, phone, card, profile={"contact_by": NOON + 6 * DAY}))

        phone.check_before_contact(card=card, at=NOON + 5 * DAY)
        assert phone.credential(card).uses == 1

    def test_one_for_another_key_is_refused(self, world, phone):
        card = world.put_card(phone)
        command = self.renewal(world, phone, card, public_key=world.new_key().public)

        with pytest.raises(CommandRefused):
            receive(phone, command)
        assert phone.credential(card).version == 0

    def test_an_older_one_is_refused(self, world, phone):
        card = world.put_card(phone)

        with pytest.raises(CommandRefused):
            receive(phone, self.renewal(world, phone, card, issued=NOON - 1))

    def test_one_the_issuer_did_not_sign_is_refused(self, world, phone):
        card = world.put_card(phone)

        with pytest.raises(WireError):
            receive(phone, self.renewal(world, phone, card, signer=world.new_key()))


class TestWipe:
    def test_the_key_is_gone_and_the_version_stays(self, world):
        disk = Disk()
        phone = world.phone(disk=disk)
        card = world.put_card(phone)
        wipe = world.command(card, Action.WIPE, version=8)

        receive(phone, wipe)

        again = world.phone_again(disk)
        assert again.cards == []
        with pytest.raises(CardRefused, match="card_unknown"):
            again.check_before_contact(card=card, at=NOON)
        assert receive(again, wipe).version == 8


class TestTrust:
    def test_a_card_this_phone_does_not_have(self, world, phone):
        with pytest.raises(CommandRefused):
            receive(phone, world.command(bytes(16), Action.BLOCK, version=1))

    def test_a_command_of_another_key(self, world, phone):
        card = world.put_card(phone)
        forged = world.command(card, Action.BLOCK, version=1, signer=world.new_key())

        with pytest.raises(WireError):
            receive(phone, forged)
        phone.check_before_contact(card=card, at=NOON)

    def test_a_command_of_another_trusted_issuer(self, world, phone):
        card, other = world.put_card(phone), world.new_key()
        phone.trusted = TrustList(
            keys=[
                TrustedKey(holder=ISSUER, public_key=world.issuer.public),
                TrustedKey(holder="ISS-2", public_key=other.public),
            ]
        )

        with pytest.raises(WireError):
            receive(phone, world.command(card, Action.BLOCK, version=1, signer=other))

    def test_a_flipped_bit(self, world, phone):
        card = world.put_card(phone)
        command = bytearray(world.command(card, Action.BLOCK, version=1))
        command[-1] ^= 1

        with pytest.raises(WireError):
            receive(phone, bytes(command))

    def test_an_issuers_next_key_from_its_day_on(self, world, phone):
        card, fresh = world.put_card(phone), world.new_key()
        phone.trusted = TrustList(
            keys=[
                TrustedKey(holder=ISSUER, public_key=world.issuer.public, until=NOON + 2 * DAY),
                TrustedKey(holder=ISSUER, public_key=fresh.public, since=NOON + 2 * DAY),
            ]
        )
        command = world.command(card, Action.BLOCK, version=1, signer=fresh)

        with pytest.raises(WireError):
            receive(phone, command, at=NOON)
        assert receive(phone, command, at=NOON + 2 * DAY).version == 1

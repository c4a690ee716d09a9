"""Over-the-air commands: queued, sent, acknowledged, given up, never APPLIED by themselves."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from config import keys
from config.audit import SYSTEM
from config.models import Alert
from config.refusals import NotFound
from config.states import InvalidTransition
from config.wire.keys import SigningKey
from issuers.models import OtaCommand
from issuers.services import blacklist, commands
from issuers.wire import Acknowledgement, Action, Command
from tests.factories import issuers as made
from wallets.devices.credential import CardRefused

pytestmark = pytest.mark.django_db


def block(card, at):
    blacklist.block(card=card, reason="LOST", at=at, actor=SYSTEM)


def unblock(card, at):
    blacklist.unblock(card=card, at=at, actor=SYSTEM)


def waiting(carried, at, after=0):
    return [
        sent.command for sent in commands.pending_for(device=carried.device, after=after, at=at)
    ]


def states():
    return list(OtaCommand.objects.order_by("id").values_list("state", flat=True))


@pytest.fixture
def carried(noon, carried_phone):
    """A phone with one card."""
    card = made.card(at=noon)
    carried = carried_phone(card.issuer, noon)
    carried.credential = carried.take(card, noon)
    carried.card = card
    return carried


class TestACommand:
    def test_is_signed_by_the_issuer_when_first_sent_and_the_same_ever_after(self, noon, carried):
        block(carried.card, noon)
        assert OtaCommand.objects.get().signed is None

        first = waiting(carried, noon)
        keys.roll(holder=carried.card.issuer.reference, at=noon)

        assert waiting(carried, noon) == first
        assert states() == ["SENT"]
        told = Command.peek(first[0])
        assert (told.action, told.version) == (Action.BLOCK, 1)

    def test_carries_its_body(self, noon, carried):
        body = {1: 3, 2: 3, 3: 1500}

        commands.queue(card=carried.card, action=OtaCommand.Action.RESET, body=body, at=noon)

        assert Command.peek(waiting(carried, noon)[0]).body == body

    def test_freezes_the_card_and_is_applied_by_the_acknowledgement(self, noon, carried):
        block(carried.card, noon)
        (command,) = waiting(carried, noon)
        assert states() == ["SENT"]

        told = carried.obey(command, noon)

        assert states() == ["APPLIED"]
        assert (told.version, told.applied) == (1, 1)
        assert told.credential_id == carried.credential.pk
        with pytest.raises(CardRefused):
            carried.phone.check_before_contact(
                card=bytes(carried.card.token), at=int(noon.timestamp())
            )

    def test_acknowledged_twice_answers_the_same(self, noon, carried):
        block(carried.card, noon)
        (command,) = waiting(carried, noon)
        carried.obey(command, noon)

        again = carried.obey(command, noon)

        assert (again.version, again.applied) == (1, 0)

    def test_1_12_unblock_v6_before_block_v5_leaves_the_card_usable(self, noon, carried):
        for _ in range(2):
            block(carried.card, noon)
            unblock(carried.card, noon)
        block(carried.card, noon)
        unblock(carried.card, noon)
        *_older, v5, v6 = waiting(carried, noon)

        carried.obey(v6, noon)
        late = carried.obey(v5, noon)

        assert late.version == 6
        carried.phone.check_before_contact(card=bytes(carried.card.token), at=int(noon.timestamp()))

    def test_covers_the_older_ones_it_overtook(self, noon, carried):
        block(carried.card, noon)
        unblock(carried.card, noon)
        *_, newest = waiting(carried, noon)

        carried.obey(newest, noon)

        assert states() == ["APPLIED", "APPLIED"]

    def test_comes_again_until_it_is_acknowledged(self, noon, carried):
        block(carried.card, noon)
        (sent,) = commands.pending_for(device=carried.device, after=0, at=noon)

        assert waiting(carried, noon, after=sent.seq) == [sent.command]
        carried.obey(sent.command, noon)
        assert waiting(carried, noon, after=sent.seq) == []

    def test_is_given_again_to_a_phone_that_lost_its_memory(self, noon, carried):
        block(carried.card, noon)
        (command,) = waiting(carried, noon)
        carried.obey(command, noon)

        assert waiting(carried, noon, after=0) == [command]
        assert states() == ["APPLIED"]

    def test_takes_the_same_queries_however_many_wait(
        self, noon, carried, django_assert_num_queries
    ):
        for _ in range(3):
            block(carried.card, noon)
            unblock(carried.card, noon)

        with django_assert_num_queries(4):
            assert len(waiting(carried, noon)) == 6

    @pytest.mark.parametrize("left", range(5))
    def test_comes_in_pages_of_what_is_left_and_of_what_is_new(
        self, noon, carried, monkeypatch, left
    ):
        monkeypatch.setattr(commands, "PAGE", 2)
        for _ in range(4):
            block(carried.card, noon)
            unblock(carried.card, noon)
        rows = list(OtaCommand.objects.order_by("id"))
        after, heard = rows[3].pk, [row.pk for row in rows[left:4]]
        waiting(carried, noon)
        OtaCommand.objects.filter(pk__in=heard).update(
            state="APPLIED", acknowledged_version=1, applied_at=noon
        )

        got = commands.pending_for(device=carried.device, after=after, at=noon)

        wanted = [*rows[: min(left, 2)], *rows[4:6]]
        assert [one.seq for one in got] == [row.pk for row in wanted]


class TestAnAcknowledgement:
    def signed(self, carried, at, key=None, **changed):
        (command,) = waiting(carried, at)
        told = Command.peek(command)
        fields = {
            "command_id": told.command_id,
            "card_token": told.card_token,
            "version": told.version,
            "at": int(at.timestamp()),
            "atc": 0,
            "uses": 0,
            "amount": 0,
        } | changed
        return Acknowledgement(**fields).sign(key=key or carried.phone.device_key)

    def acknowledge(self, carried, at, **changed):
        ack = self.signed(carried, at, **changed)
        return commands.acknowledge(device=carried.device, ack=ack, at=at)

    def test_signed_by_another_key_is_refused(self, noon, carried):
        block(carried.card, noon)

        with pytest.raises(commands.AcknowledgementInvalid):
            self.acknowledge(carried, noon, key=SigningKey.generate())

        assert states() == ["SENT"]

    def test_of_another_phones_command_finds_none(self, noon, carried, carried_phone):
        block(carried.card, noon)
        other = carried_phone(carried.card.issuer, noon)
        ack = self.signed(carried, noon, key=other.phone.device_key)

        with pytest.raises(NotFound):
            commands.acknowledge(device=other.device, ack=ack, at=noon)

    def test_for_another_card_than_the_commands_finds_none(self, noon, carried):
        block(carried.card, noon)

        with pytest.raises(NotFound):
            self.acknowledge(carried, noon, card_token=bytes(16))

    def test_of_an_older_version_does_not_apply_the_command(self, noon, carried):
        block(carried.card, noon)

        told = self.acknowledge(carried, noon, version=0)

        assert (told.applied, states()) == (0, ["SENT"])

    def test_never_applies_what_was_never_sent(self, noon, carried):
        block(carried.card, noon)
        ack = self.signed(carried, noon, version=99)
        unblock(carried.card, noon)

        told = commands.acknowledge(device=carried.device, ack=ack, at=noon)

        assert (told.applied, states()) == (1, ["APPLIED", "PENDING"])

    def test_takes_three_statements(self, noon, carried, django_assert_num_queries):
        block(carried.card, noon)
        ack = self.signed(carried, noon)

        with django_assert_num_queries(3):
            commands.acknowledge(device=carried.device, ack=ack, at=noon)

    def test_of_a_part_leaves_the_alert_of_the_rest(self, noon, carried):
        block(carried.card, noon)
        ack = self.signed(carried, noon)
        unblock(carried.card, noon)
        commands.push_due(at=noon + timedelta(hours=25))

        told = commands.acknowledge(device=carried.device, ack=ack, at=noon)

        assert (told.applied, states()) == (1, ["APPLIED", "UNDELIVERED"])
        assert Alert.objects.get().cleared_at is None


class TestApplied:
    def test_is_refused_by_the_database_without_an_acknowledged_version(self, noon, carried):
        block(carried.card, noon)

        with pytest.raises(IntegrityError), transaction.atomic():
            OtaCommand.objects.update(state="APPLIED")

    def test_is_final(self, noon, carried):
        block(carried.card, noon)
        (command,) = waiting(carried, noon)
        carried.obey(command, noon)

        with pytest.raises(InvalidTransition):
            OtaCommand.objects.get().transition("UNDELIVERED")


class TestThePush:
    def test_backs_off_from_half_a_minute_to_an_hour(self):
        waits = [commands.back_off(attempts=n).total_seconds() for n in range(1, 10)]

        assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]

    def test_hints_each_phone_once_and_not_again_before_its_time(self, noon, carried):
        block(carried.card, noon)
        unblock(carried.card, noon)

        assert commands.push_due(at=noon) == [carried.device.reference]
        assert commands.push_due(at=noon + timedelta(seconds=29)) == []
        assert commands.push_due(at=noon + timedelta(seconds=30)) == [carried.device.reference]

    def test_1_11_gives_up_after_24_hours_with_an_alert_that_names_the_exposure(
        self, noon, carried
    ):
        block(carried.card, noon)
        at, attempts = noon, 0
        while at < noon + timedelta(hours=24):
            attempts += len(commands.push_due(at=at))
            at = OtaCommand.objects.get().next_attempt_at

        assert states() == ["PENDING"]
        assert commands.push_due(at=at) == []
        alert = Alert.objects.get(kind="ota_undelivered")
        assert states() == ["UNDELIVERED"]
        assert attempts == 30
        assert alert.tenant == carried.card.issuer.reference
        assert "200,000 KRW" in alert.detail

    def test_keeps_trying_at_every_contact_and_clears_the_alert(self, noon, carried):
        block(carried.card, noon)
        late = noon + timedelta(hours=25)
        commands.push_due(at=late)

        (command,) = waiting(carried, late)
        carried.obey(command, late)

        assert states() == ["APPLIED"]
        assert Alert.objects.get().cleared_at == late

    def test_reaches_nobody_when_nobody_has_the_card(self, noon):
        block(made.card(at=noon), noon)

        assert commands.push_due(at=noon) == []
        assert not OtaCommand.objects.exists()

    def test_takes_the_same_queries_for_one_and_for_many(self, noon, django_assert_num_queries):
        programme = made.programme(at=noon)
        for _ in range(4):
            block(made.credential(of=made.card(of=programme, at=noon), at=noon).card, noon)

        with django_assert_num_queries(5):
            assert len(commands.push_due(at=noon)) == 4
        with django_assert_num_queries(7):
            commands.push_due(at=noon + timedelta(hours=25))

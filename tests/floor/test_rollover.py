"""A new signing key is announced before it signs, by a command that leaves its trace."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from config import devices, keys, rollover
from config.audit import SYSTEM
from config.models import Audit, PublicKey
from config.models.keys import PLATFORM
from config.refusals import NotFound
from config.wire import b64, cose
from config.wire.keys import kid_of
from tests.factories import issuers
from tests.factories.merchants import enrolled

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def announce(holder, *, at, begins=None, urgent=False):
    return rollover.announce(holder=holder, begins=begins, urgent=urgent, actor=SYSTEM, at=at)


@pytest.fixture
def at():
    return timezone.now()


@pytest.fixture(params=["platform", "issuer"])
def holder(request, at):
    if request.param == "issuer":
        return issuers.issuer().reference
    keys.current(holder=PLATFORM, at=at)
    return PLATFORM


class TestAnnouncing:
    def test_the_old_key_signs_until_the_new_one_begins(self, holder, at):
        old = keys.current(holder=holder, at=at)

        new = announce(holder, at=at)

        assert new.active_from == at + rollover.LEAD
        assert keys.current(holder=holder, at=new.active_from - timedelta(seconds=1)) == old
        assert keys.current(holder=holder, at=new.active_from) == new
        assert set(keys.trusted(holder=holder, at=new.active_from)) == {old, new}

    def test_the_trust_list_carries_it_at_once(self, holder, at):
        new = announce(holder, at=at)

        listed = devices.trust_list(at=at)
        entries = listed["platform"] if holder == PLATFORM else listed["issuers"]
        assert b64.encode(bytes(new.public_key)) in [entry["public_key"] for entry in entries]

    def test_an_enrolment_tells_an_issuers_next_key_too(self, at):
        issuer = issuers.issuer().reference
        new = announce(issuer, at=at)

        told = devices.first_trust(at=at)["issuers"]

        assert {"issuer": issuer, "public_key": b64.encode(bytes(new.public_key))} in told

    def test_is_audited_under_its_tenant(self, holder, at):
        new = announce(holder, at=at)

        row = Audit.objects.get(action="key.roll")
        assert (row.subject, row.tenant) == (new.name, "" if holder == PLATFORM else holder)
        assert row.after["kid"] == b64.encode(bytes(new.kid))


class TestRefusals:
    def test_a_key_that_devices_could_not_have_heard_of(self, holder, at):
        soon = at + rollover.LEAD - timedelta(seconds=1)

        with pytest.raises(rollover.KeyTooSoon):
            announce(holder, at=at, begins=soon)

        assert announce(holder, at=at, begins=soon, urgent=True).active_from == soon

    def test_a_beginning_in_the_past(self, holder, at):
        with pytest.raises(rollover.KeyInThePast):
            announce(holder, at=at, begins=at - timedelta(seconds=1), urgent=True)

    def test_a_second_one_before_the_first_has_begun(self, holder, at):
        announce(holder, at=at)

        with pytest.raises(rollover.KeyWaiting):
            announce(holder, at=at)

    def test_but_an_urgent_one_takes_the_place_of_the_one_that_waits(self, holder, at):
        old, waiting = keys.current(holder=holder, at=at), announce(holder, at=at)

        new = announce(holder, at=at + DAY, begins=at + 2 * DAY, urgent=True)

        assert keys.current(holder=holder, at=at + 2 * DAY) == new
        assert keys.current(holder=holder, at=waiting.active_from + DAY) == new
        assert set(keys.trusted(holder=holder, at=at + DAY)) == {old, new}
        assert new.name != waiting.name
        told = Audit.objects.filter(action="key.roll").latest("pk")
        assert told.before["withdrawn"] == [b64.encode(bytes(waiting.kid))]

    def test_a_withdrawn_one_is_in_nobodys_way(self, holder, at):
        announce(holder, at=at)
        announce(holder, at=at + DAY, begins=at + DAY, urgent=True)

        assert announce(holder, at=at + 2 * DAY).active_from == at + 2 * DAY + rollover.LEAD

    @pytest.mark.parametrize("withdrawn", [True, False])
    def test_the_database_lets_no_key_be_withdrawn_that_began(self, holder, at, withdrawn):
        key = keys.current(holder=holder, at=at)
        told = {"active_until": key.active_from}

        with pytest.raises(IntegrityError), transaction.atomic():
            PublicKey.objects.filter(pk=key.pk).update(
                **told, withdrawn_at=key.active_from if withdrawn else None
            )

    def test_a_holder_nobody_knows(self, at):
        with pytest.raises(NotFound):
            announce("ISS-NOBODY", at=at)


class TestWhoSigns:
    def kid(self, *, at, kid=None):
        reader, _key = enrolled(kind="READER")
        document = devices.configuration(device=reader, at=at, kid=kid)
        return cose.parse(b64.decode(document["signed"])).kid

    def test_the_key_the_device_knows_signs_while_it_is_trusted(self, at):
        old = keys.current(holder=PLATFORM, at=at)
        new = announce(PLATFORM, at=at, begins=at, urgent=True)

        assert self.kid(at=at, kid=bytes(old.kid)) == bytes(old.kid)
        assert self.kid(at=at, kid=bytes(new.kid)) == self.kid(at=at) == bytes(new.kid)

    def test_an_ended_or_foreign_or_unborn_key_does_not(self, at):
        issuer = issuers.issuer()
        ended = keys.current(holder=PLATFORM, at=at)
        now = announce(PLATFORM, at=at, begins=at, urgent=True)
        unborn = announce(PLATFORM, at=at)
        PublicKey.objects.filter(pk=ended.pk).update(active_from=at - DAY, active_until=at)
        foreign = keys.current(holder=issuer.reference, at=at)

        asked = [bytes(key.kid) for key in (ended, foreign, unborn)]
        assert [self.kid(at=at, kid=kid) for kid in [*asked, bytes(8)]] == [bytes(now.kid)] * 4


class TestTheCommand:
    def told(self, *words):
        out, status = StringIO(), 0
        try:
            call_command("keys_roll", *words, "--json", stdout=out)
        except SystemExit as ended:
            status = ended.code
        return json.loads(out.getvalue()), status

    def test_says_what_begins_when(self):
        issuer = issuers.issuer().reference

        answer, status = self.told("--holder", issuer)

        assert status == 0
        assert set(answer) == {"holder", "key", "public_key", "from", "until"}
        row = PublicKey.objects.get(name=answer["key"])
        assert kid_of(b64.decode(answer["public_key"])) == bytes(row.kid)
        assert Audit.objects.get(action="key.roll").actor_kind == "COMMAND"

    def test_refuses_with_a_code(self):
        issuer = issuers.issuer().reference
        tomorrow = (timezone.now() + timedelta(days=1)).isoformat()

        answer, status = self.told("--holder", issuer, "--from", tomorrow)

        assert (answer["error"]["code"], status) == ("key_too_soon", 1)
        assert self.told("--holder", issuer, "--from", tomorrow, "--urgent")[1] == 0

    @pytest.mark.parametrize("time", ["tomorrow", "2026-11-23T10:00:00"])
    def test_takes_only_times_with_their_zone(self, time):
        with pytest.raises(CommandError):
            call_command("keys_roll", "--holder", PLATFORM, "--from", time)

"""The trust list: windows, keys that roll, and no way back (protocol section 3)."""

import httpx
import pytest

from config.wire import b64
from config.wire.errors import WireError
from config.wire.keys import kid_of
from config.wire.trust import (
    CLOCK_GRACE_S,
    PLATFORM,
    RENEW_EVERY_S,
    Outdated,
    TrustedKey,
    TrustList,
    Untrusted,
)
from merchants.devices.portal import ReaderPortal
from merchants.devices.reader import ForeignConfig
from merchants.devices.rules import Approved, Declined, Reason
from tests.devices import configs
from tests.devices.parties import DAY, ISSUER, NOON, Disk, answer, judge
from tests.devices.portals import Portal, session_for
from wallets.devices.credential import CardRefused, Refusal
from wallets.devices.portal import PhonePortal

WEEK = 7 * DAY


@pytest.fixture
def of_reader(reader):
    """The reader's portal, with what answers at the other end."""
    portal = Portal(reader.key.public)
    return ReaderPortal(session=session_for(portal, reader.key), reader=reader), portal


class TestWindows:
    def test_a_key_holds_from_a_little_before_its_beginning_to_its_end(self, world):
        key = world.new_key()
        held = TrustList(
            keys=[TrustedKey(holder=ISSUER, public_key=key.public, since=NOON, until=NOON + DAY)]
        )
        signed = world.blacklist(version=1, additions=[], signer=key)

        for at in (NOON - CLOCK_GRACE_S, NOON + DAY - 1):
            assert held.key_for(holder=ISSUER, signed=signed, at=at) == key.public
        for at in (NOON - CLOCK_GRACE_S - 1, NOON + DAY):
            with pytest.raises(Untrusted):
                held.key_for(holder=ISSUER, signed=signed, at=at)

    def test_one_holders_key_is_not_anothers(self, world):
        signed = world.blacklist(version=1, additions=[], signer=world.platform)

        with pytest.raises(Untrusted):
            world.trusted.key_for(holder=ISSUER, signed=signed, at=NOON)

    def test_the_state_brings_all_of_it_back(self, world):
        again = TrustList.from_state(world.trusted.to_state())

        assert again.to_state() == world.trusted.to_state()
        assert (again.issued_at, again.holders) == (NOON, [ISSUER])


class TestWhatToAskFor:
    def test_an_enrolments_list_is_due_at_once_and_a_fetched_one_after_six_hours(self, world):
        first = TrustList.of_enrolment(platform_key=b64.encode(world.platform.public), issuers=[])

        assert first.is_due(at=NOON)
        assert not world.trusted.is_due(at=NOON + RENEW_EVERY_S - 1)
        assert world.trusted.is_due(at=NOON + RENEW_EVERY_S)

    def test_the_newest_platform_key_that_has_begun_is_named(self, world):
        newer, later = world.new_key(), world.new_key()
        windows = [(world.platform, 0), (newer, NOON - 1), (later, NOON + 1)]
        held = TrustList(
            keys=[
                TrustedKey(holder=PLATFORM, public_key=key.public, since=since)
                for key, since in windows
            ]
        )

        assert held.config_path(at=NOON) == f"/device/config?key={b64.encode(kid_of(newer.public))}"

    def test_who_knows_none_asks_for_the_current_ones(self):
        assert TrustList().config_path(at=NOON) == "/device/config"


class TestRollOver:
    """Old and new key of the issuer and of the platform, and not one good card refused."""

    @pytest.fixture
    def newer(self, world):
        """The keys that take over in a week, announced now: (platform, issuer)."""
        return world.new_key(), world.new_key()

    def announced(self, world, newer, *, at=NOON, signer=None):
        platform, issuer = newer
        return configs.document(
            signer=signer or world.platform,
            platform=[(world.platform, 0), (platform, NOON + WEEK)],
            issuer=[(world.issuer, 0), (issuer, NOON + WEEK)],
            at=at,
        )

    def test_certificates_of_both_issuer_keys_pay(self, world, newer, reader):
        reader.configure(document=self.announced(world, newer), at=NOON)
        after = NOON + WEEK
        reader.confirm_blacklist(issuer=ISSUER, at=after)
        life = {
            "issued": after - DAY,
            "expires": after + DAY,
            "profile": {"contact_by": after + DAY},
        }

        old = judge(reader, world.card(**life), at=after)
        new = judge(reader, world.card(**life, signer=newer[1]), at=after)
        forged = judge(reader, world.card(**life, signer=world.new_key()), at=after)

        assert isinstance(old, Approved)
        assert isinstance(new, Approved)
        assert forged == Declined(Reason.CERTIFICATE_INVALID)

    def test_without_the_announcement_the_new_certificate_is_refused(self, world, newer, reader):
        """The negative control: it is the announcement that makes the roll-over smooth."""
        assert judge(reader, world.card(signer=newer[1])) == Declined(Reason.CERTIFICATE_INVALID)

    def test_lists_of_both_issuer_keys_are_taken(self, world, newer, reader):
        reader.configure(document=self.announced(world, newer), at=NOON)
        old = world.blacklist(version=1, additions=[3])
        new = world.blacklist(version=2, additions=[3, 4], signer=newer[1])

        for data in (old, new):
            reader.apply_blacklist(data=data, at=NOON + WEEK)

        assert reader.known.lists.version(issuer=ISSUER) == 2

    def test_readers_certified_by_both_platform_keys_are_genuine(self, world, newer, phone):
        card = world.put_card(phone)
        phone.configure(document=self.announced(world, newer), at=NOON)
        old, new = world.reader(), world.reader()
        new.certificate = world.reader_certificate(key=new.key, signer=newer[0])
        at = NOON + WEEK - CLOCK_GRACE_S
        new_challenge = new.new_challenge(amount_minor=1, currency="KRW", at=at)

        assert answer(old, phone, card)
        offer = phone.examine(certificate=new.certificate, challenge=new_challenge, at=at)

        assert offer.merchant_name == "Kim's Bakery"

    def test_a_reader_forged_by_nobodys_key_is_not(self, world, newer, phone):
        card = world.put_card(phone)
        phone.configure(document=self.announced(world, newer), at=NOON)
        forged = world.reader()
        forged.certificate = world.reader_certificate(key=forged.key, signer=world.new_key())

        with pytest.raises(CardRefused) as refused:
            answer(forged, phone, card)

        assert refused.value.code is Refusal.READER_UNTRUSTED

    def test_who_slept_through_it_takes_the_new_keys_on_the_old_ones_word(
        self, world, newer, reader, of_reader
    ):
        client, portal = of_reader
        after = NOON + 2 * WEEK
        listed = world.blacklist(version=1, additions=[7], signer=newer[1])

        def said(request):
            if request.url.path.endswith("/device/config"):
                known = request.url.params["key"]
                assert known == b64.encode(kid_of(world.platform.public))
                return httpx.Response(200, json=self.announced(world, newer, at=after))
            return httpx.Response(200, content=listed)

        portal.answer = said
        client.refresh_blacklist(issuer=ISSUER, at=after)

        assert [request.url.path.rpartition("/")[2] for request in portal.requests] == [
            ISSUER,
            "config",
            ISSUER,
        ]
        assert reader.known.lists.has(issuer=ISSUER, list_number=7)

    def test_a_new_platform_key_does_not_vouch_for_itself(self, world, newer, reader):
        with pytest.raises(Untrusted):
            reader.configure(
                document=self.announced(world, newer, at=NOON + WEEK, signer=newer[0]),
                at=NOON + WEEK,
            )

    def test_lists_bring_the_configuration_along_when_it_is_due(self, world, newer, of_reader):
        client, portal = of_reader
        at = NOON + RENEW_EVERY_S
        sound = httpx.Response(200, json=self.announced(world, newer, at=at))
        portal.answers = [sound, httpx.Response(204), httpx.Response(204)]

        client.refresh_blacklists(at=at)
        client.refresh_blacklists(at=at)

        asked = [request.url.path.rpartition("/")[2] for request in portal.requests]
        assert asked == ["config", ISSUER, ISSUER]


class TestNoWayBack:
    def config(self, world, *, at, signer=None, **changes):
        return configs.document(
            signer=signer or world.platform,
            platform=[(world.platform, 0)],
            issuer=[(world.issuer, 0)],
            at=at,
            **changes,
        )

    def test_an_older_configuration_is_refused_and_the_newer_limits_stay(self, world, reader):
        generous = {"limits": {"KRW": {"floor": 9_000_000, "unsent": 9_000_000}}}
        reader.configure(document=self.config(world, at=NOON + 60), at=NOON + 60)

        with pytest.raises(Outdated):
            reader.configure(document=self.config(world, at=NOON + 59, **generous), at=NOON + 60)

        assert reader.known.limits.floor_minor == {"KRW": 50_000}

    def test_the_same_one_again_changes_nothing(self, world, reader):
        for _ in range(2):
            reader.configure(document=self.config(world, at=NOON + 60), at=NOON + 60)

        assert reader.known.trusted.issued_at == NOON + 60

    def test_a_restart_does_not_forget_how_new_it_was(self, world):
        disk = Disk()
        world.reader(disk=disk).configure(document=self.config(world, at=NOON + 60), at=NOON)

        with pytest.raises(Outdated):
            world.reader_again(disk).configure(document=self.config(world, at=NOON), at=NOON)

    def test_a_phone_does_not_go_back_either(self, world, phone):
        phone.configure(document=self.config(world, at=NOON + 60), at=NOON)

        with pytest.raises(Outdated):
            phone.configure(document=self.config(world, at=NOON), at=NOON)

    def test_another_readers_configuration_is_refused(self, world, reader):
        with pytest.raises(ForeignConfig):
            reader.configure(document=self.config(world, at=NOON, device="DEV-OTHER"), at=NOON)

    def test_limits_signed_by_an_issuer_are_refused(self, world, reader):
        before = reader.known.limits

        with pytest.raises(WireError):
            reader.configure(document=self.config(world, at=NOON, signer=world.issuer), at=NOON)

        assert reader.known.limits == before

    def test_what_stands_around_the_signed_part_counts_nothing(self, world, reader):
        told = self.config(world, at=NOON) | {"limits": {}, "trust": {}}

        reader.configure(document=told, at=NOON)

        assert reader.known.limits.floor_minor == {"KRW": 50_000}


def test_limits_of_a_configuration_bind_the_next_tap(world, reader, card):
    tight = configs.document(
        signer=world.platform,
        platform=[(world.platform, 0)],
        issuer=[(world.issuer, 0)],
        limits={"KRW": {"floor": 9_999, "unsent": 5_000_000}},
    )
    reader.configure(document=tight, at=NOON)

    assert judge(reader, card, amount=10_000) == Declined(Reason.AMOUNT_OVER_CAP)
    assert isinstance(judge(reader, card, amount=9_999), Approved)


class TestThePhone:
    """A phone keeps its list young by itself: a command or a card may come under a new key."""

    def test_the_list_comes_before_commands_when_it_is_due(self, world, phone):
        portal = Portal(phone.device_key.public)
        client = PhonePortal(session=session_for(portal, phone.device_key), phone=phone)
        nothing = httpx.Response(200, json={"commands": [], "next": 0})
        at = NOON + RENEW_EVERY_S
        sound = configs.answer(
            signer=world.platform,
            platform=[(world.platform, 0)],
            issuer=[(world.issuer, 0)],
            at=at,
        )
        portal.answers = [nothing, sound, nothing, nothing]

        for later in (NOON, at, at):
            client.pull_commands(at=later)

        asked = [request.url.path.rpartition("/")[2] for request in portal.requests]
        assert asked == ["commands", "config", "commands", "commands"]

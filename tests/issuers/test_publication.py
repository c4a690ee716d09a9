"""Versions and files over histories: whatever a reader fetches, it ends with the issuer's set."""

import random
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from config import keys
from config.audit import SYSTEM
from issuers.models import BlacklistFile, BlacklistVersion, Card, Credential, ListedNumber
from issuers.services import blacklist
from issuers.services.blacklist import files, numbers
from issuers.wire import BlacklistFile as WireFile
from issuers.wire import rice
from issuers.wire.held import HeldBlacklist
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def fetched(held, issuer, at):
    """Let a reader that holds ``held`` poll once; return the file it got, None when current."""
    download = blacklist.file_for(issuer=issuer, have=held.version, at=at)
    if download.content is None:
        return None
    key = keys.signer(holder=issuer.reference, at=at).public
    file = WireFile.open(download.content, public_key=key)
    held.apply(file)
    return file


def should_be_listed(at):
    """Return the numbers of blocked cards whose certificates live, read off the cards alone."""
    alive = Credential.objects.filter(card__state=Card.State.BLOCKED, expires_at__gt=at)
    return sorted(alive.values_list("list_number", flat=True))


class History:
    """A seeded story of blocks, unblocks, new certificates and expiries at one issuer."""

    def __init__(self, seed, at):
        self.draw, self.at = random.Random(seed), at
        self.issuer = made.issuer(at=at)
        programme = made.programme(of=self.issuer, at=at)
        self.cards = [
            made.card(of=programme, balance_minor=10**9, at=at)
            for _ in range(self.draw.randint(2, 7))
        ]
        self.readers = [HeldBlacklist() for _ in range(3)]

    def step(self):
        card = Card.objects.get(pk=self.draw.choice(self.cards).pk)
        act = self.draw.choice(["toggle", "toggle", "toggle", "certify", "wait", "publish", "poll"])
        if act == "toggle":
            self.toggle(card)
        elif act == "certify":
            made.credential(of=card, at=self.at)
        elif act == "wait":
            self.at += timedelta(hours=self.draw.choice([1, 30, 90]))
        elif act == "publish":
            blacklist.publish(issuer=self.issuer, at=self.at)
        else:
            fetched(self.draw.choice(self.readers), self.issuer, self.at)

    def toggle(self, card):
        if card.state == Card.State.BLOCKED:
            blacklist.unblock(card=card, at=self.at, actor=SYSTEM)
        else:
            blacklist.block(card=card, reason="LOST", at=self.at, actor=SYSTEM)

    def settle(self):
        """Publish what waits; return the numbers of a reader that starts from nothing."""
        blacklist.publish(issuer=self.issuer, at=self.at)
        fresh = HeldBlacklist()
        fetched(fresh, self.issuer, self.at)
        return list(fresh)


@pytest.mark.parametrize("seed", range(12))
def test_every_reader_ends_with_the_issuers_set(seed, noon):
    history = History(seed, noon)

    for _ in range(50):
        history.step()
    full = history.settle()

    assert full == should_be_listed(history.at)
    for reader in history.readers:
        fetched(reader, history.issuer, history.at)
        assert list(reader) == full


@pytest.mark.parametrize("seed", range(4))
def test_versions_strictly_rise_and_each_digest_is_that_of_its_full_list(seed, noon):
    history = History(seed, noon)

    for _ in range(40):
        history.step()
        blacklist.publish(issuer=history.issuer, at=history.at)

    versions = list(BlacklistVersion.objects.order_by("pk"))
    assert [v.version for v in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        listed = numbers.ascending(files._come(version, 0))
        assert (len(listed), rice.digest(listed)) == (version.entries, bytes(version.digest))


@pytest.mark.parametrize("seed", range(4))
def test_a_delta_from_any_version_leads_to_the_newest(seed, noon):
    history = History(seed, noon)
    for _ in range(40):
        history.step()
        blacklist.publish(issuer=history.issuer, at=history.at)
    versions = list(BlacklistVersion.objects.order_by("version"))

    for version in versions[:-1]:
        base = numbers.ascending(files._come(version, 0)).tolist()
        held = HeldBlacklist.holding(
            issuer=history.issuer.reference, version=version.version, numbers=base
        )
        fetched(held, history.issuer, history.at)
        assert list(held) == should_be_listed(history.at)


class TestANumber:
    def test_of_a_reissued_card_is_never_refused_for_its_forerunner(self, noon):
        card, (device, _) = made.card(at=noon), made.phone()
        older = made.credential(of=card, device=device, at=noon)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        blacklist.publish(issuer=card.issuer, at=noon)
        successor = made.credential(of=made.card(of=card.programme, at=noon), at=noon)

        held = HeldBlacklist()
        fetched(held, card.issuer, noon)

        assert older.list_number in held
        assert successor.list_number not in held

    def test_leaves_when_its_certificate_has_ended(self, noon):
        credential = made.credential(at=noon)
        blacklist.block_and_publish(card=credential.card, reason="LOST", at=noon, actor=SYSTEM)

        early = blacklist.publish(
            issuer=credential.issuer, at=credential.expires_at - timedelta(seconds=1)
        )
        version = blacklist.publish(issuer=credential.issuer, at=credential.expires_at)

        assert early is None
        assert (version.version, version.removed, version.entries) == (2, 1, 0)

    def test_that_ends_before_it_was_published_is_never_listed(self, noon):
        credential = made.credential(at=noon)
        blacklist.block(card=credential.card, reason="LOST", at=noon, actor=SYSTEM)

        assert blacklist.publish(issuer=credential.issuer, at=credential.expires_at) is None
        assert not ListedNumber.objects.exists()


class TestAFile:
    def listed(self, noon, count=3):
        programme = made.programme(at=noon)
        for _ in range(count):
            card = made.credential(of=made.card(of=programme, at=noon), at=noon).card
            blacklist.block_and_publish(card=card, reason="LOST", at=noon, actor=SYSTEM)
        return programme.issuer

    def test_is_none_while_nothing_was_ever_listed(self, noon):
        issuer = made.issuer(at=noon)

        for have in (0, 7):
            download = blacklist.file_for(issuer=issuer, have=have, at=noon)
            assert (download.content, download.version) == (None, 0)

    def test_is_none_for_who_is_current(self, noon):
        download = blacklist.file_for(issuer=self.listed(noon), have=3, at=noon)

        assert (download.content, download.version) == (None, 3)

    @pytest.mark.parametrize(("have", "base"), [(0, 0), (1, 1), (2, 2), (4, 0), (99, 0)])
    def test_is_a_delta_for_a_known_version_and_full_for_any_other(self, have, base, noon):
        download = blacklist.file_for(issuer=self.listed(noon), have=have, at=noon)

        assert WireFile.peek(download.content).base == base

    def test_is_full_where_a_delta_would_be_longer(self, noon):
        issuer = self.listed(noon, count=1)
        card = made.card(of=made.programme(of=issuer, at=noon), at=noon)
        for _ in range(120):  # as many numbers, for each phone has its own
            made.credential(of=card, at=noon)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        listed = blacklist.publish(issuer=issuer, at=noon)
        blacklist.unblock(card=card, at=noon, actor=SYSTEM)
        left = blacklist.publish(issuer=issuer, at=noon)
        assert (listed.added, left.removed) == (120, 120)

        assert WireFile.peek(blacklist.file_for(issuer=issuer, have=2, at=noon).content).base == 0

    def test_is_the_same_for_ever(self, noon):
        issuer = self.listed(noon)
        first = blacklist.file_for(issuer=issuer, have=1, at=noon)

        keys.roll(holder=issuer.reference, at=noon)
        again = blacklist.file_for(issuer=issuer, have=1, at=noon + timedelta(hours=1))

        assert again == first

    def test_cannot_be_altered_in_the_database(self, noon):
        issuer = self.listed(noon)
        blacklist.file_for(issuer=issuer, have=0, at=noon)

        with pytest.raises(DatabaseError), transaction.atomic():
            BlacklistFile.objects.update(content=b"")

    def test_is_prepared_before_readers_ask(self, noon, django_assert_num_queries):
        issuer = self.listed(noon)
        assert blacklist.issuers_unprepared() == [issuer]
        blacklist.prepare(issuer=issuer, at=noon)

        assert blacklist.issuers_unprepared() == []
        for have in (0, 2):
            with django_assert_num_queries(2):
                blacklist.file_for(issuer=issuer, have=have, at=noon)


class TestAfterARestore:
    def test_versions_go_on_above_what_readers_report(self, noon):
        card = made.credential(at=noon).card
        blacklist.block_and_publish(card=card, reason="LOST", at=noon, actor=SYSTEM)

        raised = blacklist.raise_versions_above(issuer=card.issuer, floor=40, at=noon, actor=SYSTEM)

        assert (raised.version, raised.entries) == (41, 1)
        held = HeldBlacklist.holding(issuer=card.issuer.reference, version=40, numbers=[7, 8])
        assert fetched(held, card.issuer, noon).base == 0
        assert list(held) == [0]

    def test_nothing_happens_where_the_version_is_above_already(self, noon):
        card = made.credential(at=noon).card
        blacklist.block_and_publish(card=card, reason="LOST", at=noon, actor=SYSTEM)

        assert (
            blacklist.raise_versions_above(issuer=card.issuer, floor=0, at=noon, actor=SYSTEM)
            is None
        )


class TestTheLog:
    def test_notes_what_a_reader_was_given_and_current_polls_once(self, noon):
        card = made.credential(at=noon).card
        blacklist.block_and_publish(card=card, reason="LOST", at=noon, actor=SYSTEM)
        reader, _ = made.phone(kind="READER", owner="MER-1")

        for have in (0, 1, 1):
            blacklist.fetch(device=reader, issuer=card.issuer.reference, have=have, at=noon)

        from issuers.models import BlacklistDownload

        assert [(d.have, d.version) for d in BlacklistDownload.objects.all()] == [(0, 1)]

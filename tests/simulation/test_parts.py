"""The small parts: journals, sabotage, the demo's world."""

import pytest

from config.wire.errors import BadSignature
from issuers.models import Card
from settlement.services import demo, ledger
from settlement.simulation import journal, sabotage
from settlement.simulation.journal import Journal
from tests.conftest import NOON
from tests.devices.parties import World, judge
from wallets.models import Customer
from wallets.wire import OfflineRecord


@pytest.fixture
def shop():
    """A card and a reader that holds one approved record of it."""
    world = World()
    reader, card = world.reader(), world.card()
    judge(reader, card)
    return card, reader.known.store


def test_a_journal_is_read_up_to_its_last_whole_line(tmp_path):
    path = tmp_path / "reader.jsonl"
    Journal(path).note("tap", result="approved", start=1.0, tap=3)
    with path.open("a") as file:
        file.write('{"op":"ta')
    (entry,) = journal.read(path)
    assert (entry["op"], entry["result"], entry["start"], entry["tap"]) == ("tap", "approved", 1, 3)
    assert entry["end"] > entry["start"]


def test_a_long_journal_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_BYTES_MAX", 100)
    path = tmp_path / "reader.jsonl"
    log = Journal(path)
    for number in range(4):
        log.note("tap", result="approved", tap=number)
    assert path.with_name("reader.jsonl.1").exists()
    assert path.stat().st_size < 200


def test_a_tampered_record_is_one_minor_unit_dearer_under_its_old_signature(shop):
    card, store = shop
    honest = store.records[0]
    altered = sabotage.tamper(store=store)
    assert store.records == [altered]
    assert altered.amount_minor == honest.amount_minor + 1
    assert OfflineRecord.peek(altered.record).amount == altered.amount_minor
    with pytest.raises(BadSignature):
        OfflineRecord.open(altered.record, public_key=card.terms.public_key)


def test_a_forged_record_stands_beside_the_honest_one(shop):
    card, store = shop
    honest = store.records[0]
    added = sabotage.forge(store=store, at=honest.at)
    assert store.records == [honest, added]
    with pytest.raises(BadSignature):
        OfflineRecord.open(added.record, public_key=card.terms.public_key)


def test_an_empty_store_cannot_be_harmed(shop):
    _card, store = shop
    store.records.clear()
    assert sabotage.tamper(store=store) is None
    assert sabotage.forge(store=store, at=0) is None


@pytest.mark.django_db
def test_seeding_twice_changes_nothing():
    before = Customer.objects.count(), Card.objects.count()

    first = demo.seed(at=NOON)

    assert (first.customers, first.cards) == (40, 50)
    assert demo.seed(at=NOON) == first
    assert (Customer.objects.count() - before[0], Card.objects.count() - before[1]) == (40, 50)
    assert ledger.check() == []


def test_the_demos_names_are_all_different():
    assert len(set(demo.names())) == demo.CUSTOMERS

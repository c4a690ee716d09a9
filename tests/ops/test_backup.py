"""Backup while batches post, restore elsewhere, and all that a restore refuses."""

import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.utils import timezone
from psycopg import sql

from config import audit, dumps, events, partitions, retention
from config.models import Audit, Event
from issuers.services import blacklist
from settlement.models import Batch, Payment, Transfer
from settlement.services import batches, ledger
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "ops_restored"


def answer(capsys, *words):
    """Run a command; return its object, refused or not."""
    try:
        call_command(*words, "--json")
    except SystemExit:
        return json.loads(capsys.readouterr().out)["error"]
    return json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def own_keys(settings, tmp_path):
    """Keys of this test alone: those of all tests before it would be backed up too."""
    settings.DATA_DIR = tmp_path / "here"


@pytest.fixture
def elsewhere(settings, tmp_path):
    """A way to be in another installation: a fresh database of the server, a fresh data folder."""
    name = f"{connection.settings_dict['NAME']}_{OTHER}"

    def renew():
        connection.close()
        with _server() as server:
            target = sql.Identifier(name)
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(target))
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(target))

    @contextmanager
    def moved():
        here, data = connection.settings_dict["NAME"], settings.DATA_DIR
        renew()
        connection.settings_dict["NAME"] = name
        settings.DATA_DIR = tmp_path / "elsewhere"
        try:
            yield settings.DATA_DIR
        finally:
            connection.close()
            connection.settings_dict["NAME"], settings.DATA_DIR = here, data

    yield moved
    with _server() as server:
        server.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@contextmanager
def _server():
    parameters = connection.get_connection_params()
    with psycopg.connect(
        host=parameters.get("host"),
        port=parameters.get("port"),
        user=parameters.get("user"),
        password=parameters.get("password"),
        dbname="postgres",
        autocommit=True,
    ) as server:
        yield server


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def till(now):
    return factory.till(now=now)


@pytest.fixture
def card(now):
    return factory.card_on_phone(at=now - timedelta(days=1))


@pytest.fixture
def made(till, card, now, tmp_path, capsys):
    """A backup of a shop that took two payments."""
    till.upload(card.sale(till, 3000), card.sale(till, 1000))
    batches.post_waiting(limit=20, at=now)
    events.take_turn()
    audit.record(actor=audit.SYSTEM, action="x", subject_kind="y", subject="z", at=now)
    return answer(capsys, "backup", str(tmp_path / "kept"))


class TestBackupAndRestore:
    def test_while_batches_post_what_returns_is_what_was(
        self, till, card, now, tmp_path, capsys, elsewhere
    ):
        tills = [factory.till(now=now) for _n in range(12)]
        stop, posted = threading.Event(), []

        def post():
            for each in tills:
                each.upload(card.sale(each, 100))
                posted.append(batches.post_waiting(limit=20, at=now))
                events.take_turn()
            stop.set()
            connection.close()

        worker = threading.Thread(target=post)
        worker.start()
        kept = answer(capsys, "backup", str(tmp_path / "kept"))
        worker.join()

        with elsewhere():
            done = answer(capsys, "restore", str(tmp_path / "kept"), "--digest", kept["digest"])

            assert done["ledger_digest"] == kept["ledger_digest"] == ledger.digest()
            assert ledger.check() == []
            assert audit.verify()[1] is None
        assert sum(posted) == len(tills)
        assert Payment.objects.count() == len(tills)

    def test_a_batch_accepted_after_it_is_sent_again_and_posts_once(
        self, made, till, card, now, tmp_path, capsys, elsewhere
    ):
        content = till.batch(card.sale(till, 700))
        till.send(content)
        batches.post_waiting(limit=20, at=now)
        assert Payment.objects.count() == 3

        with elsewhere():
            assert "error" not in answer(capsys, "restore", made["folder"])
            assert Payment.objects.count() == 2
            for _again in range(2):
                till.send(content)
                batches.post_waiting(limit=20, at=now)

            assert Payment.objects.count() == 3
            assert Batch.objects.filter(state="POSTED").count() == 2
            assert Transfer.objects.filter(amount_minor=700).count() == 1
            assert ledger.check() == []

    def test_events_audit_and_keys_are_as_they_were(
        self, made, now, tmp_path, capsys, elsewhere, settings
    ):
        heads = {scope: events.head(scope=scope) for scope in _scopes()}
        keys = _contents(settings.DATA_DIR / "keys")

        with elsewhere() as data:
            answer(capsys, "restore", made["folder"])

            assert heads == {scope: events.head(scope=scope) for scope in heads} != {}
            assert bytes.fromhex(made["audit_head"]) in map(
                bytes, Audit.objects.values_list("hash", flat=True)
            )
            assert Audit.objects.order_by("-id").first().action == "backup.restore"
            assert _contents(data / "keys") == keys != {}
            assert {path.stat().st_mode & 0o777 for path in (data / "keys").iterdir()} == {0o600}

    def test_a_version_a_reader_may_have_is_never_given_out_again(
        self, made, till, card, now, capsys, elsewhere
    ):
        issuer = card.card.issuer
        blacklist.block_and_publish(card=card.card, reason="LOST", at=now, actor=audit.SYSTEM)
        lost = blacklist.fetch(device=till.device, issuer=issuer.reference, have=0, at=now).version

        with elsewhere():
            done = answer(capsys, "restore", made["folder"])

            assert done["blacklist_versions"][issuer.reference] > lost > 0
            again = blacklist.fetch(
                device=till.device, issuer=issuer.reference, have=lost, at=timezone.now()
            )
            assert again.content is not None

    def test_months_that_went_stay_gone_and_those_that_come_are_guarded(
        self, till, now, tmp_path, capsys, elsewhere
    ):
        long_ago, scope = now - timedelta(days=1200), till.merchant.reference
        for at in (long_ago, now):
            events.write(scope=scope, kind="payment.approved", subject="PAY-1", at=at)
        events.take_turn()
        partitions.make_ahead(at=now)
        assert [told.dropped for told in retention.retire(at=now, actor=audit.SYSTEM)] == [True]
        made = answer(capsys, "backup", str(tmp_path / "kept"))

        with elsewhere():
            assert "error" not in answer(capsys, "restore", made["folder"])

            assert (events.floor(scope=scope), events.head(scope=scope)) == (1, 2)
            assert [event.seq for event in events.after(scope=scope, seq=0, limit=9)] == [2]
            assert partitions.make_ahead(at=now) == []
            for partition in ("config_event", partitions.Month.of(now).name("config_event")):
                with pytest.raises(IntegrityError, match="stay"), connection.cursor() as cursor:
                    cursor.execute(f"TRUNCATE {partition}")

    def test_its_times_are_told_and_its_folder_is_its_owners(self, made, tmp_path):
        assert made["seconds"] > 0
        assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
        files = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


class TestRefusals:
    def test_a_database_with_tables(self, made, capsys):
        assert answer(capsys, "restore", made["folder"])["code"] == "database_not_empty"
        assert Payment.objects.count() == 2

    def test_a_place_that_is_taken(self, made, capsys):
        assert answer(capsys, "backup", made["folder"])["code"] == "backup_exists"

    def test_another_installations_keys(self, made, capsys, elsewhere):
        with elsewhere() as data:
            (data / "keys").mkdir(parents=True)
            (data / "keys" / "sealing.key").write_bytes(bytes(32))

            assert answer(capsys, "restore", made["folder"])["code"] == "keys_present"
            assert dumps.is_empty()

    @pytest.mark.parametrize("file", ["database.dump", "keys/platform-1.pem", "manifest.json"])
    def test_a_file_cut_short_or_gone(self, made, tmp_path, capsys, elsewhere, file, settings):
        path = tmp_path / "kept" / file
        if not path.exists():
            path = next((tmp_path / "kept" / "keys").iterdir())
        path.write_bytes(path.read_bytes()[:-1])

        with elsewhere():
            assert answer(capsys, "restore", made["folder"])["code"] == "backup_damaged"
            assert dumps.is_empty()

    def test_a_manifest_of_another_digest(self, made, capsys, elsewhere):
        _rewrite(made, lambda manifest: manifest.update(taken_at=timezone.now().isoformat()))

        with elsewhere():
            told = answer(capsys, "restore", made["folder"], "--digest", made["digest"])

        assert told["code"] == "backup_damaged"

    def test_a_backup_of_another_version(self, made, capsys, elsewhere):
        _rewrite(made, lambda manifest: manifest["migrations"].append("settlement.9999_later"))

        with elsewhere():
            told = answer(capsys, "restore", made["folder"])

        assert told["code"] == "backup_of_another_version"

    @pytest.mark.parametrize(
        ("figure", "false"),
        [
            ("ledger_digest", "00" * 32),
            ("event_heads", {"MER-1": 9}),
            ("audit_head", "11" * 32),
            ("rows", {}),
        ],
    )
    def test_a_statement_that_the_dump_does_not_bear_out(
        self, made, capsys, elsewhere, figure, false
    ):
        _rewrite(made, lambda manifest: manifest["statement"].update({figure: false}))

        with elsewhere() as data:
            told = answer(capsys, "restore", made["folder"])

            assert (told["code"], told["detail"]) == ("restore_differs", figure)
            assert dumps.is_empty()
            assert not (data / "keys").exists()

    def test_after_a_refused_one_the_true_one_goes_in(self, made, capsys, elsewhere):
        with elsewhere():
            manifest = Path(made["folder"], "manifest.json")
            true = manifest.read_bytes()
            _rewrite(made, lambda manifest: manifest["statement"].update(audit_rows=0))
            assert answer(capsys, "restore", made["folder"])["code"] == "restore_differs"
            manifest.write_bytes(true)

            assert "code" not in answer(capsys, "restore", made["folder"])


def _scopes():
    return set(Event.objects.values_list("scope", flat=True))


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _rewrite(made, change):
    path = Path(made["folder"], "manifest.json")
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))

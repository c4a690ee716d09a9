"""Months made ahead, and dropped when they are old and nothing needs them."""

import csv
import gzip
import json
import threading
from datetime import UTC, datetime, timedelta

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from config import audit, events, partitions, retention
from config.models import Audit, Event, EventHead
from config.partitions import Month
from issuers.models import BlacklistDownload
from settlement.models import ExceptionItem, Payment
from settlement.services import batches
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db(transaction=True)
OLD = datetime(2023, 5, 17, 12, tzinfo=UTC)
EVENTS, DOWNLOADS = "config_event", "issuers_blacklistdownload"


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else None


def names(table=EVENTS):
    return {name for (name,) in sql("SELECT relid::text FROM pg_partition_tree(%s)", table)}


def write(at, scope="MER-A", numbered=True):
    event = events.write(scope=scope, kind="payment.approved", subject="PAY-1", at=at)
    if numbered:
        events.take_turn()
    return event


def run(capsys, *words):
    call_command("retention", *words, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def months():
    """Three old months; what the test makes is taken away again, for a flush keeps tables."""
    before = {table: partitions.months_of(table=table) for table in (EVENTS, DOWNLOADS)}
    yield
    for table, known in before.items():
        for month in set(partitions.months_of(table=table)) - set(known):
            sql(f"DROP TABLE {month.name(table)}")


@pytest.fixture
def old(months):
    """Two events of May 2023, one of June and one of now, numbered 1 to 4."""
    for at in (OLD, OLD + timedelta(days=1), OLD + timedelta(days=31), timezone.now()):
        write(at)
    partitions.make_ahead(at=timezone.now())


class TestMonths:
    def test_are_ready_three_ahead(self, db):
        now = Month.of(timezone.now())

        ready = partitions.months_of(table=EVENTS)

        assert {now.plus(n) for n in range(4)} <= set(ready)

    def test_a_row_of_no_month_is_taken_and_told(self, months, caplog):
        from config import tasks

        far = timezone.now() + timedelta(days=900)
        event = write(far)

        assert partitions.strays(table=EVENTS) == 1
        assert Event.objects.get(pk=event.pk).seq == 1
        tasks.make_months()
        assert "1 rows of config_event lie in no month" in caplog.text

    def test_stray_rows_move_to_their_month_when_it_is_made(self, old):
        assert partitions.strays(table=EVENTS) == 0
        assert sql("SELECT count(*) FROM config_event_y2023m05") == [(2,)]
        assert [e.seq for e in events.after(scope="MER-A", seq=0, limit=9)] == [1, 2, 3, 4]

    def test_making_them_twice_makes_nothing(self, old):
        assert partitions.make_ahead(at=timezone.now()) == []

    def test_a_new_month_refuses_what_the_table_refuses(self, old):
        for act in (
            "DELETE FROM config_event_y2023m05",
            "TRUNCATE config_event_y2023m05",
            "UPDATE config_event_y2023m05 SET seq = 9 WHERE seq = 1",
            "INSERT INTO config_event SELECT 9, 'A', 1, 'x', 'y', '2023-06-01', '{}'::jsonb",
        ):
            with pytest.raises(DatabaseError, match=r"(?i)cannot|stay|append|number"):
                sql(act)

    def test_months_end_where_the_next_begins(self):
        december = Month(year=2026, number=12)

        assert december.until == december.plus(1).first == datetime(2027, 1, 1, tzinfo=UTC)
        assert december.plus(-12) == Month(year=2025, number=12)
        assert Month.of(december.until - timedelta(microseconds=1)) == december


class TestNumbersForEver:
    """One number per event and scope, across months and after they are gone."""

    def test_a_number_of_another_month_is_not_given_again(self, old):
        late = write(timezone.now(), numbered=False)

        with pytest.raises(IntegrityError, match="do not follow"), transaction.atomic():
            Event.objects.filter(pk=late.pk).update(seq=1)

    def test_without_the_rule_it_would_be(self, old):
        """The negative control: a unique index sees its own month alone."""
        late = write(timezone.now(), numbered=False)

        with pgtrigger.ignore("config.Event:takes_next_numbers"):
            Event.objects.filter(pk=late.pk).update(seq=1)

        assert Event.objects.filter(scope="MER-A", seq=1).count() == 2

    @pytest.mark.parametrize("seq", [4, 6, 99])
    def test_neither_a_twin_nor_a_gap(self, old, seq):
        late = write(timezone.now(), numbered=False)

        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.filter(pk=late.pk).update(seq=seq)
        events.take_turn()
        assert Event.objects.get(pk=late.pk).seq == 5

    def test_nor_is_the_head_set_back(self, old):
        with pytest.raises(IntegrityError, match="only numbering"), transaction.atomic():
            EventHead.objects.update(seq=0)
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            EventHead.objects.all().delete()

    def test_an_event_is_not_born_with_one(self, old):
        with pytest.raises(IntegrityError, match="numbered after"), transaction.atomic():
            Event.objects.create(scope="MER-B", seq=1, type="x", subject="y", at=timezone.now())

    def test_after_its_month_went_numbers_go_on(self, old):
        retention.retire(at=timezone.now(), actor=audit.SYSTEM)

        write(timezone.now())
        assert events.head(scope="MER-A") == 5


class TestRetention:
    def test_old_months_go_whole_and_the_trail_tells(self, old, capsys):
        told = run(capsys)

        assert [(m["month"], m["dropped"], m["rows"]) for m in told["months"]] == [
            ("2023-05", True, 2),
            ("2023-06", True, 1),
        ]
        assert "config_event_y2023m05" not in names()
        rows = Audit.objects.filter(action="retention.drop").order_by("pk")
        assert [
            (r.subject, r.after["rows"], r.after["first_seq"], r.after["last_seq"]) for r in rows
        ] == [
            ("config_event 2023-05", 2, 1, 2),
            ("config_event 2023-06", 1, 3, 3),
        ]
        assert audit.verify()[1] is None

    def test_a_reader_can_tell_retention_from_loss(self, old):
        assert events.floor(scope="MER-A") == 0

        retention.retire(at=timezone.now(), actor=audit.SYSTEM)

        assert events.floor(scope="MER-A") == 3
        assert [e.seq for e in events.after(scope="MER-A", seq=0, limit=9)] == [4]

    def test_a_rehearsal_changes_nothing(self, old, capsys):
        told = run(capsys, "--dry-run")

        assert [(m["month"], m["dropped"], m["last_seq"]) for m in told["months"]] == [
            ("2023-05", False, 2),
            ("2023-06", False, 3),
        ]
        assert Event.objects.count() == 4
        assert not Audit.objects.exists()

    def test_a_second_run_finds_nothing(self, old, capsys):
        run(capsys)

        assert run(capsys)["months"] == []

    def test_what_is_not_older_than_it_is_kept_stays(self, old, settings):
        at = datetime(2025, 6, 30, 23, 59, tzinfo=UTC)
        assert [str(month) for _table, month in retention.due(at=at)] == ["2023-05"]
        assert [str(month) for _table, month in retention.due(at=at + timedelta(minutes=1))] == [
            "2023-05",
            "2023-06",
        ]

    def test_for_ever_is_an_answer_too(self, old, settings):
        settings.MONTHLY = {label: told | {"months": 0} for label, told in settings.MONTHLY.items()}

        assert retention.due(at=timezone.now()) == []

    def test_a_month_with_events_that_wait_for_a_number_stays(self, old):
        write(OLD, numbered=False)
        partitions.make_ahead(at=timezone.now())

        may, june = retention.retire(at=timezone.now(), actor=audit.SYSTEM)

        assert (may.kept, may.dropped, june.dropped) == ("events without a number", False, True)

    def test_a_month_somebody_reads_stays_until_the_next_run(self, old):
        reads, ended = threading.Event(), threading.Event()

        def reader():
            with transaction.atomic():
                list(Event.objects.all())
                reads.set()
                ended.wait(10)
            connection.close()

        thread = threading.Thread(target=reader)
        thread.start()
        reads.wait(10)
        told = retention.retire(at=timezone.now(), actor=audit.SYSTEM)
        ended.set()
        thread.join()

        assert {verdict.kept for verdict in told} == {"busy"}
        assert Event.objects.count() == 4

    def test_an_archive_holds_the_rows_that_went(self, old, tmp_path, capsys):
        told = run(capsys, "--archive", str(tmp_path / "kept"))

        file = tmp_path / "kept" / "config_event_y2023m05.csv.gz"
        assert told["months"][0]["archive"] == str(file)
        with gzip.open(file, "rt") as unpacked:
            rows = list(csv.DictReader(unpacked))
        assert [(row["scope"], row["seq"]) for row in rows] == [("MER-A", "1"), ("MER-A", "2")]
        assert file.stat().st_mode & 0o777 == 0o600

    def test_what_cannot_be_archived_is_not_dropped(self, old, tmp_path):
        (tmp_path / "file").write_text("no folder")

        with pytest.raises(FileExistsError):
            retention.retire(at=timezone.now(), actor=audit.SYSTEM, archive=tmp_path / "file")

        assert Event.objects.count() == 4


class TestDownloadsStayAsEvidence:
    """The reader got its list in May 2023, and none since."""

    @pytest.fixture
    def card(self, months):
        return factory.card_on_phone(at=timezone.now() - timedelta(days=1))

    @pytest.fixture
    def till(self, card):
        till = factory.till(now=timezone.now())
        self.given(till, card, OLD)
        partitions.make_ahead(at=timezone.now())
        return till

    def given(self, till, card, at):
        BlacklistDownload.objects.create(
            device=till.device, issuer=card.card.issuer, have=0, version=1, at=at
        )

    def verdict(self):
        (told,) = retention.retire(at=timezone.now(), actor=audit.SYSTEM)
        assert told.table == DOWNLOADS
        return told.kept

    def test_they_go_when_nothing_needs_them(self, till):
        assert self.verdict() == ""

    def test_of_a_reader_still_used_its_newest_stays(self, till, card):
        till.upload(card.sale(till, 100))

        assert self.verdict() == "a reader that has had no list since"

    def test_of_one_with_a_newer_list_it_goes(self, till, card):
        till.upload(card.sale(till, 100))
        self.given(till, card, timezone.now() - timedelta(days=300))

        assert self.verdict() == ""

    def test_under_an_open_exception_they_stay(self, till, card):
        till.upload(card.sale(till, 100))
        batches.post_waiting(limit=20, at=timezone.now())
        self.given(till, card, timezone.now() - timedelta(days=300))
        payment = Payment.objects.get()
        with pgtrigger.ignore("settlement.Payment:approved_facts"):
            Payment.objects.filter(pk=payment.pk).update(created_at=OLD + timedelta(days=40))
        item = ExceptionItem.objects.create(
            kind="x", tenant="y", payment=payment, opened_at=timezone.now()
        )

        assert self.verdict() == "an open exception"
        ExceptionItem.objects.filter(pk=item.pk).update(resolved_at=timezone.now())
        assert self.verdict() == ""

    def test_while_taps_may_be_disputed_they_stay(self, till, settings):
        settings.DISPUTE_DAYS = 5000

        assert self.verdict() == "taps of that time may still be disputed"

"""Blacklist imports: rows validated one by one, progress kept with the work."""

import pytest

from config import jobs
from config.audit import SYSTEM
from config.models import Job
from issuers.models import Card
from issuers.services import blacklist, card_files, imports
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def file_of(*rows):
    return "\n".join(["card,reason", *rows]).encode()


def run(job, at):
    while imports.run_chunk(job=job.reference, at=at):
        pass
    job.refresh_from_db()
    return job


def start(source, at, issuer=None):
    return imports.start(source=source, at=at, actor=SYSTEM, issuer=issuer)


class TestAnImport:
    def test_blocks_what_it_names_and_says_what_it_could_not(self, noon):
        programme = made.programme(at=noon)
        good, blocked = (made.card(of=programme, at=noon) for _ in range(2))
        blacklist.block(card=blocked, reason="LOST", at=noon, actor=SYSTEM)
        rows = [
            f"{good.reference},stolen",
            "nonsense!,LOST",
            "",
            f"{blocked.reference},LOST",
            f"{made.card(of=programme, at=noon).reference},BORED",
            f"{good.reference},LOST",
        ]

        job = run(start(file_of(*rows), noon), noon)

        assert (job.state, job.total, job.finished, job.failed) == ("DONE_WITH_ERRORS", 5, 5, 4)
        assert [(e["row"], e["column"], e["code"]) for e in job.errors] == [
            (3, "card", "card_unknown"),
            (5, "card", "card_blocked_already"),
            (6, "reason", "reason_unknown"),
            (7, "card", "card_blocked_already"),
        ]
        assert good.blacklist_entries.get().reason == "STOLEN"

    def test_goes_on_behind_the_last_finished_row_after_a_crash(self, noon, monkeypatch):
        monkeypatch.setattr(imports, "CHUNK", 2)
        programme = made.programme(at=noon)
        cards = [made.card(of=programme, at=noon) for _ in range(5)]
        job = start(file_of(*[f"{card.reference},LOST" for card in cards]), noon)

        assert imports.run_chunk(job=job.reference, at=noon)
        job.refresh_from_db()
        assert (job.state, job.finished) == ("RUNNING", 2)

        assert run(job, noon).state == "DONE"
        assert Card.objects.filter(state="BLOCKED").count() == 5

    def test_stops_when_asked_and_keeps_what_is_done(self, noon, monkeypatch):
        monkeypatch.setattr(imports, "CHUNK", 1)
        programme = made.programme(at=noon)
        cards = [made.card(of=programme, at=noon) for _ in range(2)]
        job = start(file_of(*[f"{card.reference},LOST" for card in cards]), noon)
        imports.run_chunk(job=job.reference, at=noon)

        jobs.cancel(job=job, at=noon, actor=SYSTEM)

        assert run(job, noon).state == "CANCELLED"
        assert Card.objects.filter(state="BLOCKED").count() == 1

    def test_of_an_issuer_knows_no_other_issuers_cards(self, noon):
        card = made.card(at=noon)

        job = run(start(file_of(f"{card.reference},LOST"), noon, made.issuer(at=noon)), noon)

        assert job.errors[0]["code"] == "card_unknown"

    @pytest.mark.parametrize(
        "source", [b"", b"card\nx", b"card,reason\n", b"\xff\xfe", b'card,reason\n"x']
    )
    def test_refuses_what_is_no_such_file(self, source, noon):
        with pytest.raises(card_files.FileMalformed):
            start(source, noon)

        assert not Job.objects.exists()

    def test_refuses_a_file_beyond_the_limit(self, noon):
        with pytest.raises(card_files.FileTooLarge):
            start(b" " * (card_files.BYTES_MAX + 1), noon)

    def test_runs_as_a_task(self, noon):
        from issuers import tasks

        card = made.credential(at=noon).card
        job = start(file_of(f"{card.reference},LOST"), noon)

        tasks.run_imports()

        job.refresh_from_db()
        assert job.state == "DONE"

"""Files of many cards: handed in, worked off, stopped; off the list only with a second person."""

import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError
from django.utils import timezone

from config.models import Audit, Authenticator, Job
from config.roles import Role
from issuers import tasks
from issuers.models import Card, UnblockRequest
from issuers.services import imports, unblocking
from tests.factories.config import code_at
from tests.issuers_portal.scene import add_card

pytestmark = pytest.mark.django_db


def csv(*lines, name="cards.csv"):
    return SimpleUploadedFile(name, "\n".join(lines).encode(), "text/csv")


def hand_in(browser, at, act, *lines, reason="Chargeback settled"):
    told = {"act": act, "file": csv(*lines), "reason": reason}
    return browser.post(at("card-file-add"), told)


@pytest.fixture
def approver(desk):
    return desk(Role.ISSUER_APPROVER)


@pytest.fixture
def blocked(scene, now):
    for number in range(3):
        scene.block(number, at=now)
    return [card.reference for card in scene.cards]


@pytest.fixture
def asked(risk, at, blocked):
    hand_in(risk, at, "unblock", "card", *blocked)
    return UnblockRequest.objects.get()


def code_now():
    """Return the authenticator's code; in the last seconds of a half minute, that of the next."""
    left_s = 30 - timezone.now().timestamp() % 30
    if left_s < 3:
        time.sleep(left_s)
    return code_at(timezone.now())


def agree(browser, at, asked, **changed):
    told = {"list_hash": bytes(asked.list_hash).hex(), "proof": code_now()} | changed
    return browser.post(at("unblock-agree", asked.reference), told)


class TestBlocking:
    def test_a_file_is_worked_off_and_what_failed_is_in_its_error_file(self, scene, risk, at):
        card = scene.cards[0]
        answer = hand_in(risk, at, "block", "card,reason", f"{card.reference},stolen", "x,LOST")
        job = Job.objects.get()
        assert answer.url == at("card-job", job.reference)
        assert "Waiting" in risk.get(answer.url).content.decode()

        tasks.run_imports()

        page = risk.get(answer.url).content.decode()
        assert "Done, with errors" in page
        assert "card_unknown" in page
        errors = b"".join(risk.get(at("card-job-errors", job.reference)).streaming_content)
        assert b"3,card,card_unknown" in errors
        card.refresh_from_db()
        assert card.state == Card.State.BLOCKED

    def test_a_running_job_tells_its_progress_and_is_stopped(
        self, scene, risk, at, now, monkeypatch
    ):
        monkeypatch.setattr(imports, "CHUNK", 1)
        hand_in(risk, at, "block", "card,reason", *[f"{c.reference},LOST" for c in scene.cards])
        job = Job.objects.get()
        imports.run_chunk(job=job.reference, at=now)

        answer = risk.get(at("card-job-state", job.reference))
        state = answer.content.decode()
        assert "1 of 3 rows" in state
        assert "<html" not in state
        assert "HX-Refresh" not in answer.headers
        risk.post(at("card-job-cancel", job.reference))
        tasks.run_imports()

        job.refresh_from_db()
        assert (job.state, job.finished) == ("CANCELLED", 1)
        assert risk.get(at("card-job-state", job.reference)).headers["HX-Refresh"] == "true"

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (["token"], "card,reason"),
            (["card,reason"], "no rows"),
            (["card,reason", "\x00"], "no rows"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_refused_beside_the_form(self, risk, at, lines, said):
        answer = hand_in(risk, at, "block", *lines)
        if answer.status_code == 200:
            assert said in answer.content.decode()
            assert not Job.objects.exists()

    def test_a_file_of_more_than_4_mib_is_refused(self, risk, at):
        answer = hand_in(risk, at, "block", "card,reason", "x" * (4 * 2**20))
        assert "4 MiB" in answer.content.decode()
        assert not Job.objects.exists()


class TestTakingOffTheList:
    def test_b1_insider_bulk_unblock_needs_a_second_person(self, risk, approver, at, asked, scene):
        assert {card.state for card in Card.objects.all()} == {"BLOCKED"}

        answer = agree(approver, at, asked)
        tasks.run_imports()

        asked.refresh_from_db()
        assert answer.url == at("card-job", asked.job.reference)
        assert {card.state for card in Card.objects.filter(issuer=scene.issuer)} == {"ACTIVE"}
        assert asked.job.state == "DONE"
        acts = list(Audit.objects.filter(action__startswith="unblock_request").order_by("pk"))
        assert [act.action for act in acts] == ["unblock_request.make", "unblock_request.agree"]
        assert acts[0].actor != acts[1].actor

    def test_who_asked_cannot_agree(self, risk, at, asked):
        answer = agree(risk, at, asked)

        assert answer.status_code == 422
        assert "Another person" in answer.content.decode()
        assert not Job.objects.exists()

    def test_the_database_refuses_it_too(self, asked, now):
        job = Job.objects.create(
            reference="JOB-X", kind=unblocking.KIND, created_by="1", created_at=now
        )
        with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
            UnblockRequest.objects.update(
                state="AGREED", decided_by=asked.requested_by, decided_at=now, job=job
            )

    def test_without_the_rule_in_the_database_one_person_could(self, asked, now):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "ALTER TABLE issuers_unblockrequest DROP CONSTRAINT unblockrequest_second_person"
            )
        job = Job.objects.create(
            reference="JOB-X", kind=unblocking.KIND, created_by="1", created_at=now
        )
        UnblockRequest.objects.update(
            state="AGREED", decided_by=asked.requested_by, decided_at=now, job=job
        )

    @pytest.mark.parametrize("shown", ["", "zz", "00" * 32])
    def test_another_list_than_the_one_shown_is_refused(self, approver, at, asked, shown):
        assert agree(approver, at, asked, list_hash=shown).status_code == 422
        asked.refresh_from_db()
        assert asked.state == "PENDING"

    def test_the_list_cannot_be_changed_after_it_was_asked_for(self, asked):
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            UnblockRequest.objects.update(cards=asked.cards[:1])

    @pytest.mark.parametrize("shown", ["", "000000"])
    def test_a_second_factor_is_asked_for_at_that_moment(self, approver, at, asked, shown):
        assert agree(approver, at, asked, proof=shown).status_code == 422
        assert not Job.objects.filter(kind=unblocking.KIND).exists()

    def test_a_code_is_not_used_up_by_who_may_not_agree(self, risk, at, asked):
        assert agree(risk, at, asked).status_code == 422
        assert Authenticator.objects.get(user_id=asked.requested_by).last_step == -1

    def test_a_file_with_a_card_that_is_not_blocked_asks_for_nothing(self, scene, risk, at, now):
        scene.block(0, at=now)
        answer = hand_in(
            risk, at, "unblock", "card", scene.cards[0].reference, scene.cards[1].reference, "?"
        )
        assert "Lines 3, 4." in answer.content.decode()
        assert not UnblockRequest.objects.exists()

    def test_it_is_refused_by_the_second_and_withdrawn_by_the_first(
        self, risk, approver, at, asked, blocked
    ):
        risk.post(at("unblock-refuse", asked.reference))
        asked.refresh_from_db()
        assert asked.state == "WITHDRAWN"

        hand_in(risk, at, "unblock", "card", *blocked)
        again = UnblockRequest.objects.latest("pk")
        approver.post(at("unblock-refuse", again.reference), {"reason": "Too many"})
        again.refresh_from_db()
        assert again.state == "REFUSED"
        assert agree(approver, at, again).status_code == 422

    def test_another_issuers_request_is_not_found(self, approver, other, asked):
        url = f"/issuer/{other.issuer.reference}/unblock-requests/{asked.reference}"
        assert approver.get(url).status_code == 404
        assert approver.post(f"{url}/agree").status_code == 404


def test_the_page_of_files_costs_the_same_for_any_number(scene, risk, at, now):
    from tests.issuers_portal.test_query_counts import count

    hand_in(risk, at, "block", "card,reason", "x,LOST")
    count(risk, at("card-file-list"))
    before = count(risk, at("card-file-list"))
    for _number in range(4):
        hand_in(risk, at, "block", "card,reason", "x,LOST")
        card = add_card(scene, at=now)
        scene.block(scene.cards.index(card), at=now)
        hand_in(risk, at, "unblock", "card", card.reference)
    count(risk, at("card-file-list"))  # shows the notice of the last one, and forgets it
    assert count(risk, at("card-file-list")) == before <= 12

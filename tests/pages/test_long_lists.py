"""Lists too long to stream are written as files by a job, for who asked and still may see them."""

import csv
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from config import exported, jobs, tasks
from config.models import Audit, FilePart, Job, Membership
from config.portal import sheets, writing
from config.roles import Role
from tests.pages import house as houses
from tests.pages.house import at_work, text_of

pytestmark = pytest.mark.django_db
LIST = "/merchant/payments"


@pytest.fixture
def house(db):
    return houses.build()


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Four payments are a long list, and a part has one row."""
    monkeypatch.setattr(sheets, "STREAMED_MAX", 3)
    monkeypatch.setattr(sheets, "_CHUNK", 1)
    monkeypatch.setattr(writing, "PART_ROWS", 1)


@pytest.fixture
def owner(house):
    return at_work(house, Role.MERCHANT_OWNER)


@pytest.fixture
def page(owner):
    """The page of a file that waits to be written."""
    answer = owner.get(LIST, {"as": "csv"})
    assert answer.status_code == 302
    return answer.url


def written(at=None):
    """Let a worker write what waits; return the newest job."""
    for waits in jobs.waiting(kind=exported.KIND):
        while writing.write_part(job=waits, at=at or timezone.now()):
            pass
    return Job.objects.filter(kind=exported.KIND).latest("pk")


def job():
    return Job.objects.get(kind=exported.KIND)


def rows_of(answer):
    text = text_of(answer)
    assert text[0] == "\ufeff"
    assert text.count("\ufeff") == 1
    return list(csv.reader(text[1:].splitlines(keepends=True)))


def test_a_long_list_leads_to_its_file_and_that_is_the_same(owner, page, monkeypatch):
    assert "Waiting" in owner.get(page).content.decode()
    assert owner.get(f"{page}/content").status_code == 404
    done = written()
    assert (done.state, done.finished, done.total) == ("DONE", 4, 4)
    assert FilePart.objects.count() == 4
    assert f"{page}/content" in owner.get(page).content.decode()
    assert owner.get(f"{page}/state").headers["HX-Refresh"] == "true"

    answer = owner.get(f"{page}/content")
    assert answer.headers["Content-Disposition"].endswith(f'{done.arguments["name"]}.csv"')
    found = rows_of(answer)
    monkeypatch.setattr(sheets, "STREAMED_MAX", 100)
    assert found == rows_of(owner.get(LIST, {"as": "csv"}))


def test_a_short_one_streams_as_it_did(owner, monkeypatch):
    monkeypatch.setattr(sheets, "STREAMED_MAX", 4)
    assert len(rows_of(owner.get(LIST, {"as": "csv"}))) == 5
    assert not Job.objects.filter(kind=exported.KIND).exists()


def test_it_keeps_the_filter(owner):
    assert len(rows_of(owner.get(LIST, {"q": "2000", "as": "csv"}))) == 2
    sold = owner.get(LIST, {"view": "all", "as": "csv"})
    assert written().arguments["address"] == f"{LIST}?view=all&as=csv"
    assert len(rows_of(owner.get(f"{sold.url}/content"))) == 5


def test_it_says_how_far_it_is_and_a_worker_that_dies_loses_nothing(owner, page):
    for _ in range(2):
        assert writing.write_part(job=job().reference, at=timezone.now())
    assert "2 of 4 rows" in owner.get(f"{page}/state").content.decode()
    tasks.write_files()
    assert len(rows_of(owner.get(f"{page}/content"))) == 5


def test_asked_for_twice_it_is_one_and_nobody_has_more_than_three(owner, page):
    assert owner.get(LIST, {"as": "csv"}).url == page
    for number in range(2):
        assert owner.get(LIST, {"as": "csv", "n": number}).status_code == 302
    assert owner.get(LIST, {"as": "csv", "n": "x"}).status_code == 429
    written()
    assert owner.get(LIST, {"as": "csv", "n": "x"}).status_code == 302


def test_it_stops_and_what_was_written_goes(owner, page):
    writing.write_part(job=job().reference, at=timezone.now())
    owner.post(f"{page}/cancel")
    assert written().state == "CANCELLED"
    assert owner.get(f"{page}/content").status_code == 404
    tasks.forget_expired()
    assert not FilePart.objects.exists()


def test_it_is_gone_after_a_day(owner, page):
    written(timezone.now() - timedelta(hours=24))
    assert "is gone" in owner.get(page).content.decode()
    assert owner.get(f"{page}/content").status_code == 404
    tasks.forget_expired()
    assert not FilePart.objects.exists()


def test_and_not_before(owner, page):
    written(timezone.now() - timedelta(hours=23, minutes=59))
    tasks.forget_expired()
    assert len(rows_of(owner.get(f"{page}/content"))) == 5


def test_another_person_finds_nothing_though_of_the_same_shop(house, page):
    written()
    for role in (Role.MERCHANT_OWNER, Role.PLATFORM_ADMIN):
        other = at_work(house, role)
        for name in ("", "/state", "/content"):
            assert other.get(f"{page}{name}").status_code == 404
        assert other.post(f"{page}/cancel").status_code == 404
        assert page not in other.get(reverse("file-list")).content.decode()


def leave():
    Membership.objects.filter(role=Role.MERCHANT_OWNER).update(ended_at=timezone.now())


def lose_the_right():
    Membership.objects.filter(role=Role.MERCHANT_OWNER).update(role=Role.SPONSOR)


@pytest.mark.parametrize("lose", [leave, lose_the_right])
def test_who_may_not_see_the_list_any_more_gets_no_further(owner, page, lose):
    writing.write_part(job=job().reference, at=timezone.now())
    lose()
    done = written()
    assert (done.state, done.errors[0]["code"]) == ("FAILED", "no_longer_allowed")
    assert FilePart.objects.count() == 1


@pytest.mark.parametrize("lose", [leave, lose_the_right])
def test_nor_the_file_that_was_written(owner, page, lose):
    written()
    lose()
    assert owner.get(f"{page}/content").status_code in (302, 403)


def test_control_without_looking_again_it_is_handed_out(owner, page, monkeypatch):
    written()
    lose_the_right()
    monkeypatch.setattr("config.portal.files.listed_for", lambda _job: None)
    assert owner.get(f"{page}/content").status_code == 200


def test_nor_when_another_role_of_the_person_ended(house, owner, page):
    user = Membership.objects.filter(role=Role.MERCHANT_OWNER).latest("pk").user
    Job.objects.filter(kind=exported.KIND).update(state="CANCELLED")
    second = Membership.objects.create(
        user=user,
        role=Role.SPONSOR,
        tenant_kind="SPONSOR",
        tenant="SPO-1",
        created_at=timezone.now() - timedelta(days=9),
    )
    again = owner.get(LIST, {"as": "csv"}).url
    written()
    Membership.objects.filter(pk=second.pk).update(ended_at=timezone.now())
    assert owner.get(f"{again}/content").status_code == 403


def test_a_file_that_is_cut_says_so(owner, page, monkeypatch):
    monkeypatch.setattr(sheets, "ROWS_MAX", 2)
    monkeypatch.setattr(writing, "ROWS_MAX", 2)
    assert written().finished == 2
    rows = rows_of(owner.get(f"{page}/content"))
    assert (len(rows), rows[-1]) == (4, ["More than 2 rows: narrow the list for the rest."])


def test_asking_and_taking_stand_in_the_audit_trail(owner, page):
    written()
    owner.get(f"{page}/content")
    acts = Audit.objects.filter(action__startswith="file.").order_by("pk")
    assert [(act.action, act.after["path"]) for act in acts] == [
        ("file.ask", LIST),
        ("file.download", f"{page}/content"),
    ]


def test_one_s_files_are_a_list_with_a_file(owner, page):
    written()
    html = owner.get(reverse("file-list")).content.decode()
    assert page in html
    rows = rows_of(owner.get(reverse("file-list"), {"as": "csv"}))
    assert rows[1][2] == "DONE"


def test_a_part_takes_few_queries(page, django_assert_max_num_queries):
    with django_assert_max_num_queries(20):
        writing.write_part(job=job().reference, at=timezone.now())

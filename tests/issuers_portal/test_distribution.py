"""Distribution: sums that agree with what readers were given and phones have applied."""

import re
from datetime import timedelta

import pytest

from issuers.models import BlacklistVersion
from issuers.services import blacklist, commands
from issuers.wire import BlacklistFile

pytestmark = pytest.mark.django_db


def test_bars_count_readers_by_the_version_each_holds(scene, risk, at, now):
    scene.block(0, at=now)
    scene.fetch(0, at=now)
    scene.block(1, at=now)
    scene.fetch(1, at=now)

    context = risk.get(at("distribution")).context

    assert [(bar["label"], bar["value"]) for bar in context["by_version"]] == [
        ("2, current", 1),
        ("1", 1),
    ]
    assert context["share"] == "50.0"


def test_a_reader_that_never_asked_holds_none(scene, risk, at, now):
    scene.block(0, at=now)

    context = risk.get(at("distribution")).context

    assert [(bar["label"], bar["value"]) for bar in context["by_version"]] == [
        ("1, current", 0),
        ("Never had one", 2),
    ]


def test_waiting_commands_are_counted_by_age(scene, risk, at, now):
    for number, ago in enumerate(
        (timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=25))
    ):
        scene.block(number, at=now - ago)
    commands.push_due(at=now)  # the oldest is given up

    context = risk.get(at("distribution")).context

    assert [bar["value"] for bar in context["by_age"]] == [1, 1, 0, 0, 1]
    assert context["waiting"].exposed == [("KRW", 600_000)]


def test_everybody_current_is_said_in_one_sentence(scene, risk, at, now):
    scene.block(0, at=now)
    scene.apply(0, at=now)
    scene.fetch(0, at=now)
    scene.fetch(1, at=now)

    assert "All 2 readers hold version 1" in risk.get(at("distribution")).content.decode()


def test_versions_tell_readers_and_phones_reached(scene, risk, at, now):
    scene.block(0, at=now)
    scene.apply(0, at=now)
    scene.fetch(0, at=now)
    scene.unblock(0, at=now)

    lines = risk.get(at("list-versions")).context["lines"]

    told = [(line["version"].version, line["holding"], line["told"].applied) for line in lines]
    assert told == [(2, 0, 0), (1, 1, 1)]
    assert [line["told"].commands for line in lines] == [1, 1]


def test_a_version_shows_its_changes_its_spread_and_its_neighbours(scene, risk, at, now):
    scene.block(0, at=now - timedelta(hours=1), reason="LOST")
    scene.fetch(0, at=now - timedelta(minutes=50))
    scene.fetch(1, at=now - timedelta(minutes=20))
    scene.unblock(0, at=now)

    answer = risk.get(at("list-version", 1))

    assert answer.context["curve"].half_after == "10 min"
    assert answer.context["curve"].all_after == "40 min"
    assert [reason for _entry, reason in answer.context["changes"]] == ["Lost"]
    body = answer.content.decode()
    assert at("list-version", 2) in body
    assert at("list-version", 0) not in body
    lifted = risk.get(at("list-version", 2)).context["changes"]
    assert [(entry.card_id, entry.added) for entry, _reason in lifted] == [
        (scene.cards[0].pk, False)
    ]


def test_the_signed_file_is_what_readers_get(scene, risk, at, now):
    scene.block(0, at=now)

    answer = risk.get(at("list-version-file", 1))

    given = blacklist.file_for(issuer=scene.issuer, have=0, at=now)
    assert answer.content == given.content
    assert answer["Content-Type"] == "application/cose"
    assert BlacklistFile.peek(answer.content).version == 1


def test_a_file_that_was_never_built_is_not_found(scene, risk, at, now):
    scene.block(0, at=now)
    scene.block(1, at=now)

    assert risk.get(at("list-version-file", 1)).status_code == 404
    assert risk.get(at("list-version-file", 2, query="?base=7")).status_code == 404
    assert risk.get(at("list-version", 3)).status_code == 404


def test_before_the_first_block_there_is_nothing_to_distribute(risk, at):
    assert not BlacklistVersion.objects.exists()
    assert "The first block publishes version 1." in risk.get(at("distribution")).content.decode()
    assert "No version yet" in risk.get(at("list-versions")).content.decode()


def test_the_worst_case_is_readers_behind_times_the_cap_in_force(scene, risk, at, now):
    scene.block(0, at=now)
    assert _worst_case(risk, at) == "2 × 200,000"

    scene.fetch(0, at=now)
    assert _worst_case(risk, at) == "1 × 200,000"


def _worst_case(browser, at):
    page = browser.get(at("list-version", 1)).content.decode()
    _before, told = page.split("Worst case of one copied card", 1)
    words = re.sub(r"<[^>]+>", " ", told.split("</section>")[0])
    return re.search(r"(\d+ ×\D*[\d,]+)", words)[1].replace("₩", "").replace("  ", " ")

"""Undelivered: which command did not get through, and what could still be lost by it."""

from datetime import timedelta

import pytest

from config.roles import Role
from issuers.services import commands

pytestmark = pytest.mark.django_db


def cards(answer):
    return {line.command.card_id for line in answer.context["lines"]}


def test_late_commands_tell_what_could_be_lost(scene, risk, at, now):
    scene.block(0, at=now - timedelta(hours=25))
    commands.push_due(at=now)
    scene.block(1, at=now - timedelta(hours=2))
    scene.block(2, at=now)

    late = risk.get(at("undelivered"))

    assert cards(late) == {scene.cards[0].pk, scene.cards[1].pk}
    assert "400,000 KRW could still be lost" in late.content.decode()
    assert cards(risk.get(at("undelivered", query="?view=undelivered"))) == {scene.cards[0].pk}
    assert len(cards(risk.get(at("undelivered", query="?view=all")))) == 3


def test_an_unblock_that_is_late_loses_nothing(scene, risk, at, now):
    scene.block(0, at=now - timedelta(hours=3))
    scene.apply(0, at=now - timedelta(hours=3))
    scene.unblock(0, at=now - timedelta(hours=2))

    page = risk.get(at("undelivered"))

    assert "Nothing could be lost by these commands." in page.content.decode()
    assert [line.command.exposure_minor for line in page.context["lines"]] == [None]


def test_offering_again_comes_back_here(scene, risk, at, now):
    scene.block(0, at=now - timedelta(hours=2))

    url = at("device-offer", scene.phones[0].reference)
    answer = risk.post(url, {"back": "undelivered"}, follow=True)

    assert answer.redirect_chain == [(at("undelivered"), 302)]
    assert "is asked to take 1 now." in answer.content.decode()


def test_who_may_not_block_is_offered_no_button(scene, desk, at, now):
    scene.block(0, at=now - timedelta(hours=2))
    assert "Offer again" not in desk(Role.ISSUER_AUDITOR).get(at("undelivered")).content.decode()


def test_another_issuers_commands_are_not_listed(scene, other, risk, at):
    assert cards(risk.get(at("undelivered", query="?view=all"))) == set()

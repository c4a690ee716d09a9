"""Block and unblock over plain forms: no script is needed for any of it."""

import pytest
from django.test import Client

from config.models import Audit
from config.roles import Role
from issuers.models import BlacklistVersion, OtaCommand
from tests.factories.config import member, signed_in

pytestmark = pytest.mark.django_db


def test_a_block_publishes_and_shows_its_version(scene, risk, at, now):
    scene.block(1, at=now)
    card = scene.cards[0]

    answer = risk.post(
        at("card-block", card.reference), {"reason": "STOLEN", "note": "Call at noon"}, follow=True
    )

    assert answer.redirect_chain == [(at("blacklist"), 302)]
    line = answer.context["lines"][0]
    assert (line.entry.card.last4, line.reason, line.version) == (card.last4, "Stolen", 2)
    assert f"Card •••• {card.last4} is blocked. Phones told: 1." in answer.content.decode()
    entry = card.blacklist_entries.get()
    assert entry.note == "Call at noon"
    assert Audit.objects.filter(action="blacklist.block", actor=entry.listed_by).exists()


def test_undo_is_one_post_and_is_offered_once(scene, risk, at):
    card = scene.cards[0]
    unblock = at("card-unblock", card.reference)
    undo = f'<form method="post" action="{unblock}">'
    first = risk.post(at("card-block", card.reference), {"reason": "LOST"}, follow=True)
    assert undo in first.content.decode()
    assert undo not in risk.get(at("blacklist")).content.decode()

    answer = risk.post(unblock, follow=True)

    assert f"Card •••• {card.last4} is off the list." in answer.content.decode()
    card.refresh_from_db()
    assert card.state == "ACTIVE"
    assert BlacklistVersion.objects.filter(issuer=scene.issuer).count() == 2


def test_an_unblock_says_whom_the_block_has_reached(scene, risk, at, now):
    scene.block(0, at=now)
    scene.apply(0, at=now)
    scene.fetch(0, at=now)

    body = risk.get(at("card-unblock", scene.cards[0].reference)).content.decode()

    assert "Phones that applied the block: 1 of 1." in body
    assert "Readers that hold version 1, which lists it: 1 of 2." in body


def test_an_unblock_lifts_the_entry_and_tells_the_phone(scene, risk, at, now):
    scene.block(0, at=now)
    card = scene.cards[0]

    risk.post(at("card-unblock", card.reference), {"reason": "Found in a coat"})

    entry = card.blacklist_entries.get()
    assert entry.lifted_at is not None
    assert card.commands.filter(action=OtaCommand.Action.UNBLOCK, state="PENDING").count() == 1
    assert Audit.objects.filter(action="blacklist.unblock", reason="Found in a coat").exists()


def refused(answer, says):
    body = answer.content.decode()
    return answer.status_code == 200 and says in body and "<title>Error:" in body


def test_a_second_block_is_refused_above_the_form(scene, risk, at, now):
    scene.block(0, at=now)

    answer = risk.post(at("card-block", scene.cards[0].reference), {"reason": "LOST"})

    assert refused(answer, "The card is blocked already")


def test_an_unblock_of_an_active_card_is_refused_above_the_form(scene, risk, at):
    answer = risk.post(at("card-unblock", scene.cards[0].reference), {"reason": ""})

    assert refused(answer, "The card is not blocked")


def test_a_reason_that_is_none_is_refused_beside_its_field(scene, risk, at):
    answer = risk.post(at("card-block", scene.cards[0].reference), {"reason": "BORED"})

    assert answer.context["form"].errors.keys() == {"reason"}
    scene.cards[0].refresh_from_db()
    assert scene.cards[0].state == "ACTIVE"


def test_the_search_for_a_card_to_block_asks_by_dialog_or_page(scene, risk, at, now):
    scene.block(1, at=now)
    active, blocked = scene.cards[:2]

    body = risk.get(at("card-find"), {"q": active.reference}).content.decode()

    assert f'href="{at("card-block", active.reference)}" data-dialog="block-{active.pk}"' in body
    assert f'<dialog class="dialog" id="block-{active.pk}"' in body
    other = risk.get(at("card-find"), {"q": blocked.reference}).content.decode()
    assert at("card-block", blocked.reference) not in other


def test_no_card_is_listed_before_something_is_searched_for(scene, risk, at):
    assert risk.get(at("card-find")).context["lines"] == []


def test_a_form_without_its_token_is_refused(scene, at):
    browser = signed_in(
        member(Role.ISSUER_RISK, scene.issuer.reference), Client(enforce_csrf_checks=True)
    )

    answer = browser.post(at("card-block", scene.cards[0].reference), {"reason": "LOST"})

    assert answer.status_code == 403

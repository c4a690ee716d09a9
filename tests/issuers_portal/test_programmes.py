"""Programmes: added with limits, edited, and given new limits from a day on."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from issuers.models import OfflineProfileVersion, Programme

pytestmark = pytest.mark.django_db

LIMITS = {
    "per_payment_cap": "30,000",
    "cumulative_cap": "90,000",
    "unverified_cap": "10,000",
    "lower_uses": "3",
    "upper_uses": "6",
    "contact_days": "2",
}
TERMS = {
    "name": "Student",
    "certificate_rule": "STEP_UP",
    "certificate_days": "5",
    "velocity_count": "12",
    "velocity_minutes": "30",
}


def test_a_programme_is_added_with_its_first_limits(scene, operations, at):
    answer = operations.post(
        at("programme-add"), TERMS | LIMITS | {"kind": "PREPAID", "currency": "KRW"}, follow=True
    )

    made = Programme.objects.get(name="Student")
    assert answer.redirect_chain == [(at("programme", made.reference), 302)]
    assert (made.issuer, made.kind, made.certificate_days) == (scene.issuer, "PREPAID", 5)
    limits = made.profiles.get()
    assert (limits.per_payment_cap_minor, limits.upper_uses) == (30_000, 6)


def test_amounts_are_read_in_the_currency_chosen(operations, at):
    operations.post(
        at("programme-add"), TERMS | LIMITS | {"kind": "DEBIT", "currency": "USD"}, follow=True
    )

    limits = Programme.objects.get(name="Student").profiles.get()
    assert limits.per_payment_cap_minor == 3_000_000


def test_limits_that_contradict_each_other_are_refused(operations, at):
    typed = TERMS | LIMITS | {"kind": "DEBIT", "currency": "KRW", "per_payment_cap": "100,000"}

    answer = operations.post(at("programme-add"), typed)

    assert "A payment&#x27;s cap may not be above the cumulative cap." in answer.content.decode()
    assert not Programme.objects.filter(name="Student").exists()


def test_terms_change_and_kind_stays(scene, operations, at):
    reference = scene.programme.reference

    operations.post(at("programme-edit", reference), TERMS | {"reset_on_posting": "on"})

    scene.programme.refresh_from_db()
    assert (scene.programme.name, scene.programme.certificate_rule) == ("Student", "STEP_UP")
    assert scene.programme.reset_on_posting


def test_new_limits_become_the_next_version_at_once(scene, operations, at):
    reference = scene.programme.reference

    answer = operations.post(at("offline-limits", reference), LIMITS, follow=True)

    assert "Version 2 of the limits is saved." in answer.content.decode()
    states = [(profile.version, mark.label) for profile, mark in answer.context["lines"]]
    assert states == [(2, "In force"), (1, "Past")]


def test_limits_can_wait_for_their_day_in_the_persons_zone(scene, operations, at, now):
    begins = (now + timedelta(days=2)).astimezone(ZoneInfo("Asia/Seoul"))
    typed = LIMITS | {"effective_from": begins.strftime("%Y-%m-%dT%H:%M")}

    answer = operations.post(at("offline-limits", scene.programme.reference), typed, follow=True)

    states = [(profile.version, mark.label) for profile, mark in answer.context["lines"]]
    assert states == [(2, "To come"), (1, "In force")]
    newest = OfflineProfileVersion.objects.get(version=2)
    assert newest.effective_from == begins.replace(second=0, microsecond=0)


def test_limits_cannot_begin_in_the_past(scene, operations, at):
    typed = LIMITS | {"effective_from": "2026-01-01T09:00"}

    answer = operations.post(at("offline-limits", scene.programme.reference), typed)

    assert "Limits cannot change in the past" in answer.content.decode()
    assert OfflineProfileVersion.objects.filter(programme=scene.programme).count() == 1


def test_the_form_starts_from_the_limits_in_use(scene, operations, at):
    body = operations.get(at("offline-limits", scene.programme.reference)).content.decode()

    assert 'value="50,000"' in body
    assert 'value="200,000"' in body


def test_the_list_shows_what_is_in_force(scene, risk, at):
    line = risk.get(at("programme-list")).context["lines"][0]

    assert (line["programme"], line["limits"].version) == (scene.programme, 1)
    assert at("programme-add") not in risk.get(at("programme-list")).content.decode()


def test_online_limits_are_part_of_the_terms(scene, operations, at):
    reference = scene.programme.reference

    operations.post(at("programme-edit", reference), TERMS | {"online_cap": "1,500,000"})

    scene.programme.refresh_from_db()
    assert scene.programme.per_payment_online_cap_minor == 1_500_000
    assert (scene.programme.velocity_count, scene.programme.velocity_window_s) == (12, 1800)
    page = operations.get(at("programme", reference)).content.decode()
    assert "12 within 30 minutes" in page


def test_an_online_cap_of_nothing_is_refused(scene, operations, at):
    answer = operations.post(
        at("programme-edit", scene.programme.reference), TERMS | {"online_cap": "0"}
    )
    assert "at least 1 minor unit" in answer.content.decode()


def test_a_card_has_an_online_limit_of_its_own(scene, operations, at):
    card = scene.cards[0]
    page = operations.get(at("card", card.reference)).content.decode()
    assert at("card-limit", card.reference) in page

    operations.post(at("card-limit", card.reference), {"cap": "70,000", "reason": "Asked by phone"})
    card.refresh_from_db()
    assert card.per_payment_online_cap_minor == 70_000

    wrong = {"cap": "lots", "reason": "Asked by phone"}
    refused = operations.post(at("card-limit", card.reference), wrong).content.decode()
    assert 'href="#id_cap"' in refused
    card.refresh_from_db()
    assert card.per_payment_online_cap_minor == 70_000

    operations.post(at("card-limit", card.reference), {"cap": "", "reason": "No longer"})
    card.refresh_from_db()
    assert card.per_payment_online_cap_minor is None

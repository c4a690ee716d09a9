"""Each page under each role, and what belongs to another issuer."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.models import Job
from config.roles import MATRIX, Right, Role, TenantKind
from config.wire.keys import SigningKey
from issuers.models import CertificateRequest, UnblockRequest
from issuers.portal.urls import urlpatterns
from issuers.services import imports
from tests.factories.config import MembershipFactory

pytestmark = pytest.mark.django_db

SEE_LIST, BLOCK, SEE = Right.SEE_BLACKLIST, Right.BLOCK_CARDS, Right.SEE_CARDS
# What a page asks for; with a second value, what it answers a GET of who may.
PAGES = {
    "issuer-list": (SEE_LIST, 200),
    "authorisation-list": (SEE, 200),
    "blacklist": (SEE_LIST, 200),
    "blacklist-reach": (SEE_LIST, 200),
    "card-find": (BLOCK, 200),
    "card-block": (BLOCK, 200),
    "card-unblock": (BLOCK, 200),
    "distribution": (SEE_LIST, 200),
    "list-versions": (SEE_LIST, 200),
    "list-version": (SEE_LIST, 200),
    "list-version-file": (SEE_LIST, 200),
    "undelivered": (SEE, 200),
    "debts": (SEE, 200),
    "issuer-devices": (SEE, 200),
    "issuer-device": (SEE, 200),
    "device-offer": (BLOCK, 405),
    "card-list": (SEE, 200),
    "card": (SEE, 200),
    "card-issue": (Right.ISSUE_CARDS, 200),
    "card-limit": (Right.ISSUE_CARDS, 200),
    "card-file-list": (SEE_LIST, 200),
    "card-file-add": (BLOCK, 200),
    "card-job": (SEE_LIST, 200),
    "card-job-state": (SEE_LIST, 200),
    "card-job-cancel": (BLOCK, 405),
    "card-job-errors": (SEE_LIST, 200),
    "unblock-request": (SEE_LIST, 200),
    "unblock-agree": (BLOCK, 405),
    "unblock-refuse": (BLOCK, 405),
    "card-wipe": (BLOCK, 200),
    "card-close": (Right.ISSUE_CARDS, 200),
    "device-wipe": (BLOCK, 200),
    "device-unlock": (Right.ISSUE_CARDS, 200),
    "certificate-requests": (SEE, 200),
    "certificate-request-agree": (Right.ISSUE_CARDS, 405),
    "certificate-request-refuse": (Right.ISSUE_CARDS, 200),
    "programme-list": (SEE, 200),
    "programme": (SEE, 200),
    "programme-add": (Right.EDIT_PROGRAMMES, 200),
    "programme-edit": (Right.EDIT_PROGRAMMES, 200),
    "offline-limits": (Right.EDIT_PROGRAMMES, 200),
}


def asking(card, phone):
    """Return the number of a request of ``phone`` for ``card``."""
    asked, _made = CertificateRequest.objects.get_or_create(
        issuer=card.issuer,
        card=card,
        device=phone,
        defaults={"public_key": SigningKey.generate().public, "requested_at": timezone.now()},
    )
    return asked.pk


def handed_in(issuer):
    """Return a job over a file of cards."""
    job, _made = Job.objects.get_or_create(
        reference=f"JOB-{issuer.pk}",
        kind=imports.KIND,
        tenant=issuer.reference,
        defaults={"created_by": "1", "created_at": timezone.now()},
    )
    return job.reference


def asked_for(scene):
    """Return a request to take a card off the list."""
    asked, _made = UnblockRequest.objects.get_or_create(
        reference=f"UBR-{scene.issuer.pk}",
        issuer=scene.issuer,
        defaults={
            "cards": [scene.cards[0].pk],
            "list_hash": bytes(32),
            "reason": "Found again",
            "requested_by": "1",
            "requested_at": timezone.now(),
        },
    )
    return asked.reference


def addresses(scene):
    given = {
        "issuer": scene.issuer.reference,
        "card": scene.cards[0].reference,
        "device": scene.phones[0].reference,
        "programme": scene.programme.reference,
        "version": 1,
        "wish": asking(scene.cards[0], scene.phones[0]),
        "job": handed_in(scene.issuer),
        "asked": asked_for(scene),
    }
    return {
        pattern.name: reverse(
            pattern.name, kwargs={name: given[name] for name in pattern.pattern.converters}
        )
        for pattern in urlpatterns
    }


def test_every_page_has_a_row():
    assert {pattern.name for pattern in urlpatterns} == set(PAGES)


@pytest.mark.parametrize("role", Role)
def test_each_page_answers_a_role_as_the_matrix_says(role, scene, desk, now):
    scene.block(0, at=now)
    browser = desk(role)

    found = {name: browser.get(url).status_code for name, url in addresses(scene).items()}

    assert found == {
        name: answer if right in MATRIX[role] else 403 for name, (right, answer) in PAGES.items()
    }


def test_without_a_sign_in_all_lead_there(scene):
    browser = Client()

    for url in addresses(scene).values():
        assert browser.get(url).url.startswith("/sign-in")


@pytest.mark.parametrize("name", ["card-block", "card-unblock", "device-offer"])
@pytest.mark.parametrize("role", [Role.ISSUER_AUDITOR, Role.PLATFORM_ADMIN])
def test_acts_need_the_right_too(role, name, scene, desk, now):
    scene.block(1, at=now)

    answer = desk(role).post(addresses(scene)[name], {"reason": "LOST"})

    assert answer.status_code == 403
    scene.cards[0].refresh_from_db()
    assert scene.cards[0].state == "ACTIVE"


@pytest.mark.parametrize("role", [Role.ISSUER_RISK, Role.ISSUER_OPERATIONS])
def test_what_is_another_issuers_is_not_there(role, other, desk):
    browser = desk(role)

    found = {name: browser.get(url).status_code for name, url in addresses(other).items()}

    del found["issuer-list"]  # it has no issuer in its address
    assert set(found.values()) <= {403, 404, 405}
    assert found["card"] == found["blacklist"] == found["programme"] == 404


@pytest.mark.parametrize("name", ["card", "card-block", "issuer-device", "programme"])
def test_another_issuers_thing_is_not_found_at_ones_own_address(name, scene, other, risk, at):
    theirs = {
        "card": other.cards[0].reference,
        "card-block": other.cards[0].reference,
        "issuer-device": other.phones[0].reference,
        "programme": other.programme.reference,
    }

    assert risk.get(at(name, theirs[name])).status_code == 404


def test_a_card_id_that_is_none_is_not_found(risk, at):
    assert risk.get(at("card", "not-a-card")).status_code == 404


def test_a_right_elsewhere_opens_nothing_here(scene, other, desk):
    browser = desk(Role.ISSUER_AUDITOR)
    user = browser.session["_auth_user_id"]
    MembershipFactory(
        user_id=user,
        role=Role.ISSUER_RISK,
        tenant_kind=TenantKind.ISSUER,
        tenant=other.issuer.reference,
    )

    assert browser.get(addresses(other)["card-block"]).status_code == 403
    assert browser.get(addresses(other)["blacklist"]).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role.value.startswith("ISSUER")])
def test_no_link_of_a_page_leads_to_a_refusal(role, scene, desk, now):
    scene.block(0, at=now)
    browser = desk(role)
    pages = [url for name, url in addresses(scene).items() if PAGES[name][0] in MATRIX[role]]
    linked = set()
    for url in pages:
        linked |= {
            part.split('"')[0].partition("?")[0]
            for part in browser.get(url).getvalue().decode(errors="ignore").split('href="')[1:]
        }

    refused = {url for url in linked if url.startswith("/issuer/")} - {
        url for url in linked if browser.get(url).status_code != 403
    }

    assert refused == set()

"""The role matrix walked: each page of the floor under each role, and each entry of each menu."""

import pytest
from django.test import Client
from django.urls import reverse

from config.models import Authenticator, Membership
from config.portal import nav
from config.portal.urls import urlpatterns
from config.roles import MATRIX, Right, Role
from tests.factories.config import MembershipFactory, member, signed_in

pytestmark = pytest.mark.django_db

# What a page asks for: nothing, a person, a right; or what it says to who has everything.
OPEN, PERSON = "open", "person"
PAGES = {
    "home": PERSON,
    "sign-in": 302,  # who is signed in has nothing to do there
    "sign-in-code": 302,
    "recovery-code": 302,
    "sign-out": 405,
    "demo-sign-in": 404,  # not the demo
    "password-forgotten": OPEN,
    "password-reset": 410,
    "password-change": PERSON,
    "accept-invitation": 410,
    "second-factor": PERSON,
    "second-factor-link": 405,
    "second-factor-again": 302,  # who has just shown it goes on
    "second-factor-set-up": 410,
    "recovery-codes": PERSON,
    "profile": PERSON,
    "sessions": PERSON,
    "session-end": 405,
    "session-end-others": 405,
    "tenant-switch": 405,
    "staff": Right.INVITE_STAFF,
    "invite": Right.INVITE_STAFF,
    "staff-member": Right.INVITE_STAFF,
    "staff-end": (Right.INVITE_STAFF, 405),
    "staff-reset-factor": (Right.INVITE_STAFF, 405),
    "invitation-withdraw": (Right.INVITE_STAFF, 405),
    "file-list": PERSON,
    "file": 404,  # nobody's
    "file-state": 404,
    "file-content": 404,
    "file-cancel": 405,
    "audit": Right.SEE_AUDIT,
    "mailbox": 404,  # not the demo
    "mail": 404,
    "styleguide": OPEN,
}
WITHOUT_SIGN_IN = {
    "sign-in": 200,
    "password-forgotten": 200,
    "styleguide": 200,
    "sign-out": 405,
    "demo-sign-in": 404,
    "password-reset": 410,
    "accept-invitation": 410,
}


@pytest.fixture(autouse=True)
def not_the_demo(settings):
    settings.DEMO = False


def address(name, membership_id):
    pattern = next(p for p in urlpatterns if p.name == name)
    given = {"token": "no-such-token", "membership_id": membership_id}
    names = pattern.pattern.converters
    return reverse(name, kwargs={key: given.get(key, 1) for key in names})


def expected(asked, role):
    right, allowed = asked if isinstance(asked, tuple) else (asked, 200)
    if isinstance(right, Right):
        return allowed if right in MATRIX[role] else 403
    return right if isinstance(right, int) else 200


def test_every_page_has_a_row():
    assert {pattern.name for pattern in urlpatterns} == set(PAGES)


@pytest.mark.parametrize("role", Role)
def test_each_page_answers_a_role_as_the_matrix_says(role, tenant_of):
    person = member(role, tenant_of(role))
    browser = signed_in(person)
    row = person.memberships.get()

    found = {name: browser.get(address(name, row.pk)).status_code for name in PAGES}

    assert found == {name: expected(asked, role) for name, asked in PAGES.items()}


def test_without_a_sign_in_all_but_the_door_leads_there():
    found = {name: Client().get(address(name, 1)) for name in PAGES}

    told = {
        name: "to sign-in"
        if answer.status_code == 302 and "/sign-in" in answer.url
        else answer.status_code
        for name, answer in found.items()
    }
    assert told == {name: WITHOUT_SIGN_IN.get(name, "to sign-in") for name in PAGES}


@pytest.mark.parametrize("role", Role)
def test_acts_need_the_right_too(role, tenant_of):
    person = member(role, tenant_of(role))
    MembershipFactory(role=Role.MERCHANT_OWNER, tenant=tenant_of(Role.MERCHANT_OWNER))
    other = MembershipFactory(role=role, tenant=tenant_of(role))
    browser = signed_in(person)

    answer = browser.post(reverse("staff-end", args=[other.pk]))

    assert answer.status_code == (302 if Right.INVITE_STAFF in MATRIX[role] else 403)


def test_a_right_at_one_tenant_is_none_at_another(merchant):
    person = member(Role.MERCHANT_OWNER, "MER-ELSEWHERE")
    stranger = MembershipFactory(role=Role.MERCHANT_CASHIER, tenant=merchant.reference)
    browser = signed_in(person)

    assert browser.get(reverse("staff-member", args=[stranger.pk])).status_code == 404
    listed = browser.get(reverse("staff")).context["page"].rows
    assert {row.tenant for row in listed} == {"MER-ELSEWHERE"}


def test_the_role_is_that_of_the_tenant_one_switched_to(merchant, issuer):
    person = member(Role.MERCHANT_OWNER, merchant.reference)
    risk = MembershipFactory(user=person, role=Role.ISSUER_RISK, tenant=issuer.reference)
    browser = signed_in(person)
    assert browser.get(reverse("staff")).status_code == 200

    browser.post(reverse("tenant-switch"), {"membership": risk.pk})

    assert browser.get(reverse("staff")).status_code == 403
    assert browser.get(reverse("audit")).status_code == 200


def test_nobody_switches_to_where_one_does_not_work(merchant):
    browser = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
    foreign = MembershipFactory(role=Role.PLATFORM_ADMIN)

    answer = browser.post(reverse("tenant-switch"), {"membership": foreign.pk})

    assert answer.status_code == 404


@pytest.mark.parametrize("role", Role)
def test_whatever_a_menu_shows_opens(role, tenant_of, settings, whole_house):
    settings.DEMO = True
    person = member(role, tenant_of(role))
    browser = signed_in(person)
    shown = nav.groups(user=person, membership=person.memberships.get(), path="/")

    asked = [item.url for group in shown for item in group.items]
    found = {url: browser.get(url, follow=True).status_code for url in asked}

    assert found == dict.fromkeys(asked, 200)


@pytest.mark.parametrize("role", Role)
def test_the_first_page_of_each_role_takes_few_queries(
    role, tenant_of, whole_house, django_assert_max_num_queries
):
    browser = signed_in(member(role, tenant_of(role)))

    with django_assert_max_num_queries(28):
        page = browser.get(reverse("home"))

    assert page.status_code == 200


def test_a_role_without_a_membership_sees_only_oneself(merchant):
    person = member(Role.MERCHANT_OWNER, merchant.reference)
    browser = signed_in(person)
    Membership.objects.all().delete()

    assert browser.get(reverse("staff")).status_code == 403
    assert Authenticator.objects.filter(user=person).exists()

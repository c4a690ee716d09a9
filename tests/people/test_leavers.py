"""Leaving: the membership ends, and every session with it."""

import pytest
from django.urls import reverse

from config.audit import SYSTEM
from config.people import memberships, sessions
from config.refusals import Forbidden
from config.roles import Role
from tests.factories.config import MembershipFactory, member, signed_in, with_password

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(merchant):
    return member(Role.MERCHANT_OWNER, merchant.reference)


def end(user, *, by=None, at):
    row = user.memberships.get(ended_at=None)
    return memberships.end(membership_id=row.pk, by=by, actor=SYSTEM, at=at)


def test_a_leaver_loses_every_session_at_once(owner, merchant):
    leaver = member(Role.MERCHANT_CASHIER, merchant.reference)
    till, phone = signed_in(leaver), signed_in(leaver)

    signed_in(owner).post(reverse("staff-end", args=[leaver.memberships.get().pk]))

    assert till.get(reverse("home")).url.startswith(reverse("sign-in"))
    assert phone.get(reverse("home")).url.startswith(reverse("sign-in"))


def test_a_leaver_cannot_sign_in_again(client, owner, merchant, noon):
    leaver = with_password(member(Role.MERCHANT_CASHIER, merchant.reference))

    end(leaver, by=owner, at=noon)

    told = {"email": leaver.email, "password": "correct horse battery staple"}
    assert client.post(reverse("sign-in"), told).status_code == 422


def test_an_account_switched_off_is_out_at_the_next_request(owner):
    browser = signed_in(owner)
    owner.is_active = False
    owner.save()

    assert browser.get(reverse("home")).status_code == 302


def test_who_works_elsewhere_too_stays_a_person(owner, merchant, issuer, noon):
    both = member(Role.MERCHANT_CASHIER, merchant.reference)
    MembershipFactory(user=both, role=Role.ISSUER_AUDITOR, tenant=issuer.reference)
    row = both.memberships.get(tenant=merchant.reference)

    memberships.end(membership_id=row.pk, by=owner, actor=SYSTEM, at=noon)

    both.refresh_from_db()
    assert both.is_active


def test_the_last_one_who_can_invite_stays(owner, noon):
    with pytest.raises(memberships.LastOwner):
        end(owner, by=owner, at=noon)


def test_the_last_but_one_may_go(owner, merchant, noon):
    other = member(Role.MERCHANT_OWNER, merchant.reference)

    assert end(other, by=owner, at=noon).ended_at == noon


def test_nobody_ends_memberships_elsewhere(owner, noon):
    stranger = member(Role.MERCHANT_CASHIER, "MER-OTHER")

    with pytest.raises(Forbidden):
        end(stranger, by=owner, at=noon)
    row = stranger.memberships.get()
    assert signed_in(owner).get(reverse("staff-member", args=[row.pk])).status_code == 404
    assert signed_in(owner).post(reverse("staff-end", args=[row.pk])).status_code == 404


def test_a_socket_hears_of_it(owner, merchant, noon):
    leaver = member(Role.MERCHANT_CASHIER, merchant.reference)
    key = signed_in(leaver).session.session_key
    now = leaver.sign_in_sessions.get().seen_at
    assert sessions.person_of(session_key=key, at=now) == leaver

    end(leaver, by=owner, at=now)

    assert sessions.person_of(session_key=key, at=now) is None

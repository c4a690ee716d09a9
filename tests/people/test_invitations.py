"""How somebody comes to work for a tenant."""

from datetime import timedelta

import pytest
from django.urls import reverse

from config.audit import SYSTEM
from config.models import Audit, Invitation, Membership, User
from config.people import invitations, memberships, tenants
from config.refusals import Forbidden
from config.roles import Role
from tests.factories import issuers
from tests.factories.config import MembershipFactory, member, signed_in

pytestmark = pytest.mark.django_db
NEW = {"email": "new@example.com", "name": "Sol Ahn"}
CHOSEN = {"name": "Sol Ahn", "password": "violet tractor under the bridge"}


def invite(*, by=None, role=Role.MERCHANT_CASHIER, tenant, at, **fields):
    return invitations.invite(by=by, actor=SYSTEM, role=role, tenant=tenant, at=at, **NEW | fields)


class TestOnThePages:
    def test_invited_accepted_and_set_up(self, client, merchant, mailed):
        owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))

        with mailed:
            owner.post(reverse("invite"), NEW | {"role": Role.MERCHANT_CASHIER})
        answer = client.post(mailed.path(), CHOSEN)

        person = User.objects.get(email="new@example.com")
        assert person.memberships.get().role == Role.MERCHANT_CASHIER
        assert answer.url.startswith("/second-factor/")
        assert client.get(answer.url).status_code == 200
        assert client.get(reverse("home")).url.startswith(reverse("sign-in-code"))

    def test_the_link_is_good_once(self, client, merchant, mailed, noon):
        owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
        with mailed:
            owner.post(reverse("invite"), NEW | {"role": Role.MERCHANT_CASHIER})
        client.post(mailed.path(), CHOSEN)
        client.logout()

        assert client.get(mailed.path()).status_code == 410

    def test_a_short_password_keeps_the_invitation_good(self, client, merchant, mailed):
        owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
        with mailed:
            owner.post(reverse("invite"), NEW | {"role": Role.MERCHANT_CASHIER})

        short = client.post(mailed.path(), CHOSEN | {"password": "short"})

        assert short.status_code == 422
        assert client.post(mailed.path(), CHOSEN).status_code == 302

    def test_who_works_elsewhere_joins_with_the_own_factors(self, merchant, issuer, mailed):
        person = member(Role.ISSUER_RISK, issuer.reference, email="new@example.com")
        owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
        with mailed:
            owner.post(reverse("invite"), NEW | {"role": Role.MERCHANT_CASHIER})
        browser = signed_in(person)

        browser.post(mailed.path())

        assert person.memberships.filter(ended_at=None).count() == 2
        assert browser.get(reverse("home")).context["tenant"].name == merchant.name

    def test_somebody_else_signed_in_is_told_so(self, merchant, mailed):
        browser = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
        with mailed:
            browser.post(reverse("invite"), NEW | {"role": Role.MERCHANT_CASHIER})

        page = browser.post(mailed.path(), CHOSEN)

        assert "for somebody else" in page.content.decode()
        assert not User.objects.filter(email="new@example.com").exists()

    def test_a_withdrawn_one_opens_nothing(self, client, merchant, mailed):
        owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
        with mailed:
            owner.post(reverse("invite"), NEW | {"role": Role.MERCHANT_CASHIER})

        owner.post(reverse("invitation-withdraw", args=[Invitation.objects.get().pk]))

        assert client.get(mailed.path()).status_code == 410


class TestWhoMayInvite:
    @pytest.mark.parametrize("role", [Role.ISSUER_RISK, Role.PLATFORM_ADMIN, Role.SPONSOR])
    def test_a_merchant_invites_no_other_kind_of_role(self, merchant, noon, role):
        owner = member(Role.MERCHANT_OWNER, merchant.reference)

        with pytest.raises(Forbidden):
            invite(by=owner, role=role, tenant=merchant.reference, at=noon)

    def test_an_owner_invites_nobody_to_another_merchant(self, merchant, noon):
        owner = member(Role.MERCHANT_OWNER, "MER-OTHER")

        with pytest.raises(Forbidden):
            invite(by=owner, tenant=merchant.reference, at=noon)

    def test_a_manager_invites_nobody(self, merchant, noon):
        manager = member(Role.MERCHANT_MANAGER, merchant.reference)

        with pytest.raises(Forbidden):
            invite(by=manager, tenant=merchant.reference, at=noon)

    def test_a_forged_role_on_the_form_is_refused(self, merchant):
        owner = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))

        answer = owner.post(reverse("invite"), NEW | {"role": Role.PLATFORM_ADMIN, "tenant": ""})

        assert (answer.status_code, Invitation.objects.count()) == (422, 0)

    def test_the_platform_invites_to_any_tenant_there_is(self, merchant, noon):
        admin = member(Role.PLATFORM_ADMIN)

        assert invite(by=admin, tenant=merchant.reference, at=noon)
        with pytest.raises(tenants.UnknownTenant):
            invite(by=admin, tenant="MER-NONE", at=noon)


class TestLife:
    def test_it_lasts_seven_days(self, merchant, noon, mailed):
        with mailed:
            invite(tenant=merchant.reference, at=noon)
        token = mailed.path().rsplit("/", 1)[1]

        assert invitations.find(token=token, at=noon + timedelta(days=7, seconds=-1))
        with pytest.raises(invitations.InvitationSpent):
            invitations.find(token=token, at=noon + timedelta(days=7))

    def test_a_second_one_ends_the_first(self, merchant, noon):
        first = invite(tenant=merchant.reference, at=noon)
        invite(tenant=merchant.reference, at=noon)

        first.refresh_from_db()

        assert first.withdrawn_at == noon

    def test_a_member_is_not_invited_again(self, merchant, noon):
        member(Role.MERCHANT_CASHIER, merchant.reference, email="new@example.com")

        with pytest.raises(invitations.AlreadyMember):
            invite(tenant=merchant.reference, at=noon, email="New@Example.com")

    def test_the_token_is_kept_nowhere(self, merchant, noon, mailed):
        with mailed:
            row = invite(tenant=merchant.reference, at=noon)

        assert mailed.path().rsplit("/", 1)[1].encode() not in bytes(row.token_hash)

    def test_one_who_left_comes_back_with_a_new_password(self, merchant, noon, mailed):
        MembershipFactory(role=Role.MERCHANT_OWNER, tenant=merchant.reference)
        person = member(Role.MERCHANT_CASHIER, merchant.reference, email="new@example.com")
        row = Membership.objects.get(user=person)
        memberships.end(membership_id=row.pk, by=None, actor=SYSTEM, at=noon)
        with mailed:
            invite(tenant=merchant.reference, at=noon)

        token = mailed.path().rsplit("/", 1)[1]
        back, _link = invitations.accept(token=token, actor=SYSTEM, at=noon, **CHOSEN)

        assert (back.pk, back.is_active, back.left_at) == (person.pk, True, None)

    def test_invitations_of_one_who_left_end(self, merchant, noon):
        MembershipFactory(role=Role.MERCHANT_OWNER, tenant=merchant.reference)
        owner = member(Role.MERCHANT_OWNER, merchant.reference)
        row = invite(by=owner, tenant=merchant.reference, at=noon)

        memberships.end(membership_id=owner.memberships.get().pk, by=None, actor=SYSTEM, at=noon)

        row.refresh_from_db()
        assert row.withdrawn_at == noon

    def test_it_is_in_the_audit_trail(self, merchant, noon):
        invite(tenant=merchant.reference, at=noon)

        assert Audit.objects.get().action == "invitation.send"
        assert NEW["email"] not in str(Audit.objects.values().get())


def test_nobody_gives_themselves_another_role(noon):
    admin = member(Role.PLATFORM_ADMIN, tenant="")
    place = issuers.issuer()

    with pytest.raises(invitations.OwnAddress):
        invite(
            by=admin,
            role=Role.ISSUER_RISK,
            tenant=place.reference,
            at=noon,
            email=admin.email.upper(),
        )

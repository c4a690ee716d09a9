"""Setting up, replacing, losing and resetting the second factor."""

import re

import pytest
import time_machine
from django.db import connection
from django.urls import reverse

from config.audit import SYSTEM
from config.models import Audit, Authenticator, RecoveryCode
from config.people import links, recovery_codes, second_factor
from config.refusals import Forbidden
from config.roles import Role
from tests.factories.config import (
    PASSWORD,
    SEED,
    code_at,
    member,
    signed_in,
    with_authenticator,
    with_password,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return member(Role.PLATFORM_ADMIN)


@pytest.fixture
def clock(noon):
    with time_machine.travel(noon, tick=False) as traveller:
        yield traveller


def seed_on(page):
    """Return the secret as an authenticator would type it in."""
    from base64 import b32decode

    return b32decode(page.context["secret"].replace(" ", ""))


def password_stage(client, user):
    with_password(user)
    client.post(reverse("sign-in"), {"email": user.email, "password": PASSWORD})


class TestSetUp:
    def test_link_picture_and_code_open_the_account(self, client, person, clock, noon):
        password_stage(client, person)
        token = links.issue(user=person, purpose=links.Purpose.SECOND_FACTOR, at=noon)
        address = reverse("second-factor-set-up", args=[token])
        page = client.get(address)

        done = client.post(address, {"code": code_at(noon, seed_on(page))})

        assert len(done.context["codes"]) == 10
        assert client.get(reverse("home")).status_code == 200

    def test_the_picture_is_the_secret(self, person, noon):
        device = second_factor.pending(user=person)

        address = second_factor.address_of(device=device)

        assert "".join(second_factor.secret_of(device=device).split()) in address
        assert "<svg" in second_factor.picture_of(device=device)
        assert "style" not in second_factor.picture_of(device=device)

    def test_a_wrong_code_keeps_link_and_secret(self, client, person, clock, noon):
        password_stage(client, person)
        token = links.issue(user=person, purpose=links.Purpose.SECOND_FACTOR, at=noon)
        address = reverse("second-factor-set-up", args=[token])
        before = client.get(address).context["secret"]

        again = client.post(address, {"code": "000000"})

        assert (again.status_code, again.context["secret"]) == (422, before)

    def test_the_link_is_good_once_and_for_its_person(self, client, person, clock, noon):
        token = links.issue(user=person, purpose=links.Purpose.SECOND_FACTOR, at=noon)
        address = reverse("second-factor-set-up", args=[token])
        stranger = signed_in(member(Role.PLATFORM_ADMIN))

        assert stranger.get(address).status_code == 403
        links.redeem(token=token, purpose=links.Purpose.SECOND_FACTOR, at=noon)
        assert stranger.get(address).status_code == 410

    def test_who_has_none_can_ask_for_the_link_again(self, client, person, mailed):
        password_stage(client, person)
        assert "no authenticator" in client.get(reverse("sign-in-code")).content.decode()

        with mailed:
            client.post(reverse("second-factor-link"))

        assert client.get(mailed.path()).status_code == 200

    def test_who_has_one_cannot_go_round_it_by_mail(self, client, person, mailed):
        with_authenticator(person)
        password_stage(client, person)

        with mailed:
            answer = client.post(reverse("second-factor-link"))

        assert (answer.status_code, mailed.outbox) == (409, [])


class TestAtRest:
    def test_a_copy_of_the_database_shows_neither_seed_nor_codes(self, person, noon):
        with_authenticator(person)
        codes = recovery_codes.renew(user=person, actor=SYSTEM, at=noon)
        second_factor.pending(user=person)

        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(r::text, '') FROM config_authenticator r")
            rows = cursor.fetchone()[0]
            cursor.execute("SELECT string_agg(r::text, '') FROM config_recoverycode r")
            rows += cursor.fetchone()[0]

        assert SEED.hex() not in rows
        assert not [code for code in codes if code.replace("-", "").encode().hex() in rows]

    def test_a_seed_moved_to_another_person_does_not_open(self, person, noon):
        from cryptography.exceptions import InvalidTag

        other = with_authenticator(member(Role.PLATFORM_ADMIN))
        Authenticator.objects.filter(pk=other.pk).update(user=person)

        with pytest.raises(InvalidTag):
            second_factor.check(user=person, code="123456", at=noon)


class TestRecoveryCodes:
    @pytest.fixture
    def codes(self, person, noon):
        with_authenticator(person)
        return recovery_codes.renew(user=person, actor=SYSTEM, at=noon)

    def test_each_opens_the_account_once(self, client, person, codes, clock):
        password_stage(client, person)
        first = client.post(reverse("recovery-code"), {"code": codes[3].lower()})
        client.post(reverse("sign-out"))
        password_stage(client, person)
        second = client.post(reverse("recovery-code"), {"code": codes[3]})

        assert first.url == reverse("second-factor")
        assert second.status_code == 422
        assert recovery_codes.left(user=person) == 9

    def test_guessing_costs_waiting(self, client, person, codes, clock):
        password_stage(client, person)
        client.post(reverse("recovery-code"), {"code": "00000-00000"})

        assert client.post(reverse("recovery-code"), {"code": codes[0]}).status_code == 429

    def test_new_ones_end_the_old(self, person, codes, noon):
        recovery_codes.renew(user=person, actor=SYSTEM, at=noon)

        with pytest.raises(second_factor.WrongCode):
            recovery_codes.check(user=person, code=codes[0], actor=SYSTEM, at=noon)
        assert RecoveryCode.objects.count() == 10

    def test_new_ones_need_a_code(self, person, codes, clock, noon):
        browser = signed_in(person)

        refused = browser.post(reverse("recovery-codes"), {"proof": "000000"})
        clock.shift(30)
        page = browser.post(reverse("recovery-codes"), {"proof": codes[0]})

        assert refused.status_code == 422
        assert re.fullmatch(r"[0-9A-Z]{5}-[0-9A-Z]{5}", page.context["codes"][0])


class TestReplacing:
    def test_takes_a_code_of_each_and_ends_the_other_sessions(self, person, clock, noon):
        here, elsewhere = signed_in(person), signed_in(person)
        seed = seed_on(here.get(reverse("second-factor")))

        answer = here.post(
            reverse("second-factor"), {"proof": code_at(noon), "code": code_at(noon, seed)}
        )

        assert answer.status_code == 302
        assert here.get(reverse("home")).status_code == 200
        assert elsewhere.get(reverse("home")).status_code == 302

    def test_without_the_old_code_nothing_changes(self, person, clock, noon):
        here = signed_in(person)
        seed = seed_on(here.get(reverse("second-factor")))

        answer = here.post(
            reverse("second-factor"), {"proof": "000000", "code": code_at(noon, seed)}
        )

        assert answer.status_code == 422
        assert second_factor.check(
            user=person, code=code_at(noon.replace(hour=4)), at=noon.replace(hour=4)
        )

    def test_a_slip_on_the_new_code_does_not_cost_the_proof(self, person, clock, noon):
        here = signed_in(person)
        here.get(reverse("second-factor"))

        here.post(reverse("second-factor"), {"proof": code_at(noon), "code": "000000"})

        assert second_factor.check(user=person, code=code_at(noon), at=noon)


class TestReset:
    def test_the_person_sets_up_a_new_one_by_mail_alone(self, client, person, clock, noon, mailed):
        with_authenticator(person)
        lost = signed_in(person)
        keeper = signed_in(member(Role.PLATFORM_ADMIN))
        row = person.memberships.get()

        with mailed:
            keeper.post(reverse("staff-reset-factor", args=[row.pk]))

        assert lost.get(reverse("home")).status_code == 302
        password_stage(client, person)
        assert client.post(reverse("sign-in-code"), {"code": code_at(noon)}).status_code == 200
        page = client.get(mailed.path())
        client.post(mailed.path(), {"code": code_at(noon, seed_on(page))})
        assert client.get(reverse("home")).status_code == 200

    def test_is_in_the_audit_trail(self, person, noon):
        keeper = member(Role.PLATFORM_ADMIN)

        second_factor.reset(user=person, by=keeper, actor=SYSTEM, at=noon)

        assert Audit.objects.filter(action="second_factor.reset", subject=str(person.pk)).exists()

    def test_nobody_resets_the_own(self, person, noon):
        with pytest.raises(Forbidden):
            second_factor.reset(user=person, by=person, actor=SYSTEM, at=noon)

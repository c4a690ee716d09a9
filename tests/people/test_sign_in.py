"""Signing in: password, then a code that is good once; wrong ones cost time."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from config.models import Audit, Authenticator, PasswordFailure, SignInSession
from config.people import tries
from config.roles import Role
from tests.factories.config import (
    PASSWORD,
    MembershipFactory,
    code_at,
    member,
    signed_in,
    with_authenticator,
    with_password,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    user = with_password(member(Role.PLATFORM_ADMIN, email="mina@example.com"))
    with_authenticator(user)
    return user


@pytest.fixture
def clock(noon):
    with time_machine.travel(noon, tick=False) as traveller:
        yield traveller


def give_password(client, password=PASSWORD, email="mina@example.com", **extra):
    return client.post(reverse("sign-in"), {"email": email, "password": password}, **extra)


def give_code(client, code):
    return client.post(reverse("sign-in-code"), {"code": code})


class TestBothFactors:
    def test_password_and_code_open_the_first_page(self, client, person, clock, noon):
        give_password(client)

        answer = give_code(client, code_at(noon))

        assert answer.url == reverse("home")
        assert client.get(answer.url).status_code == 200

    def test_the_page_asked_for_first_is_where_one_arrives(self, client, person, clock, noon):
        asked = client.get(reverse("sessions"))
        assert asked.url == "/sign-in?next=%2Fsessions"

        on = client.post(asked.url, {"email": person.email, "password": PASSWORD})
        there = client.post(on.url, {"code": code_at(noon)})

        assert there.url == reverse("sessions")

    def test_a_foreign_next_leads_home(self, client, person, clock, noon):
        give_password(client)

        answer = client.post("/sign-in/code?next=https://evil.example/", {"code": code_at(noon)})

        assert answer.url == reverse("home")

    def test_the_address_is_known_in_any_case(self, client, person):
        assert give_password(client, email="Mina@Example.com").url == reverse("sign-in-code")

    def test_the_password_alone_opens_nothing(self, client, person):
        give_password(client)

        for name in ("home", "profile", "sessions", "second-factor", "recovery-codes", "staff"):
            assert client.get(reverse(name)).url.startswith(reverse("sign-in-code")), name

    def test_each_step_gives_the_session_a_new_id(self, client, person, clock, noon):
        keys = [client.session.session_key]
        give_password(client)
        keys.append(client.session.session_key)
        give_code(client, code_at(noon))
        keys.append(client.session.session_key)

        assert len(set(keys)) == 3

    def test_code_with_a_space_is_taken(self, client, person, clock, noon):
        give_password(client)
        code = code_at(noon)

        assert give_code(client, f" {code[:3]} {code[3:]} ").status_code == 302


class TestCodes:
    def test_a_code_is_good_once(self, client, person, clock, noon):
        give_password(client)
        give_code(client, code_at(noon))
        other = Client()
        give_password(other)

        assert give_code(other, code_at(noon)).status_code == 422

    @pytest.mark.parametrize("offset_s", [-30, 30])
    def test_the_neighbouring_half_minutes_do_not_count(
        self, client, person, clock, noon, offset_s
    ):
        give_password(client)

        answer = give_code(client, code_at(noon + timedelta(seconds=offset_s)))

        assert answer.status_code == 422

    def test_wrong_codes_cost_waiting(self, client, person, clock, noon):
        give_password(client)
        give_code(client, "000000")

        assert give_code(client, code_at(noon)).status_code == 429
        clock.shift(1)
        assert give_code(client, code_at(noon)).status_code == 302

    def test_ten_wrong_codes_close_the_door_for_half_an_hour(self, client, person, clock, noon):
        from config.models import Authenticator

        Authenticator.objects.update(failed_tries=10, failed_at=noon)
        clock.shift(1799)
        give_password(client)

        refused = give_code(client, code_at(noon + timedelta(seconds=1799)))
        clock.shift(31)
        taken = give_code(client, code_at(noon + timedelta(seconds=1830)))

        assert (refused.status_code, taken.status_code) == (429, 302)

    def test_the_wait_is_told(self, client, person, clock):
        give_password(client)
        give_code(client, "000000")

        assert "Try again in 1 s" in give_code(client, "000000").content.decode()


class TestWrongPasswords:
    def test_unknown_person_and_wrong_password_answer_alike(self, client, person):
        wrong = give_password(client, password="no such password at all")
        unknown = give_password(client, email="nobody@example.com")

        assert wrong.status_code == unknown.status_code == 422
        shown = [answer.context["form"].non_field_errors() for answer in (wrong, unknown)]
        assert shown[0] == shown[1]

    def test_the_tenth_closes_the_door_even_to_the_right_one(self, client, person):
        for _n in range(10):
            last = give_password(client, password="wrong wrong wrong", REMOTE_ADDR="192.0.2.7")

        right = give_password(client, REMOTE_ADDR="192.0.2.7")

        assert last.status_code == right.status_code == 429
        assert right["Retry-After"] == "1800"

    def test_the_case_of_the_address_is_no_way_round(self, client, person):
        for n in range(10):
            email = "mina@example.com" if n % 2 else "MINA@example.com"
            last = give_password(client, password="wrong wrong wrong", email=email)

        assert last.status_code == 429

    def test_others_get_in_meanwhile(self, client, person):
        for _n in range(10):
            give_password(client, password="wrong wrong wrong", REMOTE_ADDR="192.0.2.7")

        assert give_password(client, REMOTE_ADDR="192.0.2.8").status_code == 302


class TestOneNameFromManyAddresses:
    """Each address stays below its own ten; together they would guess without end."""

    @pytest.fixture
    def guessed(self, client, person, clock, noon):
        for _n in range(49):
            tries.count(kind=tries.Kind.SIGN_IN, name=person.email, at=noon)
        last = give_password(client, password="wrong wrong wrong", REMOTE_ADDR="192.0.2.1")
        assert last.status_code == 422

    def test_waits_after_fifty_in_an_hour(self, client, guessed, clock):
        refused = give_password(client, REMOTE_ADDR="192.0.2.200")
        clock.shift(2)

        assert (refused.status_code, refused["Retry-After"]) == (429, "1")
        assert give_password(client, REMOTE_ADDR="192.0.2.200").status_code == 302

    def test_waits_longer_with_each_but_is_never_locked(self, client, guessed, clock):
        for _n in range(8):
            clock.shift(61)
            give_password(client, password="wrong wrong wrong", REMOTE_ADDR="192.0.2.201")
            refused = give_password(client, REMOTE_ADDR="192.0.2.202")

        assert refused["Retry-After"] == "60"
        clock.shift(61)
        assert give_password(client, REMOTE_ADDR="192.0.2.202").status_code == 302

    def test_costs_the_person_nothing_where_they_signed_in_lately(
        self, client, person, clock, noon
    ):
        give_password(client, REMOTE_ADDR="203.0.113.5")
        client.post(reverse("sign-in-code"), {"code": code_at(noon)}, REMOTE_ADDR="203.0.113.5")
        for _n in range(60):
            tries.count(kind=tries.Kind.SIGN_IN, name="MINA@example.com", at=noon)

        there = give_password(Client(), REMOTE_ADDR="203.0.113.5")
        elsewhere = give_password(Client(), REMOTE_ADDR="192.0.2.9")

        assert (there.status_code, elsewhere.status_code) == (302, 429)

    def test_an_unknown_name_waits_as_well(self, client, clock, noon):
        for _n in range(60):
            tries.count(kind=tries.Kind.SIGN_IN, name="nobody@example.com", at=noon)

        assert give_password(client, email="nobody@example.com").status_code == 429

    def test_without_the_count_there_is_no_wait(self, client, guessed):
        """The negative control."""
        PasswordFailure.objects.all().delete()

        assert give_password(client, REMOTE_ADDR="192.0.2.200").status_code == 302


class TestTheTrailTells:
    def test_of_a_closed_door_once(self, client, person):
        for _n in range(13):
            give_password(client, password="wrong wrong wrong", REMOTE_ADDR="192.0.2.7")

        row = Audit.objects.get(action="sign_in.locked")
        assert (row.subject, row.address) == (str(person.pk), "192.0.2.7")

    def test_of_ten_wrong_codes(self, client, person, clock, noon):
        Authenticator.objects.update(failed_tries=9, failed_at=noon - timedelta(hours=1))
        give_password(client)
        give_code(client, "000000")

        assert Audit.objects.get(action="second_factor.locked").subject == str(person.pk)

    def test_of_signing_out_once(self, client, person, clock, noon):
        give_password(client)
        give_code(client, code_at(noon))
        for _n in range(2):
            client.post(reverse("sign-out"))

        assert Audit.objects.filter(action="session.sign_out").count() == 1

    def test_of_a_switch_to_another_tenant(self, issuer, merchant):
        person = member(Role.ISSUER_RISK, tenant=issuer.reference)
        other = MembershipFactory(role=Role.MERCHANT_OWNER, tenant=merchant.reference, user=person)
        browser = signed_in(person)

        for _n in range(2):
            browser.post(reverse("tenant-switch"), {"membership": other.pk})

        row = Audit.objects.get(action="tenant.switch")
        assert (row.tenant, row.subject) == (merchant.reference, str(person.pk))


def test_signing_out_ends_the_session(client, person, clock, noon):
    give_password(client)
    give_code(client, code_at(noon))

    assert client.post(reverse("sign-out")).url == reverse("sign-in")

    assert client.get(reverse("home")).url == reverse("sign-in")
    assert not SignInSession.objects.filter(ended_at=None).exists()


def test_signing_out_by_a_link_does_nothing(client, person):
    assert client.get(reverse("sign-out")).status_code == 405


def test_pages_of_a_person_are_kept_by_no_cache(client, person, clock, noon):
    give_password(client)
    give_code(client, code_at(noon))

    assert "no-store" in client.get(reverse("profile"))["Cache-Control"]

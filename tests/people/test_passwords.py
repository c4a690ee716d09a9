"""Passwords: what is good enough, forgotten ones, changed ones."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.models import Audit, OneTimeLink, PasswordFailure, ResetAsked, User
from config.people import passwords, resets
from config.roles import Role
from tests.factories.config import PASSWORD, member, signed_in, with_authenticator, with_password

pytestmark = pytest.mark.django_db
CHOSEN = "violet tractor under the bridge"


@pytest.fixture
def person():
    user = with_password(
        member(Role.PLATFORM_ADMIN, email="mina@example.com", name="Wilhelmina Parker")
    )
    with_authenticator(user)
    return user


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("fourteen chars", False),
        ("fifteen letters", True),
        ("onlylowercaselettersandlong", True),
        ("비밀번호는 길면 길수록 아주 좋습니다", True),
        ("passwordpassword", True),
        ("mina@example.com", False),
        ("Wilhelmina Parker", False),
    ],
)
def test_length_counts_and_composition_does_not(person, password, good):
    assert (passwords.faults(password=password, user=person) == []) is good


def test_argon2_keeps_it(person, settings):
    assert person.password.startswith("argon2$argon2id$")
    # These tests make it cheap; the portal hashes at Django's own cost.
    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


class TestForgotten:
    def ask(self, client, mailed, email="mina@example.com"):
        answer = client.post(reverse("password-forgotten"), {"email": email})
        with mailed:
            resets.send_asked(at=timezone.now(), limit=9)
        return answer

    def test_a_mailed_link_sets_a_new_one(self, client, person, mailed):
        self.ask(client, mailed)

        client.post(mailed.path(), {"password": CHOSEN})

        assert User.objects.get().check_password(CHOSEN)

    def test_the_link_is_good_once(self, client, person, mailed):
        self.ask(client, mailed)
        path = mailed.path()
        client.post(path, {"password": CHOSEN})

        assert client.get(path).status_code == 410

    def test_it_ends_every_session(self, client, person, mailed):
        browser = signed_in(person)
        self.ask(client, mailed)

        client.post(mailed.path(), {"password": CHOSEN})

        assert browser.get(reverse("home")).status_code == 302

    def test_it_goes_round_no_second_factor(self, client, person, mailed):
        self.ask(client, mailed)
        client.post(mailed.path(), {"password": CHOSEN})

        answer = client.post(reverse("sign-in"), {"email": person.email, "password": CHOSEN})

        assert answer.url == reverse("sign-in-code")

    def test_it_lasts_an_hour(self, client, person, mailed):
        self.ask(client, mailed)
        OneTimeLink.objects.update(
            created_at=OneTimeLink.objects.get().created_at - timedelta(hours=1, seconds=1),
            expires_at=OneTimeLink.objects.get().expires_at - timedelta(hours=1, seconds=1),
        )

        assert client.get(mailed.path()).status_code == 410

    def test_nobody_learns_who_is_known(self, client, person, mailed):
        known = self.ask(client, mailed)
        unknown = self.ask(client, mailed, email="nobody@example.com")

        assert known.content == unknown.content
        assert len(mailed.outbox) == 1

    def test_the_request_does_the_same_for_both(self, client, person):
        """Nor does its time tell: neither looks anybody up, and a worker mails."""
        asked = []
        for email in ("mina@example.com", "nobody@example.com"):
            with CaptureQueriesContext(connection) as queries:
                client.post(reverse("password-forgotten"), {"email": email})
            asked.append([query["sql"].split(" VALUES ")[0] for query in queries])

        assert asked[0] == asked[1]
        assert not OneTimeLink.objects.exists()
        assert ResetAsked.objects.count() == 2

    def test_each_is_answered_once(self, client, person, mailed):
        self.ask(client, mailed)

        assert resets.send_asked(at=timezone.now(), limit=9) == 0
        assert not ResetAsked.objects.exists()

    def test_a_mailbox_is_not_flooded(self, client, person, mailed):
        for _n in range(5):
            self.ask(client, mailed)

        assert len(mailed.outbox) == 3


class TestChanged:
    def test_the_old_one_is_asked_for(self, person):
        browser = signed_in(person)

        answer = browser.post(reverse("password-change"), {"old": "wrong", "password": CHOSEN})

        assert answer.status_code == 422
        assert User.objects.get().check_password(PASSWORD)

    def test_this_session_stays_and_the_others_end(self, person):
        here, elsewhere = signed_in(person), signed_in(person)

        here.post(reverse("password-change"), {"old": PASSWORD, "password": CHOSEN})

        assert here.get(reverse("home")).status_code == 200
        assert elsewhere.get(reverse("home")).status_code == 302

    def test_the_fifth_wrong_one_ends_guessing_for_a_while(self, person, time_machine, noon):
        time_machine.move_to(noon, tick=False)
        browser = signed_in(person)
        wrong = [give(browser, f"wrong {n}").status_code for n in range(6)]

        right = give(browser, PASSWORD)
        time_machine.shift(15 * 60)

        assert wrong == [422] * 5 + [429]
        assert (right.status_code, right["Retry-After"]) == (429, "900")
        assert "Try again in 900 s" in right.content.decode()
        assert Audit.objects.filter(action="password.change_locked").count() == 1
        assert give(browser, PASSWORD).status_code == 302

    def test_without_the_count_guessing_goes_on(self, person):
        """The negative control."""
        browser = signed_in(person)
        for n in range(9):
            PasswordFailure.objects.all().delete()
            last = give(browser, f"wrong {n}")

        assert last.status_code == 422

    def test_the_right_one_forgives_the_wrong_ones(self, person):
        browser = signed_in(person)
        for n in range(4):
            give(browser, f"wrong {n}")

        assert give(browser, PASSWORD).status_code == 302
        assert not PasswordFailure.objects.exists()


def give(browser, old):
    return browser.post(reverse("password-change"), {"old": old, "password": CHOSEN})

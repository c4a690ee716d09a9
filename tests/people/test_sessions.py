"""Sessions: limits, the list, and ending them from elsewhere."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from config.models import SignInSession
from config.people import sessions
from config.portal import browsers
from config.roles import Role
from tests.factories.config import PASSWORD, member, signed_in, with_authenticator, with_password

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return member(Role.PLATFORM_ADMIN)


@pytest.fixture
def clock(noon):
    with time_machine.travel(noon, tick=False) as traveller:
        yield traveller


class TestLimits:
    def test_an_hour_without_a_request_signs_out(self, person, clock):
        browser = signed_in(person)
        clock.shift(3599)
        assert browser.get(reverse("home")).status_code == 200
        clock.shift(3600)

        answer = browser.get(reverse("sessions"))

        assert answer.url == "/sign-in?why=idle&next=%2Fsessions"
        assert "nothing happened" in browser.get(answer.url).content.decode()

    def test_twelve_hours_sign_out_even_the_busiest(self, person, clock):
        browser = signed_in(person)
        here = {"membership": person.memberships.get().pk}
        for _half_hour in range(23):
            clock.shift(1800)
            browser.post(reverse("tenant-switch"), here)  # writes the session, which moves its end
            assert browser.get(reverse("home")).status_code == 200
        clock.shift(1800)

        assert "why=old" in browser.get(reverse("sessions")).url

    def test_a_box_that_redraws_itself_is_nobody_at_the_desk(self, person, clock):
        browser = signed_in(person)
        for _minute in range(59):
            clock.shift(60)
            browser.get(reverse("home"), headers={"X-Polled": "1"})
        clock.shift(60)

        assert browser.get(reverse("home")).status_code == 302

    def test_a_password_alone_waits_a_quarter_of_an_hour(self, client, person, clock):
        with_authenticator(with_password(person))
        client.post(reverse("sign-in"), {"email": person.email, "password": PASSWORD})
        clock.shift(900)

        assert client.get(reverse("sign-in-code")).url.startswith("/sign-in?why=idle")

    def test_last_seen_is_written_once_a_minute(self, person, clock, django_assert_max_num_queries):
        browser = signed_in(person)
        row = SignInSession.objects.get()
        clock.shift(59)
        browser.get(reverse("sessions"))
        row.refresh_from_db()
        early = row.seen_at
        clock.shift(1)
        browser.get(reverse("sessions"))
        row.refresh_from_db()

        assert row.seen_at - early == timedelta(seconds=60)

    def test_an_htmx_request_is_led_away_whole(self, person, clock):
        browser = signed_in(person)
        clock.shift(3600)

        answer = browser.get(reverse("home"), headers={"HX-Request": "true"})

        assert (answer.status_code, answer["HX-Redirect"]) == (204, "/sign-in?why=idle")


class TestList:
    def test_shows_each_browser_and_ends_one(self, person):
        here, elsewhere = signed_in(person), signed_in(person)
        row = SignInSession.objects.get(session_key=elsewhere.session.session_key)

        assert len(here.get(reverse("sessions")).context["listed"]) == 2
        here.post(reverse("session-end", args=[row.pk]))

        assert elsewhere.get(reverse("home")).status_code == 302
        assert here.get(reverse("home")).status_code == 200

    def test_ends_all_others(self, person):
        here, *others = [signed_in(person) for _n in range(3)]

        here.post(reverse("session-end-others"))

        assert here.get(reverse("home")).status_code == 200
        assert [b.get(reverse("home")).status_code for b in others] == [302, 302]

    def test_nobody_ends_a_stranger_s(self, person):
        stranger = signed_in(member(Role.PLATFORM_ADMIN))
        row = SignInSession.objects.get()

        assert signed_in(person).post(reverse("session-end", args=[row.pk])).status_code == 404
        assert stranger.get(reverse("home")).status_code == 200


def test_a_session_without_its_row_is_over(person):
    browser = signed_in(person)
    SignInSession.objects.all().delete()

    assert browser.get(reverse("home")).status_code == 302


def test_a_socket_s_door_asks_for_both_factors_and_the_limits(client, person, clock, noon):
    with_authenticator(with_password(person))
    client.post(reverse("sign-in"), {"email": person.email, "password": PASSWORD})
    half = client.session.session_key
    whole = signed_in(person).session.session_key

    assert sessions.person_of(session_key=half, at=noon) is None
    assert sessions.person_of(session_key=whole, at=noon) == person
    assert sessions.person_of(session_key=whole, at=noon + timedelta(hours=1)) is None
    assert sessions.person_of(session_key=None, at=noon) is None


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/1 Safari/5", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/5 Edg/1", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Safari/6", "Safari on iPhone"),
        ("curl/8", "curl/8"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent, name):
    assert browsers.name_of(agent) == name

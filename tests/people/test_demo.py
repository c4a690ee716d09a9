"""The demo's people, their links and their mailbox; none of it outside the demo."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.urls import reverse

from config.mail import Mailbox
from config.models import Membership, SentMail, User
from config.people import demo, links, sign_in_links
from config.roles import Role
from tests.factories.config import member, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(settings, issuer, merchant, noon):
    settings.DEMO = True
    return demo.seed(issuer=issuer.reference, merchant=merchant.reference, at=noon)


class TestSeed:
    def test_one_person_for_each_role_at_its_tenant(self, people, issuer, merchant):
        found = dict(Membership.objects.values_list("role", "tenant"))

        assert set(found) == set(Role) - {Role.SPONSOR}
        assert found[Role.ISSUER_RISK] == issuer.reference
        assert found[Role.MERCHANT_CASHIER] == merchant.reference
        assert found[Role.PLATFORM_ADMIN] == ""

    def test_a_second_time_adds_nobody(self, people, issuer, merchant, noon):
        demo.seed(issuer=issuer.reference, merchant=merchant.reference, at=noon)

        assert User.objects.count() == len(people)


class TestLinks:
    def made(self, capsys):
        call_command("sign_in_links", "--json", "--origin", "http://127.0.0.1:8000")
        return json.loads(capsys.readouterr().out)["links"]

    def test_the_command_prints_one_for_each_person(self, people, capsys):
        found = self.made(capsys)

        assert len(found) == len(people)
        assert {tuple(sorted(link)) for link in found} == {("name", "role", "url")}
        assert all(link["url"].startswith("http://127.0.0.1:8000/demo/") for link in found)

    def test_one_opens_the_first_page_once(self, people, client, capsys):
        url = self.made(capsys)[2]["url"]

        assert client.get(url).url == reverse("home")
        assert client.get(reverse("home")).status_code == 200
        assert client.get(url).status_code == 410

    def test_a_look_without_opening_does_not_use_it_up(self, people, client, capsys):
        url = self.made(capsys)[0]["url"]

        assert client.head(url).status_code == 405
        assert client.get(url).status_code == 302

    def test_newer_ones_end_older_ones_and_a_day_ends_all(self, people, noon):
        old = sign_in_links.issue(at=noon)[0].token
        new = sign_in_links.issue(at=noon)[0].token

        with pytest.raises(links.LinkSpent):
            sign_in_links.redeem(token=old, at=noon)
        with pytest.raises(links.LinkSpent):
            sign_in_links.redeem(token=new, at=noon + timedelta(hours=24))

    def test_outside_the_demo_none_is_made_and_none_is_taken(
        self, people, client, capsys, settings, noon
    ):
        url = self.made(capsys)[0]["url"]
        settings.DEMO = False

        assert client.get(url).status_code == 404
        with pytest.raises(SystemExit):
            call_command("sign_in_links", "--json")
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "only_in_demo"

    def test_a_session_from_the_demo_does_not_outlive_it(self, people, client, capsys, settings):
        client.get(self.made(capsys)[0]["url"])

        settings.DEMO = False

        assert client.get(reverse("home")).url == reverse("sign-in-code")

    def test_a_real_person_gets_no_link(self, people, noon):
        member(Role.PLATFORM_ADMIN)

        assert len(sign_in_links.issue(at=noon)) == len(people)


class TestMailbox:
    @pytest.fixture
    def kept(self, settings):
        settings.EMAIL_BACKEND = "config.mail.Mailbox"
        settings.DEMO = True
        Mailbox().send_messages(
            [
                mail.EmailMessage(
                    subject="Hello", body="See http://127.0.0.1/x", to=["a@example.com"]
                )
            ]
        )
        return SentMail.objects.get()

    def test_lists_and_shows_what_would_have_been_sent(self, kept):
        browser = signed_in(member(Role.PLATFORM_ADMIN))

        assert "Hello" in browser.get(reverse("mailbox")).content.decode()
        assert (
            'href="http://127.0.0.1/x"'
            in browser.get(reverse("mail", args=[kept.pk])).content.decode()
        )

    def test_is_not_for_passers_by_nor_outside_the_demo(self, kept, client, settings):
        assert client.get(reverse("mailbox")).status_code == 302
        browser = signed_in(member(Role.PLATFORM_ADMIN))
        settings.DEMO = False

        assert browser.get(reverse("mailbox")).status_code == 404
        assert browser.get(reverse("mail", args=[kept.pk])).status_code == 404

"""Inviting from the command line, and what happens when no mail goes out."""

import json

import pytest
from django.core.management import call_command

from config.audit import SYSTEM
from config.models import Audit, Invitation
from config.people import invitations, mails
from config.roles import Role

pytestmark = pytest.mark.django_db
ASKED = ("--email", "First@Example.com", "--name", "Sol Ahn", "--json")


def test_the_first_person_of_the_platform_is_invited_by_the_operator(mailed, capsys):
    with mailed:
        call_command("invite", "--role", Role.PLATFORM_ADMIN, *ASKED)

    assert json.loads(capsys.readouterr().out)["email"] == "first@example.com"
    assert mailed.outbox[0].to == ["first@example.com"]
    assert Audit.objects.get().actor_kind == "COMMAND"


def test_a_tenant_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit):
        call_command("invite", "--role", Role.MERCHANT_OWNER, "--tenant", "MER-NONE", *ASKED)

    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unknown_tenant"


def test_a_mail_server_that_is_down_is_said_and_the_invitation_stays(settings, mailed, noon):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there

    with pytest.raises(mails.MailNotSent), mailed:
        invitations.invite(
            by=None,
            actor=SYSTEM,
            email="first@example.com",
            name="Sol Ahn",
            role=Role.PLATFORM_ADMIN,
            tenant="",
            at=noon,
        )

    assert Invitation.objects.count() == 1

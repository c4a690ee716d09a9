"""Mails to people: plain text from a template, sent once the change they tell of is committed."""

import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from config.refusals import Refused


class MailNotSent(Refused):
    code = "mail_not_sent"
    status = 503
    title = "The mail could not be sent"


def send(*, to: str, template: str, **told: Any) -> None:
    """Send ``account/mail/<template>.txt`` to ``to`` on commit; its first line is the subject.

    A mail server is never waited for inside a transaction: the audit chain's lock is held there.

    :raises MailNotSent: on commit, when the mail server does not take it
    """
    text = render_to_string(f"account/mail/{template}.txt", {"origin": settings.ORIGIN, **told})
    subject, body = text.strip().split("\n", 1)
    mail = EmailMessage(subject=subject, body=body.strip() + "\n", to=[to])
    transaction.on_commit(lambda: _deliver(mail))


def _deliver(mail: EmailMessage) -> None:
    try:
        mail.send()
    except (smtplib.SMTPException, OSError) as fault:
        raise MailNotSent(
            _("Nothing else is lost: ask for the mail again in a few minutes.")
        ) from fault

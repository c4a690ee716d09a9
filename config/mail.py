"""Where the demo's mail goes: a table, read on the mailbox page."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from config.models import SentMail


class Mailbox(BaseEmailBackend):
    """Keeps each mail as a row instead of sending it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the mails and return how many."""
        rows = [
            SentMail(
                to=", ".join(mail.recipients())[:320],
                subject=str(mail.subject)[:200],
                body=str(mail.body),
            )
            for mail in email_messages
        ]
        return len(SentMail.objects.bulk_create(rows))

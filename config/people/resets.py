"""Forgotten passwords: asked for at the door, answered by a worker.

The request writes the same row whatever the address, so neither its answer nor its time tells
whether the address is known.
"""

from datetime import datetime

import structlog
from django.db import transaction

from config.models import ResetAsked
from config.people import passwords
from config.people.mails import MailNotSent

log = structlog.get_logger(__name__)


def ask(*, email: str, at: datetime) -> None:
    """Note that a link is asked for; :func:`send_asked` does the rest."""
    ResetAsked.objects.create(email=email.strip(), at=at)


def send_asked(*, at: datetime, limit: int) -> int:
    """Answer up to ``limit`` of what was asked, oldest first; return how many were.

    A mail that the mail server does not take is logged and lost: the person asks again.
    """
    answered = 0
    while answered < limit and _send_one(at):
        answered += 1
    return answered


def _send_one(at: datetime) -> bool:
    try:
        with transaction.atomic():
            asked = ResetAsked.objects.select_for_update(skip_locked=True).order_by("pk").first()
            if asked is None:
                return False
            asked.delete()
            passwords.ask_reset(email=asked.email, at=at)
    except MailNotSent:  # raised once the transaction is committed
        log.exception("password_mail_not_sent")
    return True

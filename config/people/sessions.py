"""Sessions: the browsers a person is signed in with, listed, limited in time and ended.

A row here decides, not the cookie: a session without a live row is signed out at its next request.
"""

from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from config import audit
from config.audit import Actor
from config.models import SignInSession, User
from config.refusals import NotFound

WRITE_EVERY_S = 60  # how exact "last seen" is; the idle limit strikes at most this much early
SECOND_FACTOR_WITHIN_S = 900  # a password alone leads no further after this


class NoSuchSession(NotFound):
    code = "no_such_session"
    title = "No such session"


def begin(
    *, user: User, session_key: str, address: str | None, agent: str, at: datetime
) -> SignInSession:
    """Remember a browser that gave the right password; the second factor is still to come."""
    return SignInSession.objects.create(
        user=user,
        session_key=session_key,
        address=address,
        agent=agent[:200],
        created_at=at,
        seen_at=at,
    )


def verify(*, session_key: str, new_session_key: str, actor: Actor, at: datetime) -> SignInSession:
    """Note that the second factor was shown; the session goes on under a new id (ASVS 7.2.4).

    :raises NoSuchSession: it was ended meanwhile
    """
    session = SignInSession.objects.filter(session_key=session_key, ended_at=None).first()
    if session is None:
        raise NoSuchSession(_("This session has ended. Sign in again."))
    session.session_key, session.verified_at, session.seen_at = new_session_key, at, at
    session.save(update_fields=["session_key", "verified_at", "seen_at"])
    audit.record(
        actor=actor,
        action="session.begin",
        subject_kind="User",
        subject=str(session.user_id),
        at=at,
        after={"agent": session.agent},
    )
    return session


def verified_since(*, session_key: str | None, since: datetime) -> bool:
    """Return whether the second factor was shown in that session at ``since`` or later."""
    session = find(session_key=session_key)
    return session is not None and session.verified_at is not None and session.verified_at >= since


@transaction.atomic
def verify_again(*, session_key: str | None, actor: Actor, at: datetime) -> None:
    """Note that the second factor was shown once more.

    :raises NoSuchSession: it was ended meanwhile
    """
    session = find(session_key=session_key)
    if session is None:
        raise NoSuchSession(_("This session has ended. Sign in again."))
    SignInSession.objects.filter(pk=session.pk).update(verified_at=at)
    audit.record(
        actor=actor,
        action="session.verify_again",
        subject_kind="User",
        subject=str(session.user_id),
        at=at,
    )


def move(*, session_key: str | None, new_session_key: str | None) -> None:
    """Follow a session to its new id."""
    SignInSession.objects.filter(session_key=session_key, ended_at=None).update(
        session_key=new_session_key
    )


def find(*, session_key: str | None) -> SignInSession | None:
    """Return the live session with that id, whatever its age."""
    if not session_key:
        return None
    return SignInSession.objects.filter(session_key=session_key, ended_at=None).first()


def why_over(*, session: SignInSession | None, at: datetime) -> str:
    """Return why a session leads no further ("ended", "idle", "old"), or "" while it does.

    Idle and absolute limits after NIST SP 800-63B-4 §2.2.3 (AAL2): one hour, and twelve here.
    """
    if session is None:
        return "ended"
    if at - session.created_at >= timedelta(seconds=settings.SESSION_COOKIE_AGE):
        return "old"
    idle_s = settings.SESSION_IDLE_S if session.verified_at else SECOND_FACTOR_WITHIN_S
    return "idle" if at - session.seen_at >= timedelta(seconds=idle_s) else ""


def touch(*, session: SignInSession, at: datetime) -> None:
    """Remember that the person is still there, at most once a minute."""
    if at - session.seen_at >= timedelta(seconds=WRITE_EVERY_S):
        SignInSession.objects.filter(pk=session.pk).update(seen_at=at)
        session.seen_at = at


def person_of(*, session_key: str | None, at: datetime) -> User | None:
    """Return who is signed in with that session id, second factor and all: for a socket's door.

    A socket asks again now and then, for a leaver's session ends at once.
    """
    session = find(session_key=session_key)
    if session is None or session.verified_at is None or why_over(session=session, at=at):
        return None
    return session.user if session.user.is_active else None


def sessions_visible_to(user: User) -> QuerySet[SignInSession]:
    """Return the browsers ``user`` is signed in with, newest use first."""
    return SignInSession.objects.filter(
        user=user, ended_at=None, verified_at__isnull=False
    ).order_by("-seen_at")


def end(*, user: User, session_id: int, actor: Actor, at: datetime) -> None:
    """End one of the person's own sessions.

    :raises NoSuchSession: it is not the person's, or has ended already
    """
    session = SignInSession.objects.filter(user=user, pk=session_id, ended_at=None).first()
    if session is None:
        raise NoSuchSession(_("That session has ended already."))
    _end([session], at=at)
    _tell(user=user, count=1, actor=actor, at=at)


def end_all(*, user: User, actor: Actor, at: datetime, but: str | None = None) -> int:
    """End every session of ``user``, but for the one with the id ``but``; return how many."""
    ending = list(SignInSession.objects.filter(user=user, ended_at=None).exclude(session_key=but))
    if ending:
        _end(ending, at=at)
        _tell(user=user, count=len(ending), actor=actor, at=at)
    return len(ending)


def close(*, session_key: str | None, at: datetime) -> None:
    """Note that a person signed out, or that a limit did it."""
    SignInSession.objects.filter(session_key=session_key, ended_at=None).update(ended_at=at)


@transaction.atomic
def sign_out(*, session_key: str | None, actor: Actor, at: datetime) -> None:
    """End the session a person signs out of, and tell it; ending it twice tells it once."""
    session = find(session_key=session_key)
    if session is not None:
        close(session_key=session_key, at=at)
        audit.record(
            actor=actor,
            action="session.sign_out",
            subject_kind="User",
            subject=str(session.user_id),
            at=at,
        )


def _end(ending: list[SignInSession], *, at: datetime) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for session in ending:
        store(session.session_key).delete()
    SignInSession.objects.filter(pk__in=[session.pk for session in ending]).update(ended_at=at)


def _tell(*, user: User, count: int, actor: Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        action="session.end",
        subject_kind="User",
        subject=str(user.pk),
        at=at,
        after={"sessions": count},
    )

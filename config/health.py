"""Is every part alive? Processes beat into one table; ``/healthz`` compares with the clock."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from config.models import Heartbeat

EVERY_S: Final = 5.0
STALE_AFTER: Final = timedelta(seconds=20)
_BROKER_TIMEOUT_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the portal: whether it serves, and what a person should know of it."""

    ok: bool
    detail: str


def beat(*, part: str, at: datetime, detail: str = "") -> None:
    """Note that ``part`` is alive at ``at``."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": at, "detail": detail[:200]})


def status(*, at: datetime) -> dict[str, Part]:
    """Return every part that this installation expects (``EXPECTED_PARTS``), in that order."""
    asked = {"database": _database, "broker": _broker, "web": _web}
    beats = _beats()
    return {
        name: asked[name]() if name in asked else _part(name, beats, at)
        for name in settings.EXPECTED_PARTS
    }


def readiness() -> Part:
    """Return whether this process can take requests: all it needs is its database.

    The broker carries hints only, and what other parts do, :func:`status` tells.
    """
    return _database()


@contextmanager
def beating(*, part: str) -> Iterator[None]:
    """Beat every 5 s from a thread of its own while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(part, stop), name=f"beat-{part}")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat_until(part: str, stop: threading.Event) -> None:
    while not stop.is_set():
        # Without its database the part goes stale, and the database's own part tells why.
        with suppress(DatabaseError, InterfaceError):
            beat(part=part, at=timezone.now())
        connection.close()
        stop.wait(EVERY_S)


def _beats() -> dict[str, Heartbeat] | None:
    try:
        return {row.part: row for row in Heartbeat.objects.all()}
    except (DatabaseError, InterfaceError):
        return None


def _part(name: str, beats: dict[str, Heartbeat] | None, at: datetime) -> Part:
    if beats is None:
        return Part(ok=False, detail=_("unknown, for the database does not answer"))
    row = beats.get(name)
    if row is None:
        return Part(ok=False, detail=_("has not started"))
    if at - row.at >= STALE_AFTER:
        told = _("silent since %(at)s") % {"at": row.at.isoformat(timespec="seconds")}
        return Part(ok=False, detail=told)
    return Part(ok=True, detail=row.detail)


def _database() -> Part:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        return Part(ok=False, detail=type(error).__name__)
    return Part(ok=True, detail="")


def _broker() -> Part:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_BROKER_TIMEOUT_S,
        socket_connect_timeout=_BROKER_TIMEOUT_S,
    )
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        return Part(ok=False, detail=type(error).__name__)
    finally:
        client.close()
    return Part(ok=True, detail="")


def _web() -> Part:
    """The process that answers is the proof."""
    return Part(ok=True, detail="")

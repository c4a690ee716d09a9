"""Unsafe requests done once: a repetition hears the first answer (protocol section 1).

The record is written in the transaction of the act, under an advisory lock of caller and key, so
that an answer is kept if and only if its effect is. Of the key only a hash is kept; the answer is
sealed under a key derived from it, so that who reads the table reads no secret and no live number.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import transaction

from config import pipeline, sealing
from config.models import IdempotencyRecord
from config.pipeline import Statement
from config.refusals import Refused

KEY_MIN: Final = 16
KEY_MAX: Final = 255
KEPT_FOR: Final = timedelta(days=30)

# The caller proves itself anew, waits, or asks again with the same key: nothing to hold it to.
NEVER_KEPT: Final = frozenset({401, 429})
CODES_NEVER_KEPT: Final = frozenset({"tid_unknown"})


class IdempotencyMismatch(Refused):
    code = "idempotency_mismatch"
    title = "The idempotency key was used for another request"


class IdempotencyInProgress(Refused):
    code = "idempotency_in_progress"
    status = 409
    title = "The first request with this idempotency key still runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered: the HTTP status, the JSON bytes ("" for none), a problem's code."""

    status: int
    body: bytes
    code: str = ""

    @property
    def is_kept(self) -> bool:
        kept = self.status not in NEVER_KEPT and self.status < 500
        return kept and self.code not in CODES_NEVER_KEPT


def is_key(text: str) -> bool:
    """Return whether ``text`` may be a key: 16 to 255 characters of printable ASCII."""
    return KEY_MIN <= len(text) <= KEY_MAX and text.isascii() and text.isprintable()


def fingerprint(*, method: str, path: str, body: bytes) -> bytes:
    """Return what makes two requests the same: SHA-256 over method, path with query, and body."""
    head = f"{method}\n{path}\n".encode()
    return hashlib.sha256(head + body).digest()


@transaction.atomic
def once(
    *,
    caller: str,
    key: str,
    fingerprint: bytes,
    at: datetime,
    act: Callable[[], Answer],
    repeated: Callable[[Answer], Statement | None] = lambda _answer: None,
) -> Answer:
    """
    Do ``act`` and keep its answer, or return the answer kept for this caller and key.

    ``act`` returns refusals as answers. What it wrote is committed with its answer: services undo
    what a refusal undoes, and what they count (a wrong code, a lock) stays. An exception undoes
    everything and keeps nothing. ``repeated``: what to write where it was done before, beside the
    answer that is given again.

    :raises IdempotencyInProgress: the first request still runs
    :raises IdempotencyMismatch: the key was used with another method, path or body
    """
    key_hash = hashlib.sha256(f"{caller}\n{key}".encode()).digest()
    kept = _taken(caller, key_hash)
    if kept is not None:
        if kept.fingerprint != fingerprint:
            raise IdempotencyMismatch
        body = sealing.unseal(
            kept.answer, context=_context(caller, key_hash), key=_derived(caller, key)
        )
        answer = Answer(status=kept.status, body=body)
        noting = repeated(answer)
        if noting is not None:
            pipeline.run(noting)
        return answer
    answer = act()
    if answer.is_kept:
        sealed = sealing.seal(
            answer.body, context=_context(caller, key_hash), key=_derived(caller, key)
        )
        row = [caller, key_hash, fingerprint, answer.status, sealed, at]
        pipeline.run(Statement(_KEEP, row))
    return answer


def forget_older(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` answers older than 30 days; return how many."""
    old = IdempotencyRecord.objects.filter(created_at__lte=at - KEPT_FOR).values("pk")[:limit]
    count, _models = IdempotencyRecord.objects.filter(pk__in=old).delete()
    return count


class _Kept(NamedTuple):
    """What is kept of an answer: of which request, and the answer sealed."""

    fingerprint: bytes
    status: int
    answer: bytes


def _taken(caller: str, key_hash: bytes) -> _Kept | None:
    """
    Take the key for this transaction, and return what is kept under it, in one round trip.

    :raises IdempotencyInProgress: another has it; who waited would hold a connection idle
    """
    number = int.from_bytes(key_hash[:8], signed=True)
    taken, kept = pipeline.run(
        Statement(_TAKE, [number]),
        Statement(_FIND, [caller, key_hash]),
    )
    if taken.row != (True,):
        raise IdempotencyInProgress(retry_after_s=1)
    return None if kept.row is None else _Kept(*kept.row)


_TAKE: Final = "SELECT pg_try_advisory_xact_lock(%s)"
_FIND: Final = """
SELECT fingerprint, status, answer FROM config_idempotencyrecord
 WHERE caller = %s AND key_hash = %s
"""
_KEEP: Final = """
INSERT INTO config_idempotencyrecord (caller, key_hash, fingerprint, status, answer, created_at)
VALUES (%s, %s, %s, %s, %s, %s)
"""


def _derived(caller: str, key: str) -> bytes:
    info = f"paydesk idempotency v1\n{caller}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key.encode())


def _context(caller: str, key_hash: bytes) -> str:
    return f"idempotencyrecord.answer.{caller}.{key_hash.hex()}"

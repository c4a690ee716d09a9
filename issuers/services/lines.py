"""One message sent to an issuer's own system. Nothing here touches the database.

A question is waited for until its deadline, whatever the other side does meanwhile; a reversal or
a refund for 10 s. No redirect is followed, no proxy asked, and of an answer 4 KiB are read.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import httpx

from config.wire.errors import Malformed, WireError
from issuers.services import remote
from issuers.services.outbox import Parcel
from issuers.services.remote import Word
from issuers.wire import authorising
from issuers.wire.authorising import Question, Refund

CONNECT_S: Final = 2.0
ADVICE_S: Final = 10.0
_AGENT: Final = "Paydesk-Authorisations/1"


class Came(StrEnum):
    """What came of a sending."""

    WORD = "WORD"  # the question's end: a decision, or an answer that is none, or the deadline
    ACKNOWLEDGED = "ACKNOWLEDGED"  # a reversal or a refund
    NOTHING = "NOTHING"  # to be sent again


class Outcome(NamedTuple):
    """What a sending met with; ``word`` where a question has come to its end."""

    parcel: Parcel
    came: Came
    word: Word = remote.UNKNOWN


def client_of(*, places: int) -> httpx.AsyncClient:
    """Return the client of all sendings; connections are kept, for the address stays the same."""
    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=CONNECT_S),
        limits=httpx.Limits(max_connections=places, max_keepalive_connections=places),
        headers={"User-Agent": _AGENT, "Accept-Encoding": "identity"},
    )


async def send(
    *, parcel: Parcel, client: httpx.AsyncClient, clock: Callable[[], datetime]
) -> Outcome:
    """Send once and return what came of it; it never raises for what an issuer's system does."""
    ends_at = parcel.deadline_at
    left_s = ADVICE_S if ends_at is None else (ends_at - clock()).total_seconds()
    try:
        async with asyncio.timeout(max(0.0, left_s)):
            status, body = await _post(parcel, client)
    except TimeoutError:
        return Outcome(parcel, Came.WORD if parcel.is_question else Came.NOTHING)
    except (OSError, httpx.HTTPError, httpx.InvalidURL):
        return Outcome(parcel, Came.NOTHING)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Outcome(parcel, Came.NOTHING)
    return _read(parcel, status, body)


def _read(parcel: Parcel, status: int, body: bytes) -> Outcome:
    try:
        if status != httpx.codes.OK:
            raise Malformed(f"status {status}")
        if parcel.is_question:
            decision = authorising.decision_of(body, document=parcel.document)
            return Outcome(parcel, Came.WORD, remote.word_of(decision))
        done = _is_acknowledged(parcel.message, body)
    except WireError:
        return Outcome(parcel, Came.WORD if parcel.is_question else Came.NOTHING)
    return Outcome(parcel, Came.ACKNOWLEDGED if done else Came.NOTHING)


def _is_acknowledged(message: Question | Refund, body: bytes) -> bool:
    if isinstance(message, Refund):
        return authorising.refunded_in(body) == message.refund
    return authorising.reversed_in(body) == message.document


async def _post(parcel: Parcel, client: httpx.AsyncClient) -> tuple[int, bytes]:
    path, body = _written(parcel)
    headers = {"Authorization": f"Bearer {parcel.token}", "Content-Type": "application/json"}
    async with client.stream(
        "POST", f"{parcel.url}{path}", content=body, headers=headers
    ) as response:
        return response.status_code, await _beginning(response)


def _written(parcel: Parcel) -> tuple[str, bytes]:
    if isinstance(parcel.message, Refund):
        return authorising.REFUNDS, authorising.refund_of(parcel.message)
    if parcel.is_question:
        return authorising.AUTHORIZATIONS, authorising.body_of(parcel.message)
    return authorising.REVERSALS, authorising.reversal_of(parcel.document)


async def _beginning(response: httpx.Response) -> bytes:
    kept = b""
    async for block in response.aiter_raw(authorising.ANSWER_MAX):
        kept += block
        if len(kept) > authorising.ANSWER_MAX:
            return b""
    return kept

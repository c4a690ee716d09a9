"""The merchant's live payments: each numbered event once, in order, without a gap (protocol §8)."""

import asyncio
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.utils import timezone

from config import events
from config.people import sessions
from config.people.access import tenants_with
from config.roles import Right
from config.sequencer import HINT, group_of
from config.sockets import handshake_headers
from merchants.services import api_keys
from settlement.selectors import payments

UNAUTHORIZED: Final = 4401
HEARTBEAT_S: Final = 10.0
CHECK_S: Final = 3.0  # a right that ended closes the socket within 5 s
_PAGE: Final = 200


class MerchantPayments(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # untyped base
    """Sends ``{seq, type, at, payment}``. A hint only makes it read; the database is the truth."""

    merchant = ""
    seq = 0

    async def connect(self) -> None:
        self.reading = asyncio.Lock()
        self.clocks: list[asyncio.Task[None]] = []
        self.merchant = await database_sync_to_async(self._merchant_named)()
        await self.accept()
        if not self.merchant:
            await self.close(code=UNAUTHORIZED)
            return
        await self.channel_layer.group_add(group_of(scope=self.merchant), self.channel_name)
        self.seq = await database_sync_to_async(events.head)(scope=self.merchant)
        self.clocks = [
            asyncio.create_task(self._keep_beating()),
            asyncio.create_task(self._keep_checking()),
        ]

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Take a hint at once: before any handler Channels tidies Django's connections up.

        It does so in the one thread that all sockets share, and a hint uses none of them.
        """
        if message["type"] == HINT:
            await self.events_available(message)
        else:
            await super().dispatch(message)

    async def disconnect(self, code: int) -> None:
        for clock in self.clocks:
            clock.cancel()
        if self.merchant:
            await self.channel_layer.group_discard(group_of(scope=self.merchant), self.channel_name)

    async def events_available(self, hint: dict[str, Any]) -> None:
        """Send what is new; the sequencer has numbered something."""
        if hint["seq"] > self.seq:  # what came with an earlier one needs no look
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Send every event numbered since the last one sent, whatever hints were lost."""
        async with self.reading:
            more = True
            while more:
                frames = await payments.live_frames(
                    merchant=self.merchant, after=self.seq, limit=_PAGE
                )
                for frame in frames:
                    await self.send_json(frame)
                    self.seq = frame["seq"]
                more = len(frames) == _PAGE  # else what follows has its own hint

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self._catch_up()
            await self.send_json({"type": "heartbeat", "seq": self.seq})

    async def _keep_checking(self) -> None:
        allowed = self.merchant
        while allowed == self.merchant:
            await asyncio.sleep(CHECK_S)
            allowed = await database_sync_to_async(self._merchant_named)()
        with suppress(RuntimeError):  # it closed by itself meanwhile
            await self.close(code=UNAUTHORIZED)

    def _merchant_named(self) -> str:
        """Return whose payments the caller may watch now: its key's merchant, or ``?merchant=``.

        "" where there is none. Asked again and again, for rights end while sockets are open.
        """
        scheme, _space, token = (
            handshake_headers(self.scope).get("authorization", "").partition(" ")
        )
        if scheme.lower() == "bearer":
            holder = api_keys.look_up(token=token.strip())
            return holder.merchant_reference if holder else ""
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        return self._seen_by_person(query.get("merchant", [""])[0])

    def _seen_by_person(self, merchant: str) -> str:
        session = self.scope.get("session")
        key = session.session_key if session else None
        person = sessions.person_of(session_key=key, at=timezone.now())
        if person is None:
            return ""
        tenants = tenants_with(user=person, right=Right.SEE_PAYMENTS)
        return merchant if tenants.everything or merchant in tenants.references else ""

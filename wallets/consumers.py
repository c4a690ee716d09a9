"""The phone's socket: commands are pushed the moment they wait (protocol §5.2)."""

from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.utils import timezone

from config import events
from config.models import Device, Event
from config.models.devices import DeviceKind
from config.refusals import Refused
from config.sequencer import group_of
from config.signatures import verify_request
from config.sockets import handshake_headers, handshake_uri
from config.wire import b64
from issuers.services import commands
from settlement.selectors.checkouts import waiting_for
from wallets.services import phones

UNAUTHORIZED = 4401
_PAGE = 200


class PhoneCommands(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # untyped base
    """Pushes ``{type: "command", seq, command}``; a frame is a hint, the pull is the truth."""

    device: Device
    newest = 0
    seq = 0  # of the customer's own history

    async def connect(self) -> None:
        device = await database_sync_to_async(self._caller)()
        if device is None:
            await self.accept()
            await self.close(code=UNAUTHORIZED)
            return
        self.device = device
        self.group = f"device.{device.reference}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.channel_layer.group_add(group_of(scope=device.owner), self.channel_name)
        self.seq = await database_sync_to_async(events.head)(scope=device.owner)
        await self.accept()
        await self.commands_waiting({})
        await self.checkouts_waiting({})

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "group"):
            await self.channel_layer.group_discard(self.group, self.channel_name)
            await self.channel_layer.group_discard(
                group_of(scope=self.device.owner), self.channel_name
            )

    async def commands_waiting(self, event: dict[str, Any]) -> None:
        """Push what this socket has not pushed yet; a revoked phone hears no more."""
        waiting = await database_sync_to_async(self._waiting)()
        if waiting is None:
            await self.close(code=UNAUTHORIZED)
            return
        for command in waiting:
            frame = {"type": "command", "seq": command.seq, "command": b64.encode(command.command)}
            await self.send_json(frame)
            self.newest = max(self.newest, command.seq)

    async def checkouts_waiting(self, event: dict[str, Any]) -> None:
        """Push the purchases that wait for this phone's consent; again after each hint."""
        for waiting in await database_sync_to_async(self._checkouts)():
            await self.send_json({"type": "checkout", **waiting})

    async def events_available(self, event: dict[str, Any]) -> None:
        """Push what happened to the customer's pre-approvals since the last frame."""
        for happened in await database_sync_to_async(self._happened)():
            self.seq = happened.seq or self.seq
            frame = {"type": "preapproval", "event": happened.type, **happened.body}
            await self.send_json(frame)

    def _happened(self) -> list[Event]:
        return events.after(scope=self.device.owner, seq=self.seq, limit=_PAGE)

    def _checkouts(self) -> list[dict[str, Any]]:
        return waiting_for(device=self.device, at=timezone.now())

    def _waiting(self) -> list[commands.Outgoing] | None:
        alive = Device.objects.filter(pk=self.device.pk, state=Device.State.ACTIVE).exists()
        if not alive:
            return None
        return commands.pending_for(device=self.device, after=self.newest, at=timezone.now())

    def _caller(self) -> Device | None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        if "ticket" in query:
            return phones.take_ticket(ticket=query["ticket"][0], at=timezone.now())
        try:
            device = verify_request(
                method="GET",
                target_uri=handshake_uri(self.scope),
                headers=handshake_headers(self.scope),
                body=b"",
                at=timezone.now(),
            )
        except Refused:
            return None
        return device if device.kind == DeviceKind.PHONE else None

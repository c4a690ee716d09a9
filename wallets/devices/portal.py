"""A phone's calls to the portal (protocol sections 3.1 and 5.2); its state changes in the phone."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from config.wire import b64
from config.wire.client import PortalRefused, PortalSession
from config.wire.errors import WireError
from wallets.devices.commands import CommandRefused
from wallets.devices.phone import Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What became of one command: acknowledged, or why not."""

    seq: int
    acknowledged: bool
    reason: str = ""


class PhonePortal:
    """One phone at one portal. Every call may raise PortalRefused and PortalUnreachable."""

    def __init__(self, *, session: PortalSession, phone: Phone) -> None:
        self._session = session
        self._phone = phone

    def cards(self) -> list[dict[str, Any]]:
        """Return the customer's cards as the portal sees them."""
        cards: list[dict[str, Any]] = self._session.get("/wallet/cards").json()["cards"]
        return cards

    def fetch_certificate(self, *, card: bytes, at: int, authentication: str | None = None) -> bool:
        """Put the card on this phone with the commands that wait for it, before its first use.

        Return False when staff have to agree first.

        The idempotency key follows from the card's key, so asking again after a lost answer or a
        restart yields the same certificate.

        :raises CardNotAccepted: the certificate is not for this phone's key
        :raises WireError: it is not signed by a trusted issuer
        """
        public_key = self._phone.prepare_card(card=card)
        body = {"public_key": b64.encode(public_key)}
        if authentication is not None:
            body["authentication"] = authentication
        answer = self._session.post(
            f"/wallet/cards/{b64.encode(card)}/certificate",
            body=body,
            idempotency_key=f"certificate-{b64.encode(public_key[1:33])}",
        )
        if answer.status == HTTPStatus.ACCEPTED:
            return False
        certificate = b64.decode(answer.json()["certificate"])
        self._phone.accept_card(certificate=certificate, at=at)
        self.pull_commands(at=at)
        return True

    def pull_commands(self, *, at: int) -> list[Handled]:
        """Fetch, apply and acknowledge all commands after the latest pulled one."""
        handled: list[Handled] = []
        while True:
            after = self._phone.commands_after
            query = urlencode({"after": after})
            page = self._session.get(f"/wallet/commands?{query}").json()
            handled += [self.take_command(entry, at=at) for entry in page["commands"]]
            if page["next"] == after:
                return handled
            self._phone.commands_after = page["next"]
            self._phone.save()

    def take_command(self, entry: Mapping[str, Any], *, at: int) -> Handled:
        """Apply and acknowledge one ``{seq, command}``, pulled or pushed over the socket.

        A pushed one does not move what is pulled next: it is pulled again and acknowledged again,
        which harms nothing, while skipping one that was never pushed would.
        """
        try:
            ack = self._phone.receive_command(command=b64.decode(entry["command"]), at=at)
            self._session.post("/wallet/commands/ack", body={"ack": b64.encode(ack)})
        except (CommandRefused, WireError, PortalRefused) as refused:
            # One command that cannot be taken must not hold up those after it.
            return Handled(seq=entry["seq"], acknowledged=False, reason=str(refused))
        return Handled(seq=entry["seq"], acknowledged=True)

    def upload_records(self) -> int:
        """Give the portal the phone's own copies of its records; return how many."""
        count = 0
        for card in self._phone.cards:
            held = self._phone.credential(card)
            if not held.unsent:
                continue
            records = [b64.encode(record) for record in held.records[-held.unsent :]]
            self._session.post("/wallet/offline-records", body={"records": records})
            count += len(records)
            held.unsent = 0
            self._phone.save()
        return count

    def freeze(self, *, card: bytes) -> None:
        """Freeze the card here at once, then at the portal."""
        self._phone.freeze(card=card)
        self._session.post(f"/wallet/cards/{b64.encode(card)}/freeze")

    def unfreeze(self, *, card: bytes) -> None:
        """Lift the owner's freeze at the portal, then here; an issuer's block stays."""
        self._session.post(f"/wallet/cards/{b64.encode(card)}/unfreeze")
        self._phone.unfreeze(card=card)

    def socket_ticket(self) -> str:
        """Return a one-use ticket (30 s) for ``/ws/v1/wallet?ticket=``."""
        return str(self._session.post("/wallet/socket-tickets").json()["ticket"])

    def sync_trust(self, *, at: int) -> None:
        """Fetch the device configuration and take its trust list.

        :raises WireError: the platform did not sign it
        """
        document = self._session.get("/device/config").json()
        self._phone.configure(document=document, at=at)

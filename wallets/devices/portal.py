"""A phone's calls to the portal (protocol sections 3.1 and 5.2); its state changes in the phone."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from config.wire import b64
from config.wire.client import PortalRefused, PortalSession
from config.wire.errors import WireError
from wallets.devices.commands import CommandRefused
from wallets.devices.phone import Phone
from wallets.devices.proofs import prove
from wallets.devices.wishes import Wish


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

        Return False when staff have to agree first. ``authentication``: of :meth:`authenticate`,
        where the programme wants it.

        The idempotency key follows from the card's key, so asking again after a lost answer or a
        restart yields the same certificate; after an answer that asked for patience or for proof
        it is another question. A key that staff refused is forgotten.

        :raises CardNotAccepted: the certificate is not for this phone's key
        :raises WireError: it is not signed by a trusted issuer
        """
        self._keep_trust(at=at)
        wish = self._phone.wish(card=card)
        public_key = wish.key.public
        body = {"public_key": b64.encode(public_key)}
        if authentication is not None:
            body["authentication"] = authentication
        asked = public_key + wish.turn.to_bytes(4) + (authentication or "").encode()
        try:
            answer = self._session.post(
                f"/wallet/cards/{b64.encode(card)}/certificate",
                body=body,
                idempotency_key=f"certificate-{b64.encode(sha256(asked).digest())}",
            )
        except PortalRefused as refused:
            self._refused(card, refused.code)
            raise
        if answer.status == HTTPStatus.ACCEPTED:
            self._ask_anew(wish)
            return False
        certificate = b64.decode(answer.json()["certificate"])
        self._phone.accept_card(certificate=certificate, at=at, awaits_commands=True)
        self.pull_commands(at=at)
        return True

    def _refused(self, card: bytes, code: str) -> None:
        if code == "certificate_refused":
            self._phone.give_up(card=card)
        else:
            self._ask_anew(self._phone.wish(card=card))

    def _ask_anew(self, wish: Wish) -> None:
        wish.turn += 1
        self._phone.save()

    def authenticate(self, *, device: str, app_serial: str, verified: bool) -> str:
        """Return an authentication for one act within 5 minutes (protocol §7).

        ``device``: this phone's id at the portal; ``verified``: the phone has just checked its
        holder by PIN or biometric.
        """
        return prove(
            session=self._session,
            key=self._phone.device_key,
            device=device,
            app_serial=app_serial,
            verified=verified,
        )

    def pull_commands(self, *, at: int) -> list[Handled]:
        """Fetch, apply and acknowledge all commands after the latest pulled one.

        The trust list comes first when it is due: a command may be signed by a key rolled since.

        :raises WireError: the platform did not sign the trust list
        """
        self._keep_trust(at=at)
        handled: list[Handled] = []
        while True:
            after = self._phone.commands_after
            query = urlencode({"after": after})
            page = self._session.get(f"/wallet/commands?{query}").json()
            handled += [self.take_command(entry, at=at) for entry in page["commands"]]
            if page["next"] == after:
                self._phone.heard()
                return handled
            self._phone.commands_after = page["next"]
            self._phone.save()

    def take_command(self, entry: Mapping[str, Any], *, at: int) -> Handled:
        """Apply and acknowledge one ``{seq, command}``, pulled or pushed over the socket.

        A pushed one does not move what is pulled next: it is pulled again and acknowledged again,
        which harms nothing, while skipping one that was never pushed would.
        """
        command = b64.decode(entry["command"])
        try:
            ack = self._phone.receive_command(command=command, at=at)
        except (CommandRefused, WireError) as refused:
            # One command that cannot be taken must not hold up those after it.
            return Handled(seq=entry["seq"], acknowledged=False, reason=str(refused))
        try:
            self._session.post("/wallet/commands/ack", body={"ack": b64.encode(ack)})
        except PortalRefused as refused:
            self._phone.acknowledged(command=command)
            return Handled(seq=entry["seq"], acknowledged=False, reason=str(refused))
        self._phone.acknowledged(command=command)
        return Handled(seq=entry["seq"], acknowledged=True)

    def upload_records(self) -> int:
        """Give the portal the phone's own copies of its records; return how many."""
        count = 0
        for held in self._phone.credentials:
            if not held.unsent:
                continue
            records = [b64.encode(record) for record in held.unsent_records()]
            self._session.post("/wallet/offline-records", body={"records": records})
            count += len(records)
            held.sent(count=len(records))
            self._phone.save()
        return count

    def sign_out(self, *, at: int) -> None:
        """Send what the portal has not had, then delete every card.

        :raises SignOutRefused: something is still unsent
        """
        self.pull_commands(at=at)
        self.upload_records()
        self._phone.sign_out()

    def freeze(self, *, card: bytes) -> None:
        """Freeze the card here at once, then at the portal, which tells the other phones."""
        self._phone.freeze(card=card)
        self._session.post(f"/wallet/cards/{b64.encode(card)}/freeze")
        self._phone.freeze(card=card, told=True)

    def unfreeze(self, *, card: bytes, at: int) -> None:
        """Lift the owner's freeze at the portal, then here; an issuer's block stays.

        The unblock that the portal now sends to every phone with the card is pulled at once.
        """
        self._session.post(f"/wallet/cards/{b64.encode(card)}/unfreeze")
        self._phone.unfreeze(card=card)
        self.pull_commands(at=at)

    def socket_ticket(self) -> str:
        """Return a one-use ticket (30 s) for ``/ws/v1/wallet?ticket=``."""
        return str(self._session.post("/wallet/socket-tickets").json()["ticket"])

    def _keep_trust(self, *, at: int) -> None:
        if self._phone.trusted.is_due(at=at):
            self.sync_trust(at=at)

    def sync_trust(self, *, at: int) -> None:
        """Fetch the device configuration and take its trust list.

        :raises WireError: the platform did not sign it
        """
        document = self._session.get(self._phone.trusted.config_path(at=at)).json()
        self._phone.configure(document=document, at=at)

"""The simulated phones: one process of pockets, each phone with its own key, network and state.

``python -m settlement.simulation.phones FOLDER NAME ORIGIN``; see :mod:`reader` for the words.
"""

import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from config.wire import b64, durable
from config.wire.client import PortalUnreachable, enrol
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from settlement.simulation.device import Connection
from settlement.simulation.journal import Journal
from settlement.simulation.orders import UNREACHABLE, Answer, Order, serve
from wallets.devices import tap
from wallets.devices.credential import Offer
from wallets.devices.phone import Phone
from wallets.devices.portal import PhonePortal
from wallets.wire import Verification
from wallets.wire.pin_code import psn_key

_THREADS: Final = 16
_SECRET_BYTES: Final = 32
_PIN: Final = "0000"  # of a phone nobody else ever holds


class SimulatedPhone:
    """One phone in a pocket."""

    def __init__(self, *, folder: Path, number: int, origin: str, journal: Journal) -> None:
        self._path = folder / f"phone-{number}.json"
        self._number = number
        self._journal = journal
        self._connection = Connection(origin=origin)
        self._lock = self._connection.lock
        self._device = ""
        self._phone: Phone | None = None
        self._portal: PhonePortal | None = None

    def resume(self) -> Answer:
        """Come back from the disk, if this phone was enrolled before."""
        kept = durable.read(path=self._path)
        if kept is None:
            return {"device": None}
        with self._lock:
            self._device = kept["device"]
            phone = Phone.from_state(kept["phone"], save=self._save)
            self._take(phone)
        return {"device": self._device, "cards": [b64.encode(card) for card in phone.cards]}

    def enrol(self, *, code: str, name: str, at: int) -> Answer:
        """Become a device of the customer whose code this is."""
        key, secret = SigningKey.generate(), secrets.token_bytes(_SECRET_BYTES)
        with self._lock:
            told = enrol(
                session=self._connection.session(key=key),
                code=code,
                kind="PHONE",
                name=name,
                public_key=key.public,
                app_serial=f"SIM-{secrets.token_hex(4)}",
                psn_key=psn_key(device_secret=secret, pin=_PIN),
            )
            trusted = TrustList.of_enrolment(
                platform_key=told["platform_key"], issuers=told["issuers"]
            )
            self._device = told["device"]
            phone = Phone(device_key=key, trusted=trusted, save=self._save)
            self._take(phone)
            phone.save()
            self._ours()[1].sync_trust(at=at)
        return {"device": self._device}

    def network(self, *, away: bool) -> Answer:
        """Take the way to the portal down, or bring it back."""
        self._connection.network.away = away
        return {}

    def certify(self, *, card: str, at: int) -> Answer:
        """Put ``card`` on the phone, or renew what is on it: a new key, a new certificate."""
        with self._lock:
            agreed = self._ours()[1].fetch_certificate(card=b64.decode(card), at=at)
            terms = self._ours()[0].credential(b64.decode(card)).terms
        self._journal.note("certify", result="ok", phone=self._number, at=at, card=card)
        return {"certified": agreed, "serial": b64.encode(terms.serial)}

    def poll(self, *, at: int) -> Answer:
        """Fetch the issuer's commands, apply and acknowledge them; tell how each card stands."""
        began = time.time()
        with self._lock:
            phone, portal = self._ours()
            try:
                handled = portal.pull_commands(at=at)
            except PortalUnreachable:
                self._journal.note(
                    "poll", result=UNREACHABLE, start=began, phone=self._number, at=at
                )
                raise
            marks = self._marks(phone)
        refused = [each.reason for each in handled if not each.acknowledged]
        facts = {"commands": len(handled), "refused": refused, "marks": marks}
        self._journal.note("poll", result="ok", start=began, phone=self._number, at=at, **facts)
        return facts

    def send_copies(self) -> Answer:
        """Give the portal the phone's own copies of what it signed."""
        with self._lock:
            count = self._ours()[1].upload_records()
        self._journal.note("copies", result="ok", phone=self._number, count=count)
        return {"count": count}

    def pay(self, *, tap_number: int, card: str, port: int, at: int) -> Answer:
        """Tap ``card`` at the reader listening on ``port``; a frozen one opens no connection."""
        return self._tapped(tap.pay, tap_number, card, port, at)

    def void(self, *, tap_number: int, card: str, port: int, at: int) -> Answer:
        """Let the reader on ``port`` take a sale of ``card`` back."""
        return self._tapped(tap.void, tap_number, card, port, at)

    def _tapped(self, gesture: Any, number: int, card: str, port: int, at: int) -> Answer:
        began = time.time()
        with self._lock:
            outcome: tap.Outcome = gesture(
                phone=self._ours()[0],
                card=b64.decode(card),
                address=("127.0.0.1", port),
                at=at,
                gesture=_agree,
            )
        told = asdict(outcome)
        facts = {"phone": self._number, "card": card, "tap": number, "at": at}
        self._journal.note("tap", result=told.pop("state"), start=began, **facts, **told)
        return asdict(outcome)

    def _marks(self, phone: Phone) -> dict[str, dict[str, Any]]:
        held = {card: phone.credential(card) for card in phone.cards}
        return {
            b64.encode(card): {"blocked": each.blocked, "version": each.version, "atc": each.atc}
            for card, each in held.items()
        }

    def _take(self, phone: Phone) -> None:
        session = self._connection.session(key=phone.device_key, keyid=self._device)
        self._phone, self._portal = phone, PhonePortal(session=session, phone=phone)

    def _ours(self) -> tuple[Phone, PhonePortal]:
        assert self._phone is not None, "the phone is enrolled or resumed before any other order"
        assert self._portal is not None
        return self._phone, self._portal

    def _save(self, state: Mapping[str, Any]) -> None:
        durable.write(path=self._path, state={"device": self._device, "phone": state})


def _agree(_offer: Offer) -> Verification:
    """The customer looks at the amount and puts a finger on the sensor."""
    return Verification.PIN_OR_BIOMETRIC


class Pockets:
    """All phones of this process, made when first spoken of; each order names its phone."""

    def __init__(self, *, folder: Path, name: str, origin: str) -> None:
        self._folder = folder
        self._origin = origin
        self._journal = Journal(folder / f"{name}.jsonl")
        self._phones: dict[int, SimulatedPhone] = {}

    def orders(self) -> dict[str, Order]:
        """Return what the conductor may order."""
        names = ("resume", "enrol", "network", "certify", "poll", "send_copies", "pay", "void")
        return {name: self._order(name) for name in names}

    def _order(self, name: str) -> Order:
        def carry_out(*, phone: int, **words: Any) -> Answer:
            answer: Answer = getattr(self._phone(phone), name)(**words)
            return answer

        return carry_out

    def _phone(self, number: int) -> SimulatedPhone:
        if (found := self._phones.get(number)) is not None:
            return found
        fresh = SimulatedPhone(
            folder=self._folder, number=number, origin=self._origin, journal=self._journal
        )
        return self._phones.setdefault(number, fresh)


def main() -> None:
    """Run the phones until their pipe is closed."""
    folder, name, origin = sys.argv[1:4]
    pockets = Pockets(folder=Path(folder), name=name, origin=origin)
    serve(orders=pockets.orders(), threads=_THREADS)


if __name__ == "__main__":
    main()

"""The simulated phones: one process of pockets, each phone with its own key, network and state.

``python -m settlement.simulation.phones FOLDER NAME ORIGIN``; see :mod:`reader` for the words.
"""

import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from config.wire import b64
from config.wire.client import PortalUnreachable, enrol
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from settlement.simulation.device import Connection, Cut, PowerCut, State, Storage, World
from settlement.simulation.journal import Journal
from settlement.simulation.orders import UNREACHABLE, Answer, Order, serve
from settlement.simulation.sabotage import Unsound
from settlement.simulation.shopping import Shopper
from wallets.devices import tap
from wallets.devices.credential import Offer
from wallets.devices.phone import Phone
from wallets.devices.pins import PinCodes
from wallets.devices.portal import PhonePortal
from wallets.devices.preapprovals import PhonePreapprovals, Wish
from wallets.wire import Verification

_THREADS: Final = 16
_ORDERS: Final = (
    "resume",
    "enrol",
    "network",
    "skew",
    "back_up",
    "roll_back",
    "certify",
    "poll",
    "send_copies",
    "pay",
    "void",
    "buy",
    "approve_ahead",
)


class Purse(NamedTuple):
    """What a phone pays at tills with, and proves its holder: key, id, app serial, PIN counter."""

    key: SigningKey
    device: str
    pins: PinCodes
    app_serial: str


class SimulatedPhone:
    """One phone in a pocket."""

    def __init__(self, *, folder: Path, number: int, world: World, journal: Journal) -> None:
        self._storage = Storage(world=world, path=_file(folder, number))
        self._number = number
        self._journal = journal
        self._world = world
        self._connection = Connection(world=world)
        self._lock = self._connection.lock
        self._device = self._app_serial = ""
        self._phone: Phone | None = None
        self._portal: PhonePortal | None = None
        purse = folder / f"phone-{number}.pins.json"
        self._shopper = Shopper(world=world, path=purse, number=number, journal=journal)

    def resume(self) -> Answer:
        """Come back from the disk, if this phone was enrolled before."""
        with self._lock:
            return self._resume()

    def _resume(self) -> Answer:
        kept = self._storage.read()
        if kept is None:
            return {"device": None}
        self._device = kept["device"]
        self._app_serial = kept.get("app_serial", "")  # none in a file of before it was kept
        self._shopper.resume()
        phone = Phone.from_state(kept["phone"], save=self._save)
        self._take(phone)
        return {"device": self._device, "cards": [b64.encode(card) for card in phone.cards]}

    def enrol(self, *, code: str, name: str, at: int) -> Answer:
        """Become a device of the customer whose code this is."""
        key = SigningKey.generate()
        with self._lock:
            self._app_serial = f"SIM-{secrets.token_hex(4)}"
            told = enrol(
                session=self._connection.session(key=key),
                code=code,
                kind="PHONE",
                name=name,
                public_key=key.public,
                app_serial=self._app_serial,
                psn_key=self._shopper.new_psn_key(),
            )
            trusted = TrustList.of_enrolment(
                platform_key=told["platform_key"], issuers=told["issuers"]
            )
            self._device = told["device"]
            phone = Phone(device_key=key, trusted=trusted, save=self._save)
            self._take(phone)
            phone.save()
            self._ours()[1].sync_trust(at=at)
        self._journal.note("enrol", result="ok", phone=self._number, device=self._device)
        return {"device": self._device}

    def network(self, *, away: bool) -> Answer:
        """Take the way to the portal down, or bring it back."""
        self._connection.network.away = away
        return {}

    def skew(self, *, seconds: int) -> Answer:
        """Put the phone's clock ahead of the true time, or behind it; 0 sets it right."""
        before, self._connection.skew_s = self._connection.skew_s, seconds
        if seconds not in {0, before}:
            self._fault("clock-skew", seconds=seconds)
        return {}

    def back_up(self) -> Answer:
        """Put a copy of the whole state aside."""
        self._storage.keep_copy()
        return {}

    def roll_back(self) -> Answer:
        """Restore that copy: counters, marks and certificates are those of then."""
        copy = self._storage.copy()
        assert copy is not None, "a copy was put aside before"
        with self._lock:
            self._storage.write(copy)
            self._resume()
            self._fault("atc-rollback", cards=self._tokens())
        return {}

    def become_copy(self, *, of: Path) -> Answer:
        """Be a clone: the backup of another phone, keys and all."""
        copied = Storage(world=self._world, path=of).copy()
        assert copied is not None, "a copy was put aside before"
        with self._lock:
            self._storage.write(copied)
            self._resume()
            self._fault("cloned-phone", cards=self._tokens())
        return {}

    def _fault(self, kind: str, **facts: Any) -> None:
        self._journal.note("fault", result=kind, phone=self._number, **facts)

    def _tokens(self) -> list[str]:
        return [b64.encode(card) for card in self._ours()[0].cards]

    def _own(self, at: int) -> int:
        return at + self._connection.skew_s

    def certify(self, *, card: str, at: int) -> Answer:
        """Put ``card`` on the phone, or renew what is on it: a new key, a new certificate."""
        with self._lock:
            agreed = self._ours()[1].fetch_certificate(card=b64.decode(card), at=self._own(at))
            terms = self._ours()[0].credential(b64.decode(card)).terms
        self._journal.note("certify", result="ok", phone=self._number, at=at, card=card)
        return {"certified": agreed, "serial": b64.encode(terms.serial)}

    def poll(self, *, at: int) -> Answer:
        """Fetch the issuer's commands, apply and acknowledge them; tell how each card stands."""
        began, at = time.time(), self._own(at)
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

    def pay(self, *, tap_number: int, card: str, port: int, at: int, cut: str = "") -> Answer:
        """Tap ``card`` at the reader listening on ``port``; a frozen one opens no connection.

        ``cut``: the power fails before or after the phone has written down what it signed.
        """
        return self._tapped(tap.pay, tap_number, card=card, port=port, at=self._own(at), cut=cut)

    def void(self, *, tap_number: int, card: str, port: int, at: int) -> Answer:
        """Let the reader on ``port`` take a sale of ``card`` back."""
        return self._tapped(tap.void, tap_number, card=card, port=port, at=self._own(at), cut="")

    def buy(self, **words: Any) -> Answer:
        """Pay or decline at a till; see :meth:`Shopper.buy`."""
        session = self._connection.session(
            key=self._ours()[0].device_key, keyid=self._device, attempts=1
        )
        with self._lock:
            return self._shopper.buy(session=session, **words)

    def approve_ahead(
        self, *, card: str, amount_minor: int, currency: str, pickup_code: str
    ) -> Answer:
        """Have cash approved beforehand; return the code for the machine, "" where there is none.

        The code leaves this process once, by the pipe, and stands in no journal.
        """
        if not self._app_serial:
            return {"code": "", "state": "NO_SERIAL"}
        key = self._ours()[0].device_key
        wallet = PhonePreapprovals(
            session=self._connection.session(key=key, keyid=self._device),
            key=key,
            device=self._device,
            app_serial=self._app_serial,
            random_bytes=secrets.token_bytes,
            save=lambda _state: None,  # a number whose answer got lost runs out
        )
        wish = Wish(
            kind="CASH",
            card=b64.decode(card),
            amount_minor=amount_minor,
            currency=currency,
            pickup_code=pickup_code,
        )
        with self._lock:
            told = wallet.approve(wish)
        facts: dict[str, Any] = {"phone": self._number, "card": card, "amount_minor": amount_minor}
        self._journal.note("approve_ahead", result=told.state.lower(), **facts)
        return {"code": told.code, "state": told.state}

    def purse(self) -> Purse:
        """Return what an enrolled phone pays at tills with."""
        assert self._shopper.pins is not None, "an enrolled phone has its PIN"
        key = self._ours()[0].device_key
        return Purse(key, self._device, self._shopper.pins, self._app_serial)

    def _tapped(
        self, gesture: Any, number: int, *, card: str, port: int, at: int, cut: str
    ) -> Answer:
        began = time.time()
        with self._lock:
            before = self._made_unsound()
            self._storage.cut = Cut(cut) if cut else None
            try:
                outcome: tap.Outcome = gesture(
                    phone=self._ours()[0],
                    card=b64.decode(card),
                    address=("127.0.0.1", port),
                    at=at,
                    gesture=_agree,
                )
            except PowerCut:
                outcome = tap.Outcome(state=tap.TapState.UNKNOWN, code="power_cut")
                self._fault("power-cut", tap=number, when=cut)
                self._resume()
            finally:
                self._storage.cut = None
            if before is not None:
                self._storage.write(before)
                self._resume()
        told = asdict(outcome)
        facts = {"phone": self._number, "card": card, "tap": number, "at": at}
        self._journal.note("tap", result=told.pop("state"), start=began, **facts, **told)
        return asdict(outcome)

    def _made_unsound(self) -> State | None:
        """Break what a negative control wants broken; return the state to fall back to, if any."""
        unsound = self._world.unsound
        if unsound is Unsound.PHONE_TALKS:
            phone = self._ours()[0]
            for card in phone.cards:
                phone.credential(card).blocked = False
        return self._storage.read() if unsound is Unsound.PHONE_FORGETS else None

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
        kept = {"device": self._device, "app_serial": self._app_serial, "phone": state}
        self._storage.write(kept)


def _file(folder: Path, number: int) -> Path:
    return folder / f"phone-{number}.json"


def _agree(_offer: Offer) -> Verification:
    """The customer looks at the amount and puts a finger on the sensor."""
    return Verification.PIN_OR_BIOMETRIC


class Pockets:
    """All phones of this process, made when first spoken of; each order names its phone."""

    def __init__(self, *, folder: Path, name: str, world: World) -> None:
        self._folder = folder
        self._world = world
        self.journal = Journal(folder / f"{name}.jsonl")
        self._phones: dict[int, SimulatedPhone] = {}

    def orders(self) -> dict[str, Order]:
        """Return what the conductor may order."""
        return {name: self._order(name) for name in _ORDERS} | {"clone": self._clone}

    def _order(self, name: str) -> Order:
        def carry_out(*, phone: int, **words: Any) -> Answer:
            answer: Answer = getattr(self.phone(phone), name)(**words)
            return answer

        return carry_out

    def _clone(self, *, phone: int, of: int) -> Answer:
        """Make ``phone`` what another one was when its copy was put aside."""
        return self.phone(phone).become_copy(of=_file(self._folder, of))

    def phone(self, number: int) -> SimulatedPhone:
        """Return the phone of that number, made when first spoken of."""
        if (found := self._phones.get(number)) is not None:
            return found
        fresh = SimulatedPhone(
            folder=self._folder, number=number, world=self._world, journal=self.journal
        )
        return self._phones.setdefault(number, fresh)


def main() -> None:
    """Run the phones until their pipe is closed."""
    folder, name, origin = sys.argv[1:4]
    pockets = Pockets(folder=Path(folder), name=name, world=World(origin=origin))
    serve(orders=pockets.orders(), threads=_THREADS)


if __name__ == "__main__":
    main()

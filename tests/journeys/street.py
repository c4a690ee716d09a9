"""Phones, readers and shops, made of what any outside client has: codes, requests, sockets."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from config.wire import b64, client, durable
from config.wire.client import PortalSession
from config.wire.keys import SigningKey, kid_of
from config.wire.trust import TrustList
from merchants.devices.facts import Knowledge
from merchants.devices.limits import ReaderLimits
from merchants.devices.portal import ReaderPortal
from merchants.devices.reader import Reader
from merchants.devices.tap import Sale
from tests.journeys.counter import Counter, now
from tests.journeys.line import Line
from tests.journeys.portal import Portal
from wallets.devices import tap as phone_tap
from wallets.devices.phone import Phone
from wallets.devices.pins import PinCodes
from wallets.devices.portal import PhonePortal
from wallets.devices.purchases import PhonePurchases
from wallets.wire import Verification

PIN = "314159"
PROGRAMME_CURRENCY = "KRW"


@dataclass(kw_only=True)
class Shop:
    """A merchant as its own server sees the portal: by API key."""

    merchant: str
    store: str
    api_key: str
    origin: str

    def ask(self, path: str) -> dict[str, Any]:
        answer = httpx.get(
            f"{self.origin}/api/v1/merchant/{path}",
            headers={"authorization": f"Bearer {self.api_key}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def payments(self) -> list[dict[str, Any]]:
        payments: list[dict[str, Any]] = self.ask("payments?limit=500")["payments"]
        return payments

    def events(self, *, after: int = 0) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.ask(f"events?after={after}&limit=500")["events"]
        return events


@dataclass(kw_only=True)
class Handset:
    """A customer's phone, with a line to the portal that is used only when a test says so."""

    phone: Phone
    portal: PhonePortal
    session: PortalSession
    purchases: PhonePurchases
    pins: PinCodes
    device: str
    customer: str
    secret: bytes  # what its PIN codes are made with
    app_serial: str

    def take(self, card: str) -> bytes:
        """Put a card of the customer on this phone and return its token."""
        token = b64.decode(card)
        assert self.portal.fetch_certificate(card=token, at=now())
        return token

    def at_the_portal(self, card: str) -> dict[str, Any]:
        """Return the card as the portal shows it to its owner."""
        return next(entry for entry in self.portal.cards() if entry["card"] == card)


class Street:
    """Makes shops, customers, cards and devices at one portal, each by the command a person has."""

    def __init__(self, *, portal: Portal, folder: Path) -> None:
        self.portal = portal
        self._folder = folder
        self.http = httpx.Client(timeout=15)
        found = portal.manage("programmes")["programmes"]
        self.programme = next(one for one in found if one["currency"] == PROGRAMME_CURRENCY)

    def shop(self, name: str, *, currency: str = PROGRAMME_CURRENCY) -> Shop:
        told = self.portal.manage("merchant_add", "--name", name, "--currency", currency)
        return Shop(
            merchant=told["merchant"],
            store=told["store"],
            api_key=told["api_key"],
            origin=self.portal.origin,
        )

    def customer(self, name: str = "Kim Mina") -> str:
        return str(self.portal.manage("customer_add", "--name", name)["customer"])

    def card(
        self, customer: str, *, balance: int = 1_000_000, programme: str = ""
    ) -> dict[str, Any]:
        """Issue a card and return ``{card, issuer, balance, …}`` as the command tells it."""
        return self.portal.manage(
            *("card_issue", "--customer", customer),
            *("--programme", programme or self.programme["programme"], "--balance", str(balance)),
        )

    def block(self, card: str, *, reason: str = "LOST") -> dict[str, Any]:
        return self.portal.manage("blacklist", "block", "--card", card, "--reason", reason)

    def unblock(self, card: str) -> dict[str, Any]:
        return self.portal.manage("blacklist", "unblock", "--card", card)

    def handset(self, customer: str, *, pin: str = PIN) -> Handset:
        """Enrol a phone of the customer, without any card on it yet."""
        key, secret = SigningKey.generate(), os.urandom(32)
        app_serial = b64.encode(os.urandom(9))
        pins = PinCodes(device_secret=secret, save=lambda _state: None)
        told = self.enrol(
            "PHONE",
            owner=("--customer", customer),
            key=key,
            app_serial=app_serial,
            psn_key=pins.psn_key(pin=pin),
        )
        phone = Phone(device_key=key, trusted=_trusted(told), save=self.disk(told["device"]))
        session = self.session(key, told["device"])
        return Handset(
            phone=phone,
            portal=PhonePortal(session=session, phone=phone),
            session=session,
            purchases=self._purchases(key, told["device"], pins),
            pins=pins,
            device=told["device"],
            customer=customer,
            secret=secret,
            app_serial=app_serial,
        )

    def over(self, handset: Handset, http: httpx.Client) -> Handset:
        """Return the same phone, paying over another HTTP client."""
        made = self._purchases(handset.phone.device_key, handset.device, handset.pins, http=http)
        return replace(handset, purchases=made)

    def hasty(self, handset: Handset, times: float) -> Handset:
        """Return the same phone, whose patience ends so many times sooner when it pays."""
        made = self._purchases(handset.phone.device_key, handset.device, handset.pins, times=times)
        return replace(handset, purchases=made)

    def _purchases(
        self,
        key: SigningKey,
        device: str,
        pins: PinCodes,
        *,
        http: httpx.Client | None = None,
        times: float = 1,
    ) -> PhonePurchases:
        return PhonePurchases(
            session=self.session(key, device, attempts=1, http=http),
            pins=pins,
            clock=lambda: time.time() * times,
            sleep=lambda seconds: time.sleep(seconds / times),
            random_bytes=os.urandom,
            save=self.disk(f"{device}-purchase"),
        )

    def counter(self, shop: Shop, *, line: Line | None = None) -> Counter:
        """Enrol a reader of the shop that knows its limits and holds the current lists.

        With ``line`` it reaches the portal over that, and asks there about taps.
        """
        key = SigningKey.generate()
        told = self.enrol("READER", owner=("--merchant", shop.merchant), key=key)
        reader = Reader(
            key=key,
            certificate=b64.decode(told["certificate"]),
            known=Knowledge(
                trusted=_trusted(told), limits=ReaderLimits(floor_minor={}, unsent_minor={})
            ),
            random_bytes=os.urandom,
            save=self.disk(told["device"]),
            save_list=lambda issuer, state: self.disk(f"{told['device']}-{issuer}")(state),
        )
        session = self.session(key, told["device"], origin=line.origin if line else "")
        portal = ReaderPortal(session=session, reader=reader)
        portal.sync_config(at=now())
        portal.refresh_blacklists(at=now())
        return Counter(
            reader=reader,
            portal=portal,
            session=session,
            log=self._folder / f"{told['device']}.log",
            authorize=portal.authorize if line else None,
        )

    def enrol(
        self, kind: str, *, owner: tuple[str, str], key: SigningKey, **more: Any
    ) -> dict[str, Any]:
        """Enrol a device by a code of its own; return the portal's answer."""
        code = self.portal.manage("enrolment_code", "--kind", kind, *owner)["code"]
        return client.enrol(
            session=self.session(key, b64.encode(kid_of(key.public))),
            code=code,
            kind=kind,
            name=f"{kind.capitalize()} on the street",
            public_key=key.public,
            **more,
        )

    def session(
        self,
        key: SigningKey,
        keyid: str,
        *,
        origin: str = "",
        attempts: int = 4,
        http: httpx.Client | None = None,
    ) -> PortalSession:
        """Return the signed line of a device to the portal."""
        return PortalSession(
            http=http or self.http,
            origin=origin or self.portal.origin,
            key=key,
            keyid=keyid,
            clock=time.time,
            random_bytes=os.urandom,
            sleep=time.sleep,
            attempts=attempts,
        )

    def disk(self, name: str) -> "Disk":
        """Return where a device of this street keeps its state."""
        return Disk(self._folder / f"{name}.json")


@dataclass
class Disk:
    """Where a device keeps its state, written through before anything signed leaves it."""

    path: Path

    def __call__(self, state: Mapping[str, Any]) -> None:
        durable.write(path=self.path, state=state)


def tap(
    handset: Handset,
    card: bytes,
    counter: Counter,
    amount_minor: int,
    *,
    currency: str = PROGRAMME_CURRENCY,
    skew_s: int = 0,
) -> phone_tap.Outcome:
    """Ring up an amount, hold the phone to the reader, and return how it ended for the phone."""
    counter.demand = Sale(amount_minor=amount_minor, currency=currency)
    counter.skew_s = skew_s
    outcome = phone_tap.pay(
        phone=handset.phone,
        card=card,
        address=counter.address,
        at=now() + skew_s,
        gesture=lambda _offer: Verification.PIN_OR_BIOMETRIC,
    )
    if outcome.contacted:
        counter.outcomes.get(timeout=10)  # the reader's own word, with its last line in the log
    return outcome


def _trusted(told: Mapping[str, Any]) -> TrustList:
    return TrustList.of_enrolment(platform_key=told["platform_key"], issuers=told["issuers"])

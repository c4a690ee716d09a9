"""A phone that pays at tills: reads bills at relays, claims, approves (protocol section 4.1).

Waiting and asking only; what is decided is decided in :class:`Purchase`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from config.wire import b64
from config.wire.client import PortalRefused, PortalSession, PortalUnreachable
from config.wire.errors import WireError
from merchants.wire import Bill
from wallets.devices.pins import PinCodes
from wallets.devices.purchase import RETRY_AFTER_S, Purchase
from wallets.devices.purchase_words import Step, WalletCall

RELAY_WITHIN_S: Final = 5.0
_LIST_BYTES_MAX: Final = 512 * 1024
_KEY_BYTES: Final = 16
_COUNTER_TRIES: Final = 8

type Told = Callable[[Purchase], None]


class BillUnreadable(Exception):
    """The relay is out of reach, holds nothing there, or gives what is no bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBill:
    """A relay's bytes and what they claim: not proven, for the phone does not know the terminal."""

    data: bytes
    bill: Bill


def list_bills(*, http: httpx.Client, relay_url: str) -> list[dict[str, Any]]:
    """Return ``[{slot, merchant, order, expires_at}]`` of the relay at ``relay_url``.

    :raises BillUnreadable: no relay answers there
    """
    try:
        bills = httpx.Response(200, content=_fetch(http, f"{relay_url}/bills", _LIST_BYTES_MAX))
        return [dict(entry) for entry in bills.json()["bills"]]
    except (LookupError, TypeError, ValueError) as wrong:
        raise BillUnreadable("The relay's list is none.") from wrong


def read_bill(*, http: httpx.Client, relay_url: str, slot: str) -> ReadBill:
    """Return the bill in a slot of the relay at ``relay_url``.

    :raises BillUnreadable: the slot is empty, or what lies there is no bill
    """
    data = _fetch(http, f"{relay_url}/bills/{slot}", Bill.BYTES_MAX)
    try:
        return ReadBill(data=data, bill=Bill.peek(data))
    except WireError as wrong:
        raise BillUnreadable("What lies there is no bill.") from wrong


def _fetch(http: httpx.Client, url: str, bytes_max: int) -> bytes:
    body = bytearray()
    until = time.monotonic() + RELAY_WITHIN_S
    try:
        with http.stream("GET", url, timeout=RELAY_WITHIN_S) as answer:
            for part in answer.iter_raw():
                body += part
                if len(body) > bytes_max or time.monotonic() > until:
                    raise BillUnreadable("The relay says too much, or too slowly.")
            if answer.status_code != httpx.codes.OK:
                raise BillUnreadable(f"The relay answers {answer.status_code}.")
    except httpx.RequestError as lost:
        raise BillUnreadable("The relay does not answer.") from lost
    return bytes(body)


class PhonePurchases:
    """One phone's purchases at one portal. ``save`` keeps the one that is being paid.

    ``session`` should try once: what is repeated here is repeated under the same key.
    """

    def __init__(
        self,
        *,
        session: PortalSession,
        pins: PinCodes,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random_bytes: Callable[[int], bytes],
        save: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._session = session
        self._pins = pins
        self._clock = clock
        self._sleep = sleep
        self._random_bytes = random_bytes
        self._save = save

    def claim(self, tid: str, *, tell: Told | None = None) -> Purchase:
        """Take a T-ID that was scanned or typed, canonical; ``tell`` hears of every step."""
        return self._begin(tid, bill=None, tell=tell)

    def claim_bill(self, read: ReadBill, *, tell: Told | None = None) -> Purchase:
        """Take a relay's bill; it is refused unless the portal says the same about its T-ID.

        :raises BillUnreadable: its time is over
        """
        if self._session.now() >= read.bill.expires:
            raise BillUnreadable("The bill's time is over.")
        return self._begin(read.bill.tid, bill=read.data, tell=tell)

    def _begin(self, tid: str, *, bill: bytes | None, tell: Told | None) -> Purchase:
        purchase = Purchase(
            tid=tid, at=self._clock(), new_key=self._new_key, save=self._save, bill=bill
        )
        return self.settle(purchase, tell=tell)

    def resume(self, state: Mapping[str, Any]) -> Purchase:
        """Go on with the purchase that was saved; not settled yet."""
        return Purchase.from_state(state, at=self._clock(), new_key=self._new_key, save=self._save)

    def approve(
        self,
        purchase: Purchase,
        *,
        card: bytes,
        pin: str,
        plan: str | None = None,
        max_remainder: int | None = None,
        tell: Told | None = None,
        tries: int | None = None,
    ) -> Purchase:
        """Pay what is shown; a counter the portal does not take is put right and asked again.

        :raises NotOpen: nothing is shown
        """
        for _ in range(_COUNTER_TRIES):
            code = self._pins.new(pin=pin, subject=purchase.tid, card=card)
            purchase.approve(
                card=b64.encode(card),
                code=code,
                at=self._clock(),
                plan=plan,
                max_remainder=max_remainder,
            )
            self.settle(purchase, tell=tell, tries=tries)
            if not self.put_right(purchase):
                break
        return purchase

    def put_right(self, purchase: Purchase) -> bool:
        """Note what the portal said about the counter; return whether another is to be tried."""
        if purchase.step is Step.PAID:
            self._pins.succeeded(purchase.counter)
        elif purchase.step is Step.OPEN and purchase.reason == "counter_used":
            self._pins.behind(purchase.counter)
            return True
        elif purchase.step is Step.OPEN and purchase.reason == "counter_ahead":
            self._pins.ahead()
            return True
        return False

    def release(self, purchase: Purchase) -> Purchase:
        """Let another phone pay.

        :raises NotOpen: nothing is shown
        """
        purchase.release(at=self._clock())
        return self.settle(purchase)

    def decline(self, purchase: Purchase) -> Purchase:
        """End the payment.

        :raises NotOpen: nothing is shown
        """
        purchase.decline(at=self._clock())
        return self.settle(purchase)

    def settle(
        self, purchase: Purchase, *, tell: Told | None = None, tries: int | None = None
    ) -> Purchase:
        """Ask and wait until the customer decides or it has ended, at most ``tries`` times."""
        asked = 0
        while (due_at := purchase.due_at) is not None and asked != tries:
            self._sleep(max(0.0, due_at - self._clock()))
            call = purchase.next_call(at=max(self._clock(), due_at))
            if call is not None:
                self._ask(purchase, call)
                asked += 1
            if tell is not None:
                tell(purchase)
        return purchase

    def _ask(self, purchase: Purchase, call: WalletCall) -> None:
        try:
            answer = self._session.post(
                call.path, body=call.body, idempotency_key=call.idempotency_key
            ).json()
        except PortalUnreachable:
            purchase.unreachable(call, at=self._clock())
        except PortalRefused as refused:
            purchase.refused(
                call,
                status=refused.status,
                code=refused.code,
                at=self._clock(),
                state=str(refused.problem.get("state", "")),
                retry_after_s=refused.retry_after_s or RETRY_AFTER_S,
            )
        else:
            purchase.answered(call, answer, at=self._clock())

    def _new_key(self) -> str:
        return b64.encode(self._random_bytes(_KEY_BYTES))

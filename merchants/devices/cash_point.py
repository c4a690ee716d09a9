"""An ATM at work: the pure machine, its moving parts, and the portal (protocol section 7)."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from config.wire.client import Answer, PortalRefused, PortalUnreachable
from merchants.devices.atm import Atm
from merchants.devices.atm_facts import Call, Facts, Feed, Kind, Step

_WITHIN_S: Final = 10.0  # of one call; the machine repeats it by itself


class Line(Protocol):
    """The way to the portal: of :class:`config.wire.client.PortalSession`, what is needed here."""

    def post(
        self, path: str, *, body: Mapping[str, Any], idempotency_key: str, within_s: float
    ) -> Answer:
        """Post JSON once.

        :raises PortalRefused: the portal answered with a problem
        :raises PortalUnreachable: it gave no answer
        """


class Mechanism(Protocol):
    """What moves. Each tells what came out, and None where its sensors do not say."""

    def feed(self, notes: Mapping[int, int]) -> Mapping[int, int] | None:
        """Present notes: denomination in minor units -> how many."""

    def print_ticket(self, serial: str) -> bool | None:
        """Print and present the ticket with this serial."""


class CashPoint:
    """Runs one machine. ``session`` should try once, for the machine repeats by itself."""

    def __init__(
        self,
        *,
        atm: Atm,
        session: Line,
        mechanism: Mechanism,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._atm = atm
        self._session = session
        self._mechanism = mechanism
        self._clock = clock
        self._sleep = sleep

    def redeem(
        self,
        *,
        number: str,
        kind: Kind,
        amount_minor: int | None = None,
        pickup_code: str | None = None,
    ) -> Facts:
        """Serve one customer until nothing is left for them to wait for.

        The portal may still have to be told: see :meth:`work`.

        :raises CannotServe: nothing was asked
        """
        reference = self._atm.begin(
            number=number,
            kind=kind,
            at=self._clock(),
            amount_minor=amount_minor,
            pickup_code=pickup_code,
        )
        shown = self._atm.show(reference)
        while shown.step is Step.ASKING and not shown.given_up:
            self._wait()
            self.work()
        self.work()
        return shown

    def settle(self, *, tries: int) -> list[Facts]:
        """Work until the portal knows all, or ``tries`` waits are over; return what is open."""
        for _ in range(tries):
            if self._atm.due_at() is None:
                break
            self._wait()
            self.work()
        return [facts for facts in self._atm.show_all() if facts.step is not Step.CLOSED]

    def work(self) -> None:
        """Ask what is due, and move what the portal has locked."""
        for call in self._atm.calls(at=self._clock()):
            self._ask(call)
        for facts in self._atm.show_all():
            if facts.step is Step.READY:
                self._move(facts.reference)
        for call in self._atm.calls(at=self._clock()):
            self._ask(call)

    def _wait(self) -> None:
        due = self._atm.due_at()
        if due is not None and (wait_s := due - self._clock()) > 0:
            self._sleep(wait_s)

    def _ask(self, call: Call) -> None:
        try:
            answer = self._session.post(
                call.path, body=call.body, idempotency_key=call.idempotency_key, within_s=_WITHIN_S
            ).json()
        except PortalUnreachable:
            self._atm.unreachable(call, at=self._clock())
        except PortalRefused as problem:
            self._atm.refused(call, status=problem.status, code=problem.code, at=self._clock())
        else:
            self._atm.answered(call, answer, at=self._clock())

    def _move(self, reference: str) -> None:
        motion = self._atm.set_in_motion(reference, at=self._clock())
        if isinstance(motion, Feed):
            notes = self._mechanism.feed(motion.notes)
            self._atm.fed(motion, out=notes, at=self._clock())
        elif motion is not None:
            ticket = self._mechanism.print_ticket(motion.serial)
            self._atm.printed(motion, out=ticket, at=self._clock())

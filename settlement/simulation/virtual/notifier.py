"""The result notification server in virtual time: its own parts, without a socket and threads."""

import queue
import socket
from collections.abc import Callable, Iterator
from typing import Final

from merchants.rns.desk import Desk
from merchants.rns.feed import Feed
from merchants.rns.sending import Sender
from merchants.rns.shared import Limits, Shared
from merchants.rules.answering import Aside, Asked, Source
from merchants.services.notifications import first_due
from settlement.selectors import tids
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.clock import Clock

_HEARS_OF_IT_S: Final = 0.05  # after the commit


class _Line(Shared):
    """What the parts share; what they send leaves by ``send_by``."""

    send_by: Callable[[bytes, Source], None]

    def send(self, data: bytes, place: tuple[str, int]) -> bool:
        """Hand ``data`` over: it may get lost like any datagram."""
        self.send_by(data, place)
        return True


class Notifier:
    """One process after the other; each begins with what the database says."""

    def __init__(
        self, *, clock: Clock, agenda: Agenda, send: Callable[[bytes, Source], None]
    ) -> None:
        self._clock, self._agenda, self._send = clock, agenda, send
        self._looks = False
        self._turns_at: float | None = None
        self.restart()

    def restart(self) -> None:
        """Forget what only memory held, and begin anew."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.close()  # no datagram of virtual time goes over it
        line = _Line(sock=sock, lookup=tids.statuses, limits=Limits(), clock=self._clock.at)
        line.send_by = self._send
        self._line, self._answering = line, line.answering()
        self._desk, self._feed = Desk(shared=line), Feed(shared=line)
        self.look_soon()

    def hear(self, data: bytes, source: Source) -> None:
        """Take a datagram as the receive loop does, and let the desk do the rest at once."""
        answer = self._answering.take(data, source, self._clock.now())
        if answer is not None:
            self._send(answer, source)
        if waiting := list(self._waiting()):
            self._desk.sender.first_due = None
            self._desk.work(waiting)
            self._turn_when_due(self._desk.sender)

    def look_soon(self) -> None:
        """Let the feed look at what the portal has just committed."""
        if not self._looks:
            self._looks = True
            self._agenda.after(_HEARS_OF_IT_S, self._look)

    def _look(self) -> None:
        self._looks = False
        self._feed.turn(monotonic=self._clock.now())
        self._line.journal.take()
        self._turn_when_due(self._feed.sender)

    def _turn(self, at: float) -> None:
        if self._turns_at == at:
            self._turns_at = None
            self._look()

    def _turn_when_due(self, sender: Sender) -> None:
        """Plan the turn of what is due first, as ``sender`` saw it, where it looked at all.

        What it did without a look, taking an acknowledgement say, made nothing due sooner.
        """
        due = sender.first_due
        if due is not None and due <= self._clock.at():
            due = first_due()  # that one's turn was taken
        at = due and due.timestamp()
        if at and (self._turns_at is None or at < self._turns_at):
            self._turns_at = at
            self._agenda.after(at - self._clock.now(), lambda: self._turn(at))

    def _waiting(self) -> Iterator[Aside | Asked]:
        while True:
            try:
                yield self._line.aside.get_nowait()
            except queue.Empty:
                return

"""The desk: terminals and T-IDs the loop did not know, registrations and acknowledgements."""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.db import DatabaseError, InterfaceError

from config.wire.errors import Malformed
from merchants.rns.sending import Sender
from merchants.rns.shared import Shared
from merchants.rules import journal
from merchants.rules.answering import Aside, Asked, Cause, Key, Source
from merchants.rules.results import Acknowledgement, Register
from merchants.rules.statuses import Status
from merchants.services import equipment, notifications
from merchants.wire import datagram as datagrams
from merchants.wire import tid as tids
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState

THREAD: Final = "desk"
AT_ONCE: Final = 500
_WAIT_S: Final = 0.25
_ANSWERS: Final = {
    DatagramKind.QUERY: DatagramKind.STATE,
    DatagramKind.REGISTER: DatagramKind.REGISTERED,
}


class Desk:
    """One thread's work on what was set aside, all that waits at once: one set of queries."""

    def __init__(self, *, shared: Shared) -> None:
        self._shared = shared
        self._answering = shared.answering()
        self.sender = Sender(shared=shared)
        self.answered = 0

    def serve(self, stop: threading.Event) -> None:
        """Work until ``stop``; what the database keeps from being answered is dropped."""
        while not stop.is_set():
            self._shared.turned(THREAD)
            waiting = list(self._waiting())
            try:
                self.work(waiting)
            except (DatabaseError, InterfaceError):
                for _ in waiting:
                    self._answering.drop(Cause.DATABASE)
                raise

    def work(self, waiting: Sequence[Aside | Asked]) -> None:
        """Answer what can be answered; what a stranger sent is asked again once he is known."""
        self._identify([each for each in waiting if isinstance(each, Aside)])
        asked = [each for each in waiting if isinstance(each, Asked)]
        own = [each for each in asked if _is_own(each.datagram)]
        for each in own:
            self._note(journal.IN, each.datagram, each.source, each.at)
        for each in asked:
            if not _is_own(each.datagram):
                self._answer(each, None)
        self._answer_queries(_of(DatagramKind.QUERY, own))
        self._register(_of(DatagramKind.REGISTER, own))
        self._acknowledge(_of(DatagramKind.RESULT_ACK, own))

    def _waiting(self) -> Iterator[Aside | Asked]:
        """Wait for something, then take what else is there."""
        try:
            yield self._shared.aside.get(timeout=_WAIT_S)
            for _ in range(AT_ONCE - 1):
                yield self._shared.aside.get_nowait()
        except queue.Empty:
            return

    def _identify(self, strangers: Sequence[Aside]) -> None:
        keys = self._shared.keys
        numbers = {datagrams.terminal_of(each.data) for each in strangers} - keys.keys()
        secrets = equipment.secrets_of(numbers=numbers) if numbers else {}
        for number, secret in secrets.items():
            keys[number] = Key(number=number, secret=secret)
        for each in strangers:
            if datagrams.terminal_of(each.data) in keys:
                answer = self._answering.take(each.data, each.source, each.at)
                if answer is not None:
                    self._shared.send(answer, each.source)
            else:
                self._answering.drop(Cause.TERMINAL)
                self._shared.networks.charge(address=each.source[0], at=each.at)

    def _answer_queries(self, queries: Sequence[Asked]) -> None:
        known = self._shared.known(tids=_tids(queries))
        for each in queries:
            self._answer(each, known.get(each.datagram.tid))

    def _register(self, registers: Sequence[Asked]) -> None:
        """Keep each address, then look at the payments again: a result before that was not told."""
        known = self._shared.known(tids=_tids(registers))
        posted = []
        for each in registers:
            if _is_of(each, known.get(each.datagram.tid)):
                posted.append(each)
            else:
                self._answer(each, None)
        if not posted:
            return
        now = self._shared.clock()
        heard = notifications.register(registers=list(map(_register_of, posted)), at=now)
        known = self._shared.known(tids=_tids(posted))
        for each, is_heard in zip(posted, heard, strict=True):
            if is_heard:
                self._answer(each, known.get(each.datagram.tid))
            else:
                self._answering.drop(Cause.REGISTER)
        notifications.announce(statuses=known.values(), at=now)
        self.sender.send_due(at=now)

    def _acknowledge(self, acknowledgements: Sequence[Asked]) -> None:
        if acknowledgements:
            told = [
                Acknowledgement(
                    tid=each.datagram.tid,
                    number=each.datagram.terminal,
                    nonce=each.datagram.nonce,
                    message=each.datagram.number,
                )
                for each in acknowledgements
            ]
            notifications.acknowledge(acknowledgements=told, at=self._shared.clock())

    def _answer(self, asked: Asked, status: Status | None) -> None:
        """Answer with the payment's state, or 255 where it is none of this terminal's."""
        datagram = asked.datagram
        kind = _ANSWERS.get(datagram.kind)
        if kind is None:
            return
        now = self._shared.clock().timestamp()
        ms = int(now * 1000)
        if status is not None and _is_of(asked, status):
            answer = status.as_datagram(kind=kind, nonce=datagram.nonce, ms=ms)
        else:
            answer = Datagram(
                kind=kind,
                terminal=datagram.terminal,
                nonce=datagram.nonce,
                ms=ms,
                tid=datagram.tid,
                state=DatagramState.UNKNOWN,
            )
        self.answered += self._shared.send(answer.encode(asked.key.secret), asked.source)
        if _is_own(datagram):
            self._note(journal.OUT, answer, asked.source, now)

    def _note(self, direction: str, datagram: Datagram, source: Source, at: float) -> None:
        self._shared.journal.note(
            direction=direction, datagram=datagram, address=source[0], port=source[1], at=at
        )


def _is_own(datagram: Datagram) -> bool:
    """Say whether the T-ID is one, and names the terminal that sends it."""
    try:
        return tids.parse(datagram.tid).number == datagram.terminal
    except Malformed:
        return False


def _is_of(asked: Asked, status: Status | None) -> bool:
    return status is not None and status.number == asked.datagram.terminal


def _of(kind: DatagramKind, asked: Iterable[Asked]) -> list[Asked]:
    return [each for each in asked if each.datagram.kind is kind]


def _tids(asked: Iterable[Asked]) -> list[str]:
    return list(dict.fromkeys(each.datagram.tid for each in asked))


def _register_of(asked: Asked) -> Register:
    datagram = asked.datagram
    return Register(
        tid=datagram.tid,
        number=datagram.terminal,
        address=asked.source[0],
        port=asked.source[1],
        ms=datagram.ms,
    )

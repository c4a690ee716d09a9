"""Sending results that are due, wherever they were found to be."""

import random
from datetime import datetime
from typing import Final

from merchants.models import ResultNotification
from merchants.rns.shared import Shared
from merchants.rules import journal, results
from merchants.rules.answering import Key
from merchants.services import equipment, notifications
from merchants.wire.datagram import DatagramKind

AT_ONCE: Final = 200


class Sender:
    """One thread's sending; between processes each message's turn is taken by one alone."""

    def __init__(self, *, shared: Shared) -> None:
        self._shared = shared
        self.sent = 0
        self.first_due: datetime | None = None  # as the last look found it, before it was sent

    def send_due(self, *, at: datetime) -> None:
        """Send every result whose turn it is at ``at``."""
        rows = AT_ONCE
        while rows == AT_ONCE:
            to_send, rows, self.first_due = notifications.take_due(
                at=at, limit=AT_ONCE, jitter=random.random
            )
            self._learn_keys({row.number for row in to_send})
            for row in to_send:
                self._send(row, at)

    def _send(self, row: ResultNotification, at: datetime) -> None:
        key = self._shared.keys.get(row.number)
        if key is None or row.nonce is None:
            return  # revoked meanwhile: the turns go by, and the delivery ends UNDELIVERED
        seconds = at.timestamp()
        datagram = results.message_of(row=row, tid=row.tid).as_datagram(
            kind=DatagramKind.RESULT,
            nonce=bytes(row.nonce),
            ms=int(seconds * 1000),
            message=row.message,
        )
        if self._shared.send(datagram.encode(key.secret), (row.address, row.port)):
            self.sent += 1
            self._shared.journal.note(
                direction=journal.OUT,
                datagram=datagram,
                address=row.address,
                port=row.port,
                at=seconds,
            )

    def _learn_keys(self, numbers: set[int]) -> None:
        unknown = numbers - self._shared.keys.keys()
        if unknown:
            for number, secret in equipment.secrets_of(numbers=unknown).items():
                self._shared.keys[number] = Key(number=number, secret=secret)

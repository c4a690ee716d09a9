"""A shop's own server in a simulation: it follows the events endpoint and counts what it hears.

Delivery is at least once: now and then it loses its place and reads a page again. What it counts,
it counts by number, once.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from config.wire.client import API, PortalUnreachable
from settlement.simulation.journal import Journal

_PAGE: Final = 100
_LOSES_ITS_PLACE: Final = 4  # every so many polls
_BACK: Final = 5


class Consumer:
    """One client of ``GET /merchant/events``, from the number ``after`` on."""

    def __init__(
        self,
        *,
        http: httpx.Client,
        origin: str,
        key: str,
        scope: str,
        after: int,
        journal: Journal,
    ) -> None:
        self._http = http
        self._address = f"{origin.rstrip('/')}{API}/merchant/events"
        self._headers = {"authorization": f"Bearer {key}"}
        self._scope = scope
        self._first = after + 1
        self._after = after
        self._journal = journal
        self._polls = 0
        self._events = 0
        self._approved_minor = 0

    def poll(self) -> int:
        """Read what is new and return how many events that were.

        :raises PortalUnreachable: the portal did not answer
        """
        self._polls += 1
        again = _BACK if self._polls % _LOSES_ITS_PLACE == 0 else 0
        after = max(self._first - 1, self._after - again)
        new = 0
        while page := self._page(after):
            for event in page:
                new += self._hear(event)
            after = page[-1]["seq"]
        return new

    def settle(self, *, all_numbered: Callable[[], bool], wait: Callable[[], None]) -> None:
        """Read to the end of what has happened, and write down what it all came to."""
        while not all_numbered():
            wait()
        self.poll()
        self._journal.note(
            "effect",
            result="ok",
            scope=self._scope,
            first=self._first,
            last=self._after,
            events=self._events,
            approved_minor=self._approved_minor,
        )

    def _page(self, after: int) -> list[dict[str, Any]]:
        query: dict[str, str | int] = {"after": after, "limit": _PAGE}
        try:
            answer = self._http.get(self._address, params=query, headers=self._headers)
            answer.raise_for_status()
        except httpx.HTTPError as lost:
            raise PortalUnreachable(str(lost)) from lost
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    def _hear(self, event: dict[str, Any]) -> bool:
        """Write an event down; count it unless its number was counted before."""
        subject = event.get("payment") or event.get("batch") or {}
        facts = {"seq": event["seq"], "subject": subject.get("id", "")}
        self._journal.note("event", result=event["type"], start=time.time(), **facts)
        if event["seq"] <= self._after:
            return False
        self._after = event["seq"]
        self._events += 1
        if event["type"] == "payment.approved":
            self._approved_minor += subject["amount"]
        return True

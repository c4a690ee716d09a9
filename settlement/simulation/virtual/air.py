"""Datagrams between tills and the notification server: lost, doubled, late, and from new ports."""

from collections.abc import Callable
from random import Random
from typing import Final

from merchants.rules.answering import Source
from settlement.simulation.router import Weather
from settlement.simulation.virtual.agenda import Agenda

_WAY_S: Final = 0.02
_LATE_S: Final = (0.3, 3.0)  # long enough for others to pass it, and for a retry to


class Air:
    """Each till stands behind a router of its own, with its own weather both ways."""

    def __init__(self, *, agenda: Agenda, random: Random) -> None:
        self.server: Callable[[bytes, Source], None] = lambda _data, _source: None
        self._agenda, self._random = agenda, random
        self._tills: dict[int, Callable[[bytes], None]] = {}
        self._ports: dict[int, int] = {}
        self._weather: dict[int, Weather] = {}

    def join(self, till: int, hears: Callable[[bytes], None]) -> None:
        """Let ``till`` be heard from its router's address, and ``hears`` take what comes there."""
        self._tills[till] = hears
        self._ports.setdefault(till, 40_000)

    def set_weather(self, till: int, weather: Weather) -> None:
        """Let datagrams of ``till`` fare like this from now on, both ways."""
        self._weather[till] = weather

    def move(self, till: int) -> None:
        """Give ``till`` another port: nothing comes in at the old one."""
        self._ports[till] += 1

    def up(self, till: int, data: bytes) -> None:
        """Send ``data`` from ``till`` to the server."""
        source = self._place(till)
        self._carry(till, lambda: self.server(data, source))

    def down(self, data: bytes, place: Source) -> None:
        """Send ``data`` from the server to whoever is there when it arrives."""
        till = next((each for each in self._tills if self._place(each) == place), None)
        if till is not None:
            self._carry(till, lambda: self._arrive(till, data, place))

    def _place(self, till: int) -> Source:
        return f"198.51.100.{till + 1}", self._ports[till]

    def _arrive(self, till: int, data: bytes, place: Source) -> None:
        if self._place(till) == place:
            self._tills[till](data)

    def _carry(self, till: int, arrive: Callable[[], None]) -> None:
        weather, draw = self._weather.get(till, Weather()), self._random
        is_lost = draw.random() < weather.lost
        copies = 1 + (draw.random() < weather.doubled)
        for _copy in range(0 if is_lost else copies):
            late_s = draw.uniform(*_LATE_S) if draw.random() < weather.late else 0.0
            self._agenda.after(_WAY_S + late_s, arrive)

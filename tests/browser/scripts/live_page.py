"""A live list without a server: the real page in a browser, its network answered by the test."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.staticfiles import finders
from django.template import Context, Template
from playwright.sync_api import Page, Route, WebSocketRoute

ORIGIN = "http://desk.test"
urlpatterns: list[object] = []  # the page is drawn without the product's addresses
PAGE = """
{% extends "base.html" %}
{% block title %}Payments{% endblock %}
{% block live %}{% include "components/live.html" %}{% endblock %}
{% block content %}
<h1>Payments</h1>
{% polled "reach" "/reach" %}<button id="again" type="button">0 reached</button>{% endpolled %}
<div class="bulk" role="region" aria-label="Selected" data-bulk="{n} selected" hidden>
<b data-bulk-count></b><button type="button" data-select-none>Clear</button></div>
{% include "components/live_banner.html" %}
{% include "components/newpill.html" with new_aloud="{n} new payments" %}
<div class="table-box" data-live-socket="ws://desk.test/ws" data-live-events="/rows"
     data-live-after="{{ after }}" data-live-signin="/sign-in">
<table class="table" role="table"><caption class="sr">Payments</caption>
<tbody id="rows">{{ rows }}</tbody></table></div>
{% endblock %}
"""


def row(number: int, *, words: str = "Paid") -> str:
    """Return the row of one payment as the server would draw it."""
    return (
        f'<tr id="pay-{number}" data-order="{number}"><td class="sel">'
        f'<input type="checkbox" aria-label="{number}"></td>'
        f'<th scope="row" class="key-cell"><a href="/pay/{number}">{number}</a></th>'
        f"<td>{words}</td></tr>"
    )


@dataclass
class Desk:
    """What stands behind the page: the events of the database, the sockets that were opened."""

    page: Page
    events: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    sockets: list[WebSocketRoute] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    down: bool = False
    polls: int = 0

    def open(self, *, before: int = 3) -> None:
        """Open the page with ``before`` payments on it."""
        self.events = [row(n) for n in range(1, before + 1)]
        self.page.set_default_timeout(10_000)
        self.page.route("**/*", self._answer)
        self.page.route_web_socket("ws://desk.test/ws", self._connected)
        self.page.clock.install()
        self.page.goto(f"{ORIGIN}/payments")
        self.until(lambda: self.chip() == "Live")

    def chip(self) -> str:
        return self.page.inner_text("[data-live-words]")

    def shown(self) -> list[str]:
        """Return the ids of the rows in the list, top first."""
        return self.page.eval_on_selector_all("#rows tr", "rows => rows.map((row) => row.id)")

    def happen(self, *numbers: int, words: str = "Paid", say: bool = True) -> None:
        """Write one event for each payment; ``say`` sends the frames of the socket too."""
        for number in numbers:
            self.events.append(row(number, words=words))
            if say:
                self.frame(seq=len(self.events), type="payment.approved")

    def frame(self, **body: Any) -> None:
        self.sockets[-1].send(json.dumps(body))

    def until(self, holds: Callable[[], bool], *, seconds: int = 10) -> None:
        """Let the page's clock run until ``holds``, at most ``seconds`` of it."""
        for _tick in range(seconds * 10):
            if holds():
                return
            self.page.clock.run_for(100)
            self.page.wait_for_timeout(10)  # answers travel in real time
        assert holds(), f"not within {seconds} s: chip {self.chip()!r}, rows {self.shown()[:8]}"

    def _connected(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)

    def _answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.path == "/rows":
            self._rows(route, int(parse_qs(parts.query)["after"][0]))
        elif parts.path == "/reach":
            self.polls += 1
            route.fulfill(
                body=f'<button id="again" type="button">{self.polls} reached</button>',
                content_type="text/html",
            )
        elif parts.path.startswith("/static/"):
            found = Path(str(finders.find(parts.path.removeprefix("/static/"))))
            route.fulfill(
                body=found.read_bytes(), content_type=guess_type(found)[0] or "text/plain"
            )
        else:
            self.visited.append(parts.path)
            route.fulfill(body=self._page(), content_type="text/html")

    def _rows(self, route: Route, after: int) -> None:
        self.asked.append(after)
        if self.down:
            route.abort()
            return
        new = self.events[after:]
        route.fulfill(
            json={
                "html": "".join(reversed(new)),
                "seq": len(self.events),
                "count": len(new),
                "ids": [],
            }
        )

    def _page(self) -> str:
        context = {
            "after": len(self.events),
            "rows": "",
            "nav": [],
            "time_zone": "Asia/Seoul",
            "tenant": {"name": "Mapo Bakery", "kind": "MERCHANT"},
        }
        html = Template(PAGE).render(Context(context))
        return html.replace(
            '<tbody id="rows">', '<tbody id="rows">' + "".join(reversed(self.events))
        )

"""A browser window that notes everything a page must not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    StorageState,
)

OURS = "127.0.0.1"
# Chromium's words for what a page gave up itself, by moving on while an answer was on its way.
GIVEN_UP = "net::ERR_ABORTED"
TELLS_OF_BREACHES = """
document.addEventListener("securitypolicyviolation", (breach) =>
  console.error(`policy: ${breach.violatedDirective} ${breach.blockedURI}`));
"""


@dataclass
class Window:
    """One page of one person, and its faults: of scripts, of requests, of the policy."""

    context: BrowserContext
    origin: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.add_init_script(TELLS_OF_BREACHES)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._note(f"script: {error}"))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    @classmethod
    @contextmanager
    def opened(
        cls, browser: Browser, *, origin: str, storage_state: StorageState | None
    ) -> Iterator[Self]:
        """Open a window, with the cookies of somebody who signed in or without, and close it."""
        context = browser.new_context(
            storage_state=storage_state,
            viewport={"width": 1440, "height": 900},
            locale="en-GB",
            reduced_motion="reduce",  # nothing is looked at on its way to another colour
        )
        try:
            yield cls(context=context, origin=origin)
        finally:
            context.close()

    def go(self, path: str) -> Page:
        """Open a page of the portal and return it once its scripts are there."""
        self.page.goto(self.origin + path, wait_until="load")
        return self.page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"console {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme not in {"data", "blob"} and asked.hostname != OURS:
            self._note(f"another host: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != GIVEN_UP:
            self._note(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= HTTPStatus.BAD_REQUEST:
            self._note(f"{response.status}: {response.url}")

    def _note(self, fault: str) -> None:
        self.faults.append(f"{urlsplit(self.page.url).path}: {fault}")

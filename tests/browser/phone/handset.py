"""The demo phone in a window of a phone's size, worked by a customer who knows the PIN."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.window import Window

PIN = "314159"
WIDTH, HEIGHT = 390, 844
SOON_MS = 15_000  # on a busy machine


@dataclass
class Handset:
    """``refusals``: the statuses a test provokes, which the window would else hold for faults."""

    window: Window
    refusals: set[int] = field(default_factory=set)

    @classmethod
    @contextmanager
    def opened(cls, browser: Browser, *, origin: str) -> Iterator[Self]:
        with Window.opened(browser, origin=origin, storage_state=None) as window:
            window.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            yield cls(window=window)

    @property
    def page(self) -> Page:
        return self.window.page

    @property
    def faults(self) -> list[str]:
        known = [f"{status}" for status in self.refusals]
        return [
            fault
            for fault in self.window.faults
            if not any(f": {status}: " in fault or f" {status} (" in fault for status in known)
        ]

    def go(self, screen: str = "") -> Page:
        """Open a screen afresh, as a reload does."""
        self.page.goto("about:blank")
        return self.window.go(f"/demo/phone{f'#{screen}' if screen else ''}")

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, level=1)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def set_up(self, *, code: str = "") -> None:
        """Enrol with a code, or as a customer whom the demo makes."""
        self.go()
        if code:
            self.page.get_by_role("link", name="I have a code").click()
            self.page.get_by_label("One-time code").fill(code)
        else:
            self.press("Get me a customer with a card")
        self.page.get_by_label("Choose a PIN").fill(PIN)
        self.page.get_by_label("The PIN again").fill(PIN)
        self.press("Set up this phone")
        expect(self.heading("Wallet")).to_be_visible(timeout=SOON_MS)

    def take_card(self) -> None:
        self.press("Put this card on the phone")
        self.shows("On this phone")

    def type_number(self, number: str) -> None:
        """Type what stands on the shop's screen."""
        self.page.get_by_role("link", name="Pay", exact=True).click()
        self.page.get_by_label("Number on the shop's screen").fill(number)
        self.press("Continue")

    def type_pin(self, pin: str = PIN) -> None:
        self.page.get_by_label("PIN", exact=True).fill(pin)
        self.page.get_by_role("button", name="Pay ").click()

    def make_code(self, *, by_card: bool = False, **typed: str) -> None:
        """Make a code of all benefits; ``typed``: what is written into fields, by their names."""
        self.page.get_by_role("link", name="Benefits", exact=True).click()
        expect(self.heading("Benefits")).to_be_visible(timeout=SOON_MS)
        if by_card:
            self.page.locator("[name=card]").nth(1).check()
        for name, text in typed.items():
            self.page.locator(f"[name={name}]").fill(text)
        self.press("Make the code")
        expect(self.heading("Show the code")).to_be_visible(timeout=SOON_MS)

    def make_it_pay(self, pin: str = PIN) -> None:
        """Type the PIN under the code: from now on showing it pays."""
        self.page.get_by_label("PIN", exact=True).fill(pin)
        self.press("Make it pay too")
        expect(self.heading("Show to pay")).to_be_visible(timeout=SOON_MS)

    def digits(self) -> str:
        """Return what the cashier may type."""
        return "".join(self.page.locator(".qr .tid span").all_inner_texts())

    def shows(self, *texts: str, within_ms: int = SOON_MS) -> None:
        """Wait until the screen says each of ``texts``."""
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text, timeout=within_ms)

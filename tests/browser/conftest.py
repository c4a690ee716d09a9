"""The distribution's Chromium at the running portal; whatever a page does wrong fails its test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, FilePayload, StorageState, sync_playwright

from config.stack.environment import ECHO_OFFSET
from config.stack.parts import find_chromium
from tests.browser import axe
from tests.browser.chromium import started
from tests.browser.window import Window
from tests.journeys.counter import Counter
from tests.journeys.portal import Portal, running
from tests.journeys.street import Handset, Shop, Street, tap

AXE_MISSING = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One portal for all windows; that it also begins with nothing is the journeys' to show."""
    with running(tmp_path_factory.mktemp("pay desk") / "data", migrated=True) as up:
        yield up


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    named = os.environ.get("PAYDESK_CHROMIUM") or find_chromium()
    if not named:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright, started(playwright, named=named) as browser:
        yield browser


@pytest.fixture(scope="session")
def doors(portal: Portal, chromium: Browser) -> Callable[[str], StorageState]:
    """Return a function that signs a role in by its printed link, once, and gives its cookies."""
    entered: dict[str, StorageState] = {}

    def enter(role: str) -> StorageState:
        if role not in entered:
            context = chromium.new_context()
            context.new_page().goto(portal.links[role])
            entered[role] = context.storage_state()
            context.close()
        return entered[role]

    return enter


@pytest.fixture
def window(
    portal: Portal, chromium: Browser, doors: Callable[[str], StorageState]
) -> Iterator[Callable[[str], Window]]:
    """Return a function that opens a window for a role, "" for nobody; each must end spotless."""
    with ExitStack() as open_windows:
        opened: list[Window] = []

        def open_for(role: str) -> Window:
            state = doors(role) if role else None
            one = Window.opened(chromium, origin=portal.origin, storage_state=state)
            opened.append(open_windows.enter_context(one))
            return opened[-1]

        yield open_for
        faults = [fault for one in opened for fault in one.faults]
    assert not faults, "\n".join(faults)


@dataclass(kw_only=True)
class Scene:
    """The demo's bakery with a reader on its counter, and a customer with two cards on a phone."""

    street: Street
    shop: str
    issuer: str
    handset: Handset
    counter: Counter
    cards: list[dict[str, object]]
    tokens: list[bytes]

    def sell(self, amount_minor: int, *, card: int = 0) -> str:
        """Take one payment, send it to the portal, and return its approval code."""
        outcome = tap(self.handset, self.tokens[card], self.counter, amount_minor)
        assert outcome.state == "approved", outcome
        assert self.counter.upload().state == "POSTED"
        return outcome.code


@pytest.fixture(scope="session")
def scene(portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    street = Street(portal=portal, folder=tmp_path_factory.mktemp("devices"))
    demo = portal.manage("seed_demo")
    customer = street.customer("Lee Sora")
    cards = [street.card(customer) for _ in range(2)]
    handset = street.handset(customer)
    tokens = [handset.take(str(card["card"])) for card in cards]
    shop = Shop(merchant=demo["merchants"][0], store="", api_key="", origin=portal.origin)
    with street.counter(shop) as counter:
        yield Scene(
            street=street,
            shop=demo["merchants"][0],
            issuer=demo["issuer"],
            handset=handset,
            counter=counter,
            cards=cards,
            tokens=tokens,
        )


@pytest.fixture(scope="session")
def eventful(scene: Scene) -> None:
    """Lists are looked at with rows in them: sold, sent by webhook, blocked, issued, invited."""
    echo = f"https://127.0.0.1:{scene.street.portal.port + ECHO_OFFSET}/echo"
    scene.street.portal.manage("webhook_add", "--merchant", scene.shop, "--url", echo)
    for amount in (3_300, 4_400):
        scene.sell(amount)
    listed = str(scene.street.card(scene.handset.customer)["card"])
    scene.handset.take(listed)
    scene.street.block(listed)
    scene.street.card(scene.handset.customer)
    told = ("--email", "newcomer@shop.example", "--name", "New Comer", "--tenant", scene.shop)
    scene.street.portal.manage("invite", *told, "--role", "MERCHANT_CASHIER")


@pytest.fixture(scope="session")
def handed_in(
    portal: Portal,
    chromium: Browser,
    doors: Callable[[str], StorageState],
    scene: Scene,
    eventful: None,
) -> None:
    """A file of cards that was worked off, but for one row, and one that waits for somebody."""
    card = str(scene.street.card(scene.handset.customer)["card"])
    block = f"card,reason\n{card},LOST\n{card[::-1]},STOLEN\n"
    state = doors("issuer risk")
    with Window.opened(chromium, origin=portal.origin, storage_state=state) as window:
        _hand_in(window, scene.issuer, act="block", content=block)
        window.page.get_by_text("Rows not done").first.wait_for()
        _hand_in(window, scene.issuer, act="unblock", content=f"card\n{card}\n")
        window.page.get_by_text("Waits for a second person").wait_for()
        assert not window.faults, window.faults


def _hand_in(window: Window, issuer: str, *, act: str, content: str) -> None:
    page = window.go(f"/issuer/{issuer}/blacklist/files/new")
    page.check(f"[name=act][value={act}]")
    file = FilePayload(name="cards.csv", mimeType="text/csv", buffer=content.encode())
    page.set_input_files("[name=file]", file)
    page.fill("[name=reason]", "Found behind the counter")
    page.get_by_role("button", name="Hand in").click()


@pytest.fixture(scope="session")
def axe_source(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker's source, "" where npm cannot bring it: a loud line says so."""
    try:
        return axe.fetch(folder=tmp_path_factory.mktemp("axe"), npm=shutil.which("npm"))
    except axe.NotToBeHad as reason:
        pytestconfig.stash[AXE_MISSING] = str(reason)
        return ""


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reason = config.stash.get(AXE_MISSING, "")
    if reason:
        terminalreporter.write_line(
            f"!!!!! AXE DID NOT RUN, SO NO PAGE WAS CHECKED BY IT: {reason} !!!!!", red=True
        )

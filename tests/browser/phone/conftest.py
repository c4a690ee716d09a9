"""Customers' phones in browser windows, and a till of the demo's bakery."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from tests.browser.phone import till as shops
from tests.browser.phone.handset import Handset
from tests.browser.phone.till import Relay, Till
from tests.journeys.portal import Portal


@pytest.fixture(scope="session")
def till(portal: Portal) -> Till:
    return shops.enrolled(portal, portal.manage("seed_demo")["merchants"][0])


@pytest.fixture(scope="session")
def relay(portal: Portal, till: Till) -> Iterator[Relay]:
    with shops.relay(portal, till) as started:
        yield started


@pytest.fixture
def new_phone(portal: Portal, chromium: Browser) -> Iterator[Callable[[], Handset]]:
    """Return a function that opens a browser that is no phone yet; each must end spotless."""
    with ExitStack() as open_phones:
        opened: list[Handset] = []

        def make() -> Handset:
            one = open_phones.enter_context(Handset.opened(chromium, origin=portal.origin))
            opened.append(one)
            return one

        yield make
        faults = [fault for one in opened for fault in one.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def phone(new_phone: Callable[[], Handset]) -> Handset:
    """A phone that was set up, with a card on it."""
    handset = new_phone()
    handset.set_up()
    handset.take_card()
    return handset

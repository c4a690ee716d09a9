"""One portal for all journeys, a customer with a phone; each test has its own card and reader."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from merchants.devices.till import Till
from tests.factories import remote
from tests.journeys import checkout
from tests.journeys.checkout import RelayStand, Stand
from tests.journeys.counter import Counter
from tests.journeys.desk import Desk
from tests.journeys.line import Line
from tests.journeys.portal import Portal
from tests.journeys.street import Handset, Shop, Street


@pytest.fixture(scope="session")
def street(portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Street:
    return Street(portal=portal, folder=tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="session")
def shop(street: Street) -> Shop:
    return street.shop("Corner Books")


@pytest.fixture(scope="session")
def customer(street: Street) -> str:
    return street.customer()


@pytest.fixture(scope="session")
def handset(street: Street, customer: str) -> Handset:
    """The customer's one phone; each test puts a card of its own on it."""
    return street.handset(customer)


@pytest.fixture
def new_counter(street: Street, shop: Shop) -> Iterator[Callable[..., Counter]]:
    """Return a function that puts one more reader, listening, on a counter."""
    with ExitStack() as open_counters:

        def make(at: Shop = shop) -> Counter:
            return open_counters.enter_context(street.counter(at))

        yield make


@pytest.fixture
def counter(new_counter: Callable[..., Counter]) -> Counter:
    return new_counter()


@pytest.fixture
def line(portal: Portal) -> Iterator[Line]:
    """A line to the portal that a test may cut."""
    with Line(port=portal.port) as line:
        yield line


@pytest.fixture
def online_counter(street: Street, shop: Shop, line: Line) -> Iterator[Counter]:
    """A reader that asks the portal about taps, over ``line``."""
    with street.counter(shop, line=line) as counter:
        yield counter


@pytest.fixture
def card(street: Street, customer: str) -> dict[str, Any]:
    """A new card of the customer, on no phone yet."""
    return street.card(customer)


@pytest.fixture
def token(handset: Handset, card: dict[str, Any]) -> bytes:
    """The same card, put on the phone: its token."""
    return handset.take(card["card"])


@pytest.fixture(scope="session")
def desks(portal: Portal) -> Iterator[Callable[[str], Desk]]:
    """Return a function that gives the signed-in person of a role, by the link ``up`` printed."""
    signed_in: dict[str, Desk] = {}

    def desk(role: str) -> Desk:
        if role not in signed_in:
            signed_in[role] = Desk(origin=portal.origin, link=portal.links[role])
        return signed_in[role]

    yield desk
    for person in signed_in.values():
        person.close()


@pytest.fixture(scope="session")
def stall(street: Street) -> Shop:
    """A shop with tills, apart from the one whose events other journeys count."""
    return street.shop("Night Market")


@pytest.fixture(scope="session")
def stand(street: Street, stall: Shop, tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """A terminal of that shop, switched off."""
    return checkout.stand(street, stall, folder=tmp_path_factory.mktemp("till"))


@pytest.fixture(scope="session")
def till(stand: Stand) -> Iterator[Till]:
    """The same terminal, switched on."""
    with stand.on() as till:
        yield till


@pytest.fixture(scope="session")
def relay(
    street: Street, stall: Shop, stand: Stand, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RelayStand]:
    """A relay of the same shop that takes the terminal's bills."""
    relay = checkout.relay(street, stall, folder=tmp_path_factory.mktemp("relay"))
    checkout.pair(street, relay=relay.device, stand=stand)
    yield relay
    relay.stop()


@pytest.fixture(scope="session")
def purse(street: Street, customer: str, desks: Callable[[str], Desk]) -> dict[str, Any]:
    """A card that pays often: the velocity of its programme stands in no test's way."""
    programme = checkout.often(street, desks("issuer operations"))
    return street.card(customer, programme=programme, balance=100_000_000)


@pytest.fixture(scope="session")
def phones(street: Street, customer: str, purse: dict[str, Any]) -> list[Handset]:
    """Two phones of the customer, each with the purse's card."""
    both = [street.handset(customer, pin=checkout.PIN) for _ in range(2)]
    for phone in both:
        phone.take(purse["card"])
    return both


@pytest.fixture(scope="module")
def own_system(
    portal: Portal, purse: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[remote.Authority]:
    """The purse's issuer's own system; the portal asks it while the module runs."""
    folder, named = tmp_path_factory.mktemp("authority"), ("--issuer", purse["issuer"])
    running = remote.start(folder)
    where = ("--url", running.url, "--token-file", str(folder / "token"))
    portal.manage("issuer_authoriser", *named, *where)
    yield running
    portal.manage("issuer_authoriser", *named, "--off")
    running.process.kill()
    running.process.wait()


@pytest.fixture
def authority(own_system: remote.Authority) -> remote.Authority:
    """The same, well again."""
    own_system.behave(**remote.WELL)
    return own_system

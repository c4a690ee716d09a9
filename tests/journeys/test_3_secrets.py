"""Mission 3.02: nothing on the shop's side ever holds card, PIN or account of the customer.

Searched after a payment at a relay: files, logs and memory of the relay, the till's disk, every
datagram, what the portal answers and tells the shop, the shop's tables, and all logs.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import websocket

from config.wire import b64
from merchants.devices.sale_facts import Display
from settlement.simulation.router import Router
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.checkout import approve, final
from tests.journeys.waiting import eventually
from wallets.devices import purchases

AMOUNT = 23_450
WALLETS_OWN = re.compile(rb'"path": "/api/v1/wallet/cards/[^/"]+/certificate"')
_REGION = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw")


@pytest.fixture(scope="module")
def books(portal) -> Iterator[Books]:
    with closing(Books(portal)) as books:
        yield books


@pytest.fixture(scope="module")
def paid(street, stall, stand, relay, phones, purse, books):
    """One payment at the relay: the customer's secrets, and all that passed on the shop's side."""
    seen: list[bytes] = []
    asked: list[httpx.Request] = []
    card = b64.decode(purse["card"])
    note = {"request": [asked.append]}
    with (
        Router(server=stand.rns, note=lambda passing: seen.append(passing.data)) as router,
        stand.on(rns=router.address) as till,
        httpx.Client(timeout=10, event_hooks=note) as http,
        listening(stall, seen),
    ):
        phone = street.over(phones[0], http)
        tid = checkout.sell(till, AMOUNT, order="A-302", slot=relay.slot("secret"))
        eventually(lambda: relay.holds("A-302"))
        held = purchases.read_bill(http=http, relay_url=relay.url, slot="secret")
        seen.append(held.data)
        approve(phone, phone.purchases.claim_bill(held), card)
        assert final(till, tid).display is Display.PAID
        seen.append(json.dumps([stand.look(tid), stall.payments(), stall.events()]).encode())
        eventually(lambda: any(tid.encode() in one and b"approved" in one for one in seen))
        memory = memory_of(relay.process.pid)
    code = next(json.loads(one.content)["pin_code"] for one in asked if b"pin_code" in one.content)
    account = books.account(card=purse["card"])
    secrets = {"card": card, "pin": checkout.PIN, "code": code, "account": account}
    return secrets, {"messages": b"\n".join(seen), "relay's memory": memory}


@contextmanager
def listening(stall, seen):
    """Hear the shop's socket meanwhile."""
    told = httpx.get(f"{stall.origin}/api/v1/", timeout=5).json()["sockets"]
    socket = websocket.create_connection(
        f"{told}/ws/v1/merchant/payments",
        header=[f"Authorization: Bearer {stall.api_key}"],
        suppress_origin=True,
    )

    def listen():
        with suppress(websocket.WebSocketException, OSError):
            while frame := socket.recv():
                seen.append(frame.encode())

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield
    socket.shutdown()
    thread.join(5)


def memory_of(pid: int) -> bytes:
    """Return what a process of ours holds in memory that it writes to."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    regions = [
        [int(end, 16) for end in found.groups()] for line in maps if (found := _REGION.match(line))
    ]
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for begin, end in regions:
            with suppress(OSError):
                memory.seek(begin)
                parts.append(memory.read(end - begin) or b"")
    return b"".join(parts)


def found_in(text: bytes, secrets) -> set[str]:
    """Return which of the customer's secrets stand in ``text``, in whatever spelling."""
    spellings = {
        name: {secret.encode()}
        if isinstance(secret, str)
        else {secret, secret.hex().encode(), b64.encode(secret).encode()}
        for name, secret in secrets.items()
    }
    return {name for name, all_of in spellings.items() if any(one in text for one in all_of)}


def files_below(*folders: Path) -> bytes:
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    return b"\n".join(path.read_bytes() for path in files)


def test_3_02_no_message_and_no_memory_of_the_shops_side(paid):
    secrets, places = paid

    for place, text in places.items():
        assert b"A-302" in text, f"{place}: the search sees what was there"
        assert found_in(text, secrets) == set(), place


def test_3_02_no_file_and_no_log(portal, relay, stand, paid):
    secrets, _places = paid

    shops = files_below(relay.state.parent, stand.folder)
    portals = files_below(portal.data / "logs").splitlines()

    assert found_in(shops, secrets) == set()
    named = [line for line in portals if found_in(line, secrets)]
    assert all(WALLETS_OWN.search(line) for line in named), "but of the wallet's own requests"
    assert found_in(b"".join(named), secrets) <= {"card"}


def test_3_02_no_table_of_the_shop(paid, books, stall):
    secrets, _places = paid

    text = books.tables("merchants_").encode() + books.told(scope=stall.merchant).encode()

    assert b"A-302" in text
    assert found_in(text, secrets) == set()


def test_3_02_control_the_search_finds_what_is_there(paid, books):
    secrets, _places = paid
    planted = b"".join(one if isinstance(one, bytes) else one.encode() for one in secrets.values())

    assert found_in(planted, secrets) == set(secrets)
    assert {"card", "account"} <= found_in(books.tables("issuers_").encode(), secrets)

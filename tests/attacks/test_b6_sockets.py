"""Attacks on the merchant's socket: foreign pages, foreign shops, rights that have ended."""

import asyncio

import pytest
from channels.db import database_sync_to_async as in_database
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from config import events, sequencer
from config.models import Membership
from config.roles import Role
from config.sockets import AllowedOrigins
from settlement import consumers
from settlement.sockets import websocket_urlpatterns
from tests.attacks.shops import shop
from tests.factories.config import member, signed_in
from tests.settlement.test_live_socket import closed, connections_closed, quick

__all__ = ["connections_closed", "quick"]

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/ws/v1/merchant/payments"
OURS = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def at_home(settings, quick):
    settings.ORIGIN = OURS


@pytest.fixture
def ours():
    return numbered(shop())


@pytest.fixture
def theirs():
    return numbered(shop())


def numbered(made):
    """Return the shop once nothing of it is news any more."""
    while events.take_turn().more:
        pass
    return made


def socket_of(*headers, path=PATH, session=None):
    told = [(name.encode(), value.encode()) for name, value in headers]
    application = AllowedOrigins(URLRouter(websocket_urlpatterns))
    socket = WebsocketCommunicator(application, path, headers=told)
    socket.scope["session"] = session
    return socket


@pytest.fixture
def session(ours):
    return signed_in(member(Role.MERCHANT_OWNER, ours.merchant.reference)).session


@pytest.mark.parametrize("origin", ["https://thief.example", "null", f"{OURS}.thief.example", None])
async def test_a_foreign_page_or_none_rides_on_no_session(ours, session, origin):
    headers = [] if origin is None else [("origin", origin)]
    path = f"{PATH}?merchant={ours.merchant.reference}"

    accepted, _code = await socket_of(*headers, path=path, session=session).connect()

    assert not accepted


async def test_a_session_opens_no_other_shop(theirs, session):
    path = f"{PATH}?merchant={theirs.merchant.reference}"
    socket = socket_of(("origin", OURS), path=path, session=session)
    await socket.connect()

    assert await closed(socket) == 4401


async def told_to(socket, scope):
    """Let an event of ``scope`` happen and everybody be hinted at; return what ``socket`` hears."""

    def happen():
        events.write(
            scope=scope,
            kind="payment.approved",
            subject="PAY-SECRET",
            at=consumers.timezone.now(),
            body={"payment": {"id": "PAY-SECRET"}},
        )
        return events.take_turn().heads

    await sequencer.hint(await in_database(happen)())
    frames = [await socket.receive_json_from(timeout=5)]
    while frames[-1]["type"] != "heartbeat":
        frames.append(await socket.receive_json_from(timeout=5))
    return [frame.get("payment") for frame in frames[:-1]]


async def test_a_key_hears_its_own_shop_whatever_the_address_says(ours, theirs):
    path = f"{PATH}?merchant={theirs.merchant.reference}"
    socket = socket_of(("authorization", f"Bearer {ours.token}"), path=path)
    await socket.connect()

    assert await told_to(socket, theirs.merchant.reference) == []
    assert await told_to(socket, ours.merchant.reference) == [{"id": "PAY-SECRET"}]
    await socket.disconnect()


async def test_a_hint_about_another_shop_makes_nobody_read_it(ours, theirs):
    """Whoever could write to the channel layer still sends no event to a foreign socket."""
    socket = socket_of(("authorization", f"Bearer {ours.token}"))
    await socket.connect()
    group = sequencer.group_of(scope=ours.merchant.reference)
    forged = {"type": "events.available", "scope": theirs.merchant.reference, "seq": 10**6}
    await get_channel_layer().group_send(group, forged)

    assert await told_to(socket, theirs.merchant.reference) == []
    await socket.disconnect()


async def test_a_role_that_ends_closes_it_within_5_seconds(ours, session):
    path = f"{PATH}?merchant={ours.merchant.reference}"
    socket = socket_of(("origin", OURS), path=path, session=session)
    await socket.connect()

    rows = Membership.objects.filter(tenant=ours.merchant.reference)
    await in_database(rows.update)(role=Role.SPONSOR)

    assert await asyncio.wait_for(closed(socket), 5) == 4401


async def test_control_a_socket_that_never_asks_again_stays_open(ours, session, monkeypatch):
    monkeypatch.setattr(consumers, "CHECK_S", 60.0)
    path = f"{PATH}?merchant={ours.merchant.reference}"
    socket = socket_of(("origin", OURS), path=path, session=session)
    await socket.connect()

    rows = Membership.objects.filter(tenant=ours.merchant.reference)
    await in_database(rows.update)(role=Role.SPONSOR)

    assert await told_to(socket, ours.merchant.reference) == [{"id": "PAY-SECRET"}]
    await socket.disconnect()

"""The merchant's socket: every event once, in order, and nobody who may not watch (protocol §8)."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_database
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import connection
from django.utils import timezone

from config import events, following, sequencer
from config.audit import SYSTEM
from config.models import Membership, SignInSession
from config.roles import Role
from merchants.services import api_keys, merchants
from settlement import consumers
from settlement.services import batches
from settlement.sockets import websocket_urlpatterns
from tests.factories import settlement as factory
from tests.factories.config import member, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/ws/v1/merchant/payments"


@pytest.fixture(autouse=True)
def quick(settings, monkeypatch):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    monkeypatch.setattr(consumers, "HEARTBEAT_S", 0.3)
    monkeypatch.setattr(consumers, "CHECK_S", 0.1)


@pytest.fixture(autouse=True)
async def connections_closed():
    """Close the loop's connection, and that of the thread in which handlers ask the database."""
    yield
    await following.stop()
    await in_database(lambda: connection.close())()  # noqa: PLW0108  (looked up in that thread)


@pytest.fixture
def till():
    return factory.till(now=timezone.now())


@pytest.fixture
def card():
    return factory.card_on_phone(at=timezone.now() - timedelta(hours=1))


@pytest.fixture
def token(till):
    return api_keys.make(merchant=till.merchant, name="shop", actor=SYSTEM, at=timezone.now())


def by_key(token):
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return WebsocketCommunicator(URLRouter(websocket_urlpatterns), PATH, headers=headers)


def by_session(client, merchant):
    """Return the socket of a browser, as the session middleware hands it on."""
    socket = WebsocketCommunicator(
        URLRouter(websocket_urlpatterns), f"{PATH}?merchant={merchant.reference}"
    )
    socket.scope["session"] = client.session
    return socket


def pay(till, card, count):
    till.upload(*[card.sale(till, 1000) for _ in range(count)])
    batches.post_waiting(limit=20, at=till.now)
    return events.take_turn().heads


async def hinted(till, card, count):
    await sequencer.hint(await in_database(pay)(till, card, count))


async def frames(socket, count):
    """Return the next ``count`` frames that are not heartbeats."""
    told = []
    while len(told) < count:
        frame = await socket.receive_json_from(timeout=5)
        if frame["type"] != "heartbeat":
            told.append(frame)
    return told


async def closed(socket):
    """Return the code the socket is closed with, whatever comes before."""
    while True:
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            return message["code"]


async def test_what_happens_after_the_connect_is_sent_without_a_gap(till, card, token):
    await in_database(pay)(till, card, 2)
    socket = by_key(token)
    await socket.connect()

    await hinted(till, card, 2)
    await hinted(till, card, 1)

    told = await frames(socket, 5)
    assert [frame["seq"] for frame in told] == [4, 5, 6, 7, 8]
    assert told[0]["type"] == "payment.approved"
    assert told[0]["payment"]["amount"] == 1000
    assert told[2]["batch"]["state"] == "POSTED"
    await socket.disconnect()


async def test_a_lost_hint_is_made_up_for_by_the_heartbeat(till, card, token):
    socket = by_key(token)
    await socket.connect()

    await in_database(pay)(till, card, 2)

    assert [frame["seq"] for frame in await frames(socket, 3)] == [1, 2, 3]
    assert await socket.receive_json_from(timeout=5) == {"type": "heartbeat", "seq": 3}
    await socket.disconnect()


async def test_hints_in_a_rush_send_nothing_twice(till, card, token):
    socket = by_key(token)
    await socket.connect()
    await in_database(pay)(till, card, 3)
    group = sequencer.group_of(scope=till.device.owner)
    hint = {"type": "events.available", "seq": 4}

    await asyncio.gather(*[get_channel_layer().group_send(group, hint) for _ in range(20)])

    assert [frame["seq"] for frame in await frames(socket, 4)] == [1, 2, 3, 4]
    assert (await socket.receive_json_from(timeout=5))["type"] == "heartbeat"
    await socket.disconnect()


def end_reading():
    """End what the sockets read over, as a restart of the database does; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            [following.NAME],
        )
        return len(cursor.fetchall())


async def test_a_restart_of_the_database_loses_no_frame(till, card, token):
    socket = by_key(token)
    await socket.connect()
    await hinted(till, card, 1)
    assert [frame["seq"] for frame in await frames(socket, 2)] == [1, 2]

    assert await in_database(end_reading)() == 1
    await hinted(till, card, 1)

    assert [frame["seq"] for frame in await frames(socket, 2)] == [3, 4]
    await socket.disconnect()


@asynccontextmanager
async def thread_held():
    """Keep the thread busy in which all sockets' handlers ask Django's connections."""
    held = threading.Event()
    holding = asyncio.ensure_future(in_database(held.wait)(20))
    try:
        yield
    finally:
        held.set()
        await holding


async def test_a_frame_waits_for_no_thread(till, card, token, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_S", 20)
    socket = by_key(token)
    await socket.connect()
    heads = await in_database(pay)(till, card, 1)

    async with thread_held():
        await sequencer.hint(heads)
        assert [frame["seq"] for frame in await frames(socket, 2)] == [1, 2]
    await socket.disconnect()


async def test_control_by_the_frameworks_way_it_waits(till, card, token, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_S", 20)
    monkeypatch.delattr(consumers.MerchantPayments, "dispatch")
    socket = by_key(token)
    await socket.connect()
    heads = await in_database(pay)(till, card, 1)

    async with thread_held():
        await sequencer.hint(heads)
        assert await socket.receive_nothing(timeout=0.5)
    assert [frame["seq"] for frame in await frames(socket, 2)] == [1, 2]
    await socket.disconnect()


async def test_a_cashier_watches_the_own_shop(till, card):
    cashier = await in_database(member)(Role.MERCHANT_CASHIER, till.device.owner)
    merchant = await in_database(lambda: till.merchant)()
    socket = by_session(await in_database(signed_in)(cashier), merchant)
    await socket.connect()

    await hinted(till, card, 1)

    assert (await frames(socket, 1))[0]["seq"] == 1
    await socket.disconnect()


async def test_nobody_watches_another_shop(till):
    cashier = await in_database(member)(Role.MERCHANT_CASHIER, "MER-0000000000")
    merchant = await in_database(lambda: till.merchant)()
    socket = by_session(await in_database(signed_in)(cashier), merchant)
    await socket.connect()

    assert await closed(socket) == 4401


@pytest.mark.parametrize("token", ["", "pdk_nobody"])
async def test_an_unknown_key_watches_nothing(token):
    socket = by_key(token)
    await socket.connect()

    assert await closed(socket) == 4401


def leave(cashier):
    Membership.objects.filter(user=cashier).update(ended_at=timezone.now())


def sign_out(cashier):
    SignInSession.objects.filter(user=cashier).update(ended_at=timezone.now())


@pytest.mark.parametrize("end", [leave, sign_out])
async def test_a_socket_closes_when_the_right_or_the_session_ends(till, end):
    cashier = await in_database(member)(Role.MERCHANT_CASHIER, till.device.owner)
    merchant = await in_database(lambda: till.merchant)()
    socket = by_session(await in_database(signed_in)(cashier), merchant)
    await socket.connect()

    await in_database(end)(cashier)

    assert await closed(socket) == 4401


async def test_a_socket_closes_when_its_merchant_is_suspended(till, token):
    socket = by_key(token)
    await socket.connect()

    merchant = await in_database(lambda: till.merchant)()
    await in_database(merchants.suspend)(
        merchant=merchant, actor=SYSTEM, at=timezone.now(), reason="test"
    )

    assert await closed(socket) == 4401


def test_the_clocks_keep_the_protocol(monkeypatch):
    monkeypatch.undo()

    assert consumers.HEARTBEAT_S == 10
    assert consumers.CHECK_S < 5

"""A phone's socket hears of the purchases that wait for it (protocol §6)."""

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_database
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import connection
from django.utils import timezone

from tests.factories import benefits as held
from tests.factories import checkouts as made
from tests.factories.requests import payer
from wallets.consumers import PhoneCommands
from wallets.services import phones

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def layer(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture(autouse=True)
async def connections_closed():
    """Close the connection of the thread in which handlers ask the database."""
    yield
    await in_database(lambda: connection.close())()  # noqa: PLW0108  (looked up in that thread)


@pytest.fixture
def shopper():
    return payer(at=timezone.now() - timedelta(hours=1))


def asks(shopper):
    """Let a till present more than the plan allows."""
    now = timezone.now()
    card = shopper.held.card.reference
    plan = held.plan_of(shopper.phone, card=card, max_amount_minor=1, at=now)
    return made.till().presents(made.with_psn(shopper, plan), 5_000, at=now)


def socket_of(shopper):
    ticket, _ends = phones.socket_ticket(device=shopper.phone, at=timezone.now())
    return WebsocketCommunicator(PhoneCommands.as_asgi(), f"/ws/v1/wallet?ticket={ticket}")


async def test_what_waits_at_the_connect_and_what_comes_later(shopper):
    first = await in_database(asks)(shopper)
    socket = await in_database(socket_of)(shopper)
    assert (await socket.connect())[0]
    told = await socket.receive_json_from(timeout=5)
    assert (told["type"], told["checkout"], told["remainder"]) == (
        "checkout",
        first.reference,
        5_000,
    )
    second = await in_database(asks)(shopper)
    hint = {"type": "checkouts.waiting"}
    await get_channel_layer().group_send(f"device.{shopper.phone.reference}", hint)
    heard = {(await socket.receive_json_from(timeout=5))["checkout"] for _ in range(2)}
    assert heard == {first.reference, second.reference}
    await socket.disconnect()

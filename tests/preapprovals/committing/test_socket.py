"""A phone hears over its socket what became of its customer's numbers (protocol §7)."""

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_database
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import connection
from django.utils import timezone

from config import events
from config.sequencer import HINT, group_of
from tests.factories import preapprovals as made
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


def approves(payer):
    word = made.approved(payer, at=timezone.now())
    events.take_turn()
    return word


def socket_of(payer):
    ticket, _ends = phones.socket_ticket(device=payer.phone, at=timezone.now())
    return WebsocketCommunicator(PhoneCommands.as_asgi(), f"/ws/v1/wallet?ticket={ticket}")


async def test_what_happens_after_the_connect_is_heard_once_without_the_number():
    payer = await in_database(made.payer)(at=timezone.now() - timedelta(hours=1))
    await in_database(approves)(payer)
    socket = await in_database(socket_of)(payer)
    assert (await socket.connect())[0]
    word = await in_database(approves)(payer)
    for _ in range(2):
        hint = {"type": HINT, "seq": 2}
        await get_channel_layer().group_send(group_of(scope=payer.phone.owner), hint)
    told = await socket.receive_json_from(timeout=5)
    assert (told["type"], told["event"]) == ("preapproval", "preapproval.approved")
    assert told["preapproval"]["id"] == word.preapproval.reference
    assert word.number not in str(told)
    assert await socket.receive_nothing()
    await socket.disconnect()

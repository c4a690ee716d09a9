"""``run_rns`` beside settlement: what really becomes of a payment is what the terminal hears."""

import pytest
from django.utils import timezone

from merchants.selectors import notifications
from merchants.wire.datagram import DatagramState
from settlement.services import payments
from tests.factories import requests
from tests.journeys.portal import free_port
from tests.journeys.waiting import eventually
from tests.rns import serving, terminals

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def shop():
    return requests.terminal()


@pytest.fixture
def terminal(shop, port):
    with serving.as_the_portal_does(port=port):
        yield terminals.of(shop.device, ("127.0.0.1", port))


def test_an_approval_and_then_its_reversal_are_told(shop, terminal):
    """4.04, 4.12: at the address REGISTER came from, the reversal with a higher number."""
    request = shop.asks(4_300, at=timezone.now())
    assert terminal.registered(request.tid).state is DatagramState.REQUESTED

    told = requests.payer(at=timezone.now()).pays(request, at=timezone.now())
    result = terminal.result()
    terminal.acknowledge(result)

    assert (result.state, result.amount, result.number) == (DatagramState.APPROVED, 4_300, 1)
    assert result.approval == told.approval_code
    eventually(lambda: notifications.delivery_of(tid=request.tid) == "DELIVERED", within_s=5)
    payments.cancel(device=shop.device, tid=request.tid, at=timezone.now())
    assert terminals.next_with_number(terminal, 2).state is DatagramState.REVERSED


def test_a_cancellation_and_an_expiry_are_told_as_well(shop, terminal):
    """4.11."""
    cancelled, expired = (shop.asks(at=timezone.now()) for _ in range(2))
    for request in (cancelled, expired):
        terminal.registered(request.tid)

    payments.cancel(device=shop.device, tid=cancelled.tid, at=timezone.now())
    assert terminal.result().state is DatagramState.CANCELLED
    payments.end_due(at=expired.expires_at, limit=10)

    assert terminals.next_of(terminal, expired.tid).state is DatagramState.EXPIRED

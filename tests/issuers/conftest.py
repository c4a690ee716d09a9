"""A phone that speaks the real protocol, and a second connection beside the test's own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from config import keys
from config.wire.trust import TrustedKey, TrustList
from tests.factories import issuers as made
from wallets.devices.phone import Phone


class CarriedPhone:
    """A customer's phone as the portal sees it (``device``) and as it acts (``phone``)."""

    def __init__(self, issuer, at):
        self.device, key = made.phone()
        trusted = TrustList(
            keys=[
                TrustedKey(holder=issuer.reference, public_key=bytes(row.public_key))
                for row in keys.trusted(holder=issuer.reference, at=at)
            ]
        )
        self.phone = Phone(device_key=key, trusted=trusted, save=lambda _state: None)

    def take(self, card, at):
        """Put ``card`` on the phone; return its credential."""
        from issuers.services import credentials

        public_key = self.phone.prepare_card(card=bytes(card.token))
        credential = credentials.issue(card=card, device=self.device, public_key=public_key, at=at)
        self.phone.accept_card(certificate=bytes(credential.certificate), at=int(at.timestamp()))
        return credential

    def obey(self, command, at):
        """Let the phone take one command and the portal its acknowledgement."""
        from issuers.services import commands

        ack = self.phone.receive_command(command=command, at=int(at.timestamp()))
        return commands.acknowledge(device=self.device, ack=ack, at=at)


@pytest.fixture
def carried_phone():
    return CarriedPhone


@pytest.fixture
def elsewhere():
    """Run a function in another thread, so on a connection of its own, and return its future."""

    def run_and_close(function):
        try:
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        yield lambda function: pool.submit(run_and_close, function)

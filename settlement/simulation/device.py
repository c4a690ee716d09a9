"""What simulated phones and readers have in common: a lock, and a way to the portal."""

import secrets
import threading
import time

from config.wire import b64
from config.wire.client import PortalSession
from config.wire.keys import SigningKey
from settlement.simulation.network import Network, client, released


class Connection:
    """A device's network and the lock that its state is touched under."""

    def __init__(self, *, origin: str) -> None:
        self.origin = origin
        self.lock = threading.Lock()
        self.network = Network(lock=self.lock)
        self._http = client(self.network)

    def session(self, *, key: SigningKey, keyid: str | None = None) -> PortalSession:
        """Return signed requests under ``keyid``, before enrolment under the key's own id."""
        return PortalSession(
            http=self._http,
            origin=self.origin,
            key=key,
            keyid=keyid or b64.encode(key.kid),
            clock=time.time,
            random_bytes=secrets.token_bytes,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        """Wait with the lock let go; a device that knows it has no network does not wait at all."""
        if not self.network.away:
            with released(self.lock):
                time.sleep(seconds)

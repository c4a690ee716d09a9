"""Lines from the devices of virtual time to the portal in the same process."""

import secrets
from typing import Any, Final

import httpx

from config.wire import b64
from config.wire.client import PortalSession, enrol
from config.wire.keys import SigningKey
from settlement.simulation.device import World

WAY_S: Final = 0.05  # of a request, and as long again for its answer


def line(*, world: World, key: SigningKey, device: str = "") -> PortalSession:
    """Return signed requests of ``device``, tried once; before enrolment under the key's id."""
    return PortalSession(
        http=httpx.Client(transport=world.transport(), trust_env=False),
        origin=world.origin,
        key=key,
        keyid=device or b64.encode(key.kid),
        clock=world.clock,
        random_bytes=secrets.token_bytes,
        sleep=lambda _seconds: None,
        attempts=1,
    )


def enrolled(*, world: World, code: str, kind: str, name: str) -> tuple[SigningKey, dict[str, Any]]:
    """Enrol a device with a key of its own; return the key and the portal's answer.

    :raises PortalRefused: the code is none
    """
    key = SigningKey.generate()
    session = line(world=world, key=key)
    told = enrol(session=session, code=code, kind=kind, name=name, public_key=key.public)
    return key, told

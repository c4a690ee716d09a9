"""The phone's proof that its holder is there (protocol §7)."""

from config.wire import b64
from config.wire.client import PortalSession
from config.wire.keys import SigningKey
from wallets.wire import Assertion


def prove(
    *, session: PortalSession, key: SigningKey, device: str, app_serial: str, verified: bool
) -> str:
    """Return an authentication for one act within 5 minutes.

    ``key``, ``device`` and ``app_serial`` are this phone's as the portal enrolled it; ``verified``:
    the phone has just checked its holder by PIN or biometric.

    :raises PortalRefused: the portal does not take the assertion; five in a row lock the phone
    :raises PortalUnreachable: no answer
    """
    challenge = session.get("/wallet/authentications").json()["challenge"]
    assertion = Assertion(
        challenge=b64.decode(challenge), device=device, app_serial=app_serial, verified=verified
    ).sign(key=key)
    body = {
        "app_serial": app_serial,
        "challenge": challenge,
        "assertion": b64.encode(assertion),
    }
    return str(session.post("/wallet/authentications", body=body).json()["authentication"])

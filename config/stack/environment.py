"""What the launcher tells its children, in the variables that ``config.settings`` reads."""

import os
from collections.abc import Mapping

from config.stack import certificate, postgres, valkey
from config.stack import places as folders
from config.stack.places import CHECKOUT, Places
from config.stack.program import Program

ECHO_OFFSET = 5
# Lifetimes that `--ttl` may shorten for tests (protocol section 9).
LIFETIMES = ("TID", "TSN", "PSN", "CLAIM", "PREAPPROVAL", "REDEMPTION", "AUTHENTICATION")


def base(places: Places) -> dict[str, str]:
    """This function will add this installation's data, secret key and servers to our variables.

    What is set from outside wins: DATABASE_URL and REDIS_URL name servers that are not ours.
    """
    return {
        "DATABASE_URL": places.database_url,
        "REDIS_URL": places.valkey_url,
        "PAYDESK_DEMO": "1",
        "PAYDESK_SECRET_KEY": folders.secret_key(places),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **os.environ,
        "PAYDESK_DATA_DIR": str(places.data),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
    }


def addresses(*, port: int, rns_port: int, ttl: Mapping[str, int]) -> dict[str, str]:
    """This function will name where the portal answers, and its shortened lifetimes in seconds."""
    named = {
        "PAYDESK_ORIGIN": f"http://127.0.0.1:{port}",
        "PAYDESK_SOCKETS_ORIGIN": f"ws://127.0.0.1:{port + 1}",
        "PAYDESK_RNS_HOST": "127.0.0.1",
        "PAYDESK_RNS_PORT": str(rns_port),
    }
    lifetimes = {f"PAYDESK_TTL_{name}": str(seconds) for name, seconds in ttl.items()}
    return {name: os.environ.get(name, value) for name, value in named.items()} | lifetimes


def echo(places: Places, *, port: int) -> dict[str, str]:
    """This function will open the fence round webhooks for the demo's own receiver, and no other.

    :param port: of the portal; the receiver takes another one near it.
    """
    if os.environ.get("PAYDESK_DEMO", "1") != "1":
        return {}
    place = f"127.0.0.1:{port + ECHO_OFFSET}"
    named = {
        "PAYDESK_WEBHOOK_ALLOW": place,
        "PAYDESK_WEBHOOK_ECHO": f"https://{place}/echo",
        "PAYDESK_WEBHOOK_TRUST": str(places.echo / certificate.FILE),
    }
    return {name: os.environ.get(name, value) for name, value in named.items()}


def embedded_servers(places: Places, *, throwaway: bool = False) -> list[Program]:
    """This function will describe the servers that no variable replaces by an external one."""
    servers = []
    if "DATABASE_URL" not in os.environ:
        servers.append(postgres.server(places, throwaway=throwaway))
    if "REDIS_URL" not in os.environ:
        servers.append(valkey.server(places))
    return servers


def servers_answer(places: Places) -> bool:
    """This function will say whether those embedded servers serve."""
    return ("DATABASE_URL" in os.environ or postgres.is_ready(places)) and (
        "REDIS_URL" in os.environ or valkey.is_ready(places)
    )

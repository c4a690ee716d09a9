"""Where a webhook may go: what a person may type, and which addresses a name may lead to.

A merchant names the address and we connect to it from inside our network, so this is the fence
against server-side request forgery (OWASP API7:2023). The name is judged when it is saved and at
each attempt; what counts is the address it resolves to at that attempt, which is the very one the
connection goes to.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from config.refusals import Refused

URL_MAX: Final = 500
PORTS: Final = frozenset({443, 8443})
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# WHATWG URL "ends in a number": C libraries read such a last label as an IPv4 address.
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")  # RFC 4291 §2.4: all global unicast there is
# Beyond what ``is_global`` says: ways to an IPv4 address that hides in another, and neighbours
# that answer on public addresses.
_FORBIDDEN: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.0.0.0/24",  # RFC 6890, protocol assignments
        "192.88.99.0/24",  # RFC 7526, 6to4 relays
        "168.63.129.16/32",  # a large cloud's host, reached from its guests
        "2001::/23",  # RFC 2928, protocol assignments, Teredo among them (RFC 4380)
        "2001:db8::/32",  # RFC 3849, documentation
        "2002::/16",  # RFC 3056, 6to4
        "3fff::/20",  # RFC 9637, documentation
    )
)

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TargetRefused(Refused):
    code = "webhook_target_refused"
    title = "A webhook cannot go there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address in its parts; requests are made of these alone, never of the text again."""

    host: str  # in lower case; an IPv6 address without brackets
    port: int
    path: str  # with its query

    @property
    def authority(self) -> str:
        """The ``Host`` header: the port is left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    @property
    def place(self) -> str:
        """``host:port``, as the allow-list names it."""
        return f"{self.host}:{self.port}"


def parse(*, url: str, allowed: Collection[str] = ()) -> Target:
    """
    Return the parts of an https address that a webhook may be sent to, for all its text says.

    ``allowed``: places (``host:port``) that need pass neither this rule nor :func:`judge`.

    :raises TargetRefused: not https, credentials, a fragment, another port, or no plain host name
    """
    if len(url) > URL_MAX or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise TargetRefused("Give an address of at most 500 plain characters.")
    try:
        split = urlsplit(url)
        port = 443 if split.port is None else split.port
    except ValueError:
        raise TargetRefused("This is not an address.") from None
    if split.scheme != "https":
        raise TargetRefused("Webhooks go to https addresses alone.")
    if "@" in split.netloc:
        raise TargetRefused("An address with a name or password in it is refused.")
    if "#" in url:
        raise TargetRefused("An address has no part after a #.")
    target = Target(
        host=split.hostname or "",
        port=port,
        path=(split.path or "/") + (f"?{split.query}" if split.query else ""),
    )
    if target.place not in allowed:
        _judge_place(target)
    return target


def judge(*, addresses: Collection[str]) -> list[Address]:
    """
    Return the addresses a name resolved to, all of them public unicast.

    One that is not refuses them all: the others are bait.

    :raises TargetRefused: none, or one that is private, loopback, link-local, shared, multicast,
        unspecified, reserved, or carries an IPv4 address inside
    """
    found = [_read(address) for address in addresses]
    if not found:
        raise TargetRefused("The name leads to no address.")
    for address in found:
        if not is_public(address):
            raise TargetRefused("The name leads to an address that is not public.")
    return found


def is_public(address: Address) -> bool:
    """Return whether anyone on the internet could reach ``address`` too."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.scope_id is not None or address not in _GLOBAL_V6
    ):
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in block for block in _FORBIDDEN if block.version == address.version)


def _judge_place(target: Target) -> None:
    if target.port not in PORTS:
        raise TargetRefused("Webhooks go to the ports 443 and 8443 alone.")
    literal = _literal(target.host)
    if literal is not None:
        judge(addresses=[str(literal)])
        return
    labels = target.host.split(".")
    if len(target.host) > 253 or len(labels) < 2 or _NUMERIC.fullmatch(labels[-1]):
        raise TargetRefused("Give the full name of a host.")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetRefused("This is not the name of a host; write other scripts as punycode.")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _read(address: str) -> Address:
    literal = _literal(address)
    if literal is None:
        raise TargetRefused("The name leads to no address.")
    return literal

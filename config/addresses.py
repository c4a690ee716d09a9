"""Where a request came from, as far as it can be believed."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from django.conf import settings

UNKNOWN: Final = "0.0.0.0"  # noqa: S104  (an address nobody has, not one to listen on)


def address_of(meta: Mapping[str, str]) -> str:
    """
    Return the caller's IP address from a request's ``META``.

    Behind ``settings.PROXIES`` of our own, it is the entry that the outermost of them appended to
    X-Forwarded-For; whatever stands left of that was written by the caller and is not believed.
    """
    forwarded = meta.get("HTTP_X_FORWARDED_FOR", "")
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    proxies = settings.PROXIES
    told = hops[-proxies] if 0 < proxies <= len(hops) else meta.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(told))
    except ValueError:
        return UNKNOWN

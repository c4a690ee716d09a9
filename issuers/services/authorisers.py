"""Which system of its own an issuer is asked at, and with which token."""

import re
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction

from config import audit, sealing
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Authoriser, Issuer

URL_MAX: Final = 200
TOKEN_MIN: Final = 16
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class AuthoriserRefused(Refused):
    code = "authoriser_refused"
    title = "An issuer cannot be asked there"


class NoAuthoriser(Refused):
    code = "no_authoriser"
    status = 409
    title = "The issuer is not asked at a system of its own"


@transaction.atomic
def use(*, issuer: Issuer, url: str, token: str, at: datetime, actor: Actor) -> Authoriser:
    """Ask ``issuer`` at ``url`` from now on; what was asked elsewhere is ended at the new place.

    :raises AuthoriserRefused: the address is not https (http on this machine), or the token is none
    """
    _check(url, token)
    sealed = sealing.seal(token.encode(), context=_context(issuer.reference))
    told = {"url": url.rstrip("/"), "token": sealed, "is_asked": True, "set_at": at}
    row, _made = Authoriser.objects.update_or_create(issuer=issuer, defaults=told)
    _note(issuer, "issuer.authoriser_use", at, actor, url=row.url)
    return row


@transaction.atomic
def leave(*, issuer: Issuer, at: datetime, actor: Actor) -> None:
    """Decide for ``issuer`` here again; what is asked or to be reversed there goes on.

    :raises NoAuthoriser: it is decided for here already
    """
    if not Authoriser.objects.filter(issuer=issuer, is_asked=True).update(is_asked=False):
        raise NoAuthoriser
    _note(issuer, "issuer.authoriser_leave", at, actor)


def opened(*, token: bytes, issuer: str) -> str:
    """Return the sealed ``token`` for the system of ``issuer`` (reference) in clear."""
    return sealing.unseal(token, context=_context(issuer)).decode()


def _check(url: str, token: str) -> None:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as wrong:
        raise AuthoriserRefused("This is no address.") from wrong
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if not (is_safe and is_plain and host and len(url) <= URL_MAX):
        raise AuthoriserRefused("https://host[:port][/path]; http on this machine alone.")
    if len(token) < TOKEN_MIN or not _TOKEN.fullmatch(token):
        raise AuthoriserRefused(f"A token has at least {TOKEN_MIN} printable ASCII characters.")


def _context(issuer: str) -> str:
    return f"authoriser.token.{issuer}"


def _note(issuer: Issuer, action: str, at: datetime, actor: Actor, **after: object) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="issuer",
        subject=issuer.reference,
        tenant=issuer.reference,
        at=at,
        after=after,
    )

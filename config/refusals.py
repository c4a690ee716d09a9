"""Refusals: rules said "no" in the domain's words, and how they reach a caller (RFC 9457)."""

from typing import ClassVar


class Refused(Exception):
    """A rule of the domain refused the act. ``code`` is stable, ``detail`` is for people.

    Subclasses stand beside the function that raises them and are named by the domain's noun phrase.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Refused"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class NotFound(Refused):
    """The thing does not exist, or is another tenant's: both answer alike, so nothing leaks."""

    code = "not_found"
    status = 404
    title = "Not found"


class Forbidden(Refused):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"

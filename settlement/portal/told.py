"""How a step of a payment's story is drawn."""

from typing import NamedTuple

from django.utils.functional import Promise


class Told(NamedTuple):
    """A step as the timeline draws it."""

    tone: str
    what: str | Promise
    who: str | Promise = ""
    detail: str | Promise = ""

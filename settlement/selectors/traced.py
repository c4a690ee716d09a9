"""The shape of a step that lies beside a payment's own records, and for whom it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal


class Audience(StrEnum):
    """Whom a step concerns, besides the platform."""

    ALL = "ALL"
    SHOP = "SHOP"
    ISSUER = "ISSUER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One step. ``facts`` fill the words; amounts among them in minor units of the payment."""

    at: datetime
    step: str
    audience: Audience = Audience.ALL
    facts: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["traced"] = "traced"

"""What a merchant lets its reader do without the portal, as the device configuration states it.

Floor and unsent limits are minor units by currency (ISO 4217); one without them is not taken.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

SPLIT_SALE_WINDOW_S: Final = 300
_DAY_S: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLimits:
    """The reader's own limits, beside those each card brings in its certificate.

    ``floor_minor`` caps one offline payment (EMV's floor limit, tag 9F1B), 0 means always online;
    ``unsent_minor`` caps the sum stored and not yet settled. A blacklist older than
    ``blacklist_max_age_s`` makes every floor 0.
    """

    floor_minor: Mapping[str, int]
    unsent_minor: Mapping[str, int]
    blacklist_max_age_s: int = _DAY_S
    split_sale_window_s: int = SPLIT_SALE_WINDOW_S
    records: int = 500
    oldest_s: int = 7 * _DAY_S

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the limits in the answer of ``GET /api/v1/device/config`` of a reader.

        ``config`` holds ``limits`` (by currency: ``floor`` and ``unsent``, minor units),
        ``capacities`` (``records``, and ``oldest_s`` of the oldest), ``blacklist_max_age_s`` and
        ``split_sale_window_s``.

        :raises KeyError: one of them is missing
        """
        limits, capacities = config["limits"], config["capacities"]
        return cls(
            floor_minor={currency: limit["floor"] for currency, limit in limits.items()},
            unsent_minor={currency: limit["unsent"] for currency, limit in limits.items()},
            blacklist_max_age_s=config["blacklist_max_age_s"],
            split_sale_window_s=config["split_sale_window_s"],
            records=capacities["records"],
            oldest_s=capacities["oldest_s"],
        )

    def to_state(self) -> dict[str, Any]:
        """Return the limits as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the limits that :meth:`to_state` wrote."""
        return cls(**state)

"""Where a merchant's device stands, read along with what else is asked."""

from typing import Final

from config import rows
from config.pipeline import Answer, Statement
from merchants.models import Equipment, Merchant, Store


def asked(*, device_id: int) -> Statement:
    """Return the statement that reads a device's equipment with merchant and store."""
    return Statement(_PLACE, [device_id])


def found(answer: Answer) -> Equipment:
    """Return what :func:`asked` found: a merchant's device has its place."""
    assert answer.row is not None, "a merchant's device has its place"
    place, merchant, store = rows.instances(answer.row, Equipment, Merchant, Store)
    place.merchant, place.store = merchant, store
    made: Equipment = place
    return made


_PLACE: Final = f"""
SELECT {rows.columns(Equipment, "e")}, {rows.columns(Merchant, "m")}, {rows.columns(Store, "s")}
  FROM merchants_equipment e
  JOIN merchants_merchant m ON m.id = e.merchant_id
  JOIN merchants_store s ON s.id = e.store_id
 WHERE e.device_id = %s
"""  # noqa: S608  (column names of these models, never input)

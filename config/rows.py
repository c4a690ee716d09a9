"""Rows of models that a statement of our own reads: the columns it names, the instances they make.

For the few paths where putting a query together costs more than the database takes to answer it.
"""

from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model


def columns(model: type[Model], alias: str) -> str:
    """Return the columns of ``model`` as :func:`instances` takes them, of the table ``alias``."""
    fields = model._meta.concrete_fields  # noqa: SLF001
    for field in fields:
        assert not hasattr(field, "from_db_value"), f"{field} is not what the driver returns"
    return ", ".join(f'{alias}."{field.column}"' for field in fields)


def instances(row: Sequence[Any], *models: type[Model]) -> list[Any]:
    """Return an instance of each of ``models``, whose columns stand in ``row`` in that order."""
    values = iter(row)
    return [_instance(model, values) for model in models]


def written[Row: Model](row: Row) -> Row:
    """Return ``row``, made here, as one that a statement of ours has just inserted."""
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001
    return row


def _instance(model: type[Model], values: Any) -> Model:
    names = _names(model)
    return model.from_db(DEFAULT_DB_ALIAS, names, list(islice(values, len(names))))


@cache
def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001

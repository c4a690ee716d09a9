"""PostgreSQL arrays of integers, texts or byte strings, written as literals at once.

The driver writes a list value by value, which for the ids of a large posting takes longer than the
query they are for.
"""

from collections.abc import Collection, Iterable, Sequence


def of(values: Iterable[int]) -> str:
    """Return ``values`` as the literal of an array; the statement casts it (``%s::bigint[]``)."""
    return "{" + ",".join(map(str, values)) + "}"


def columns(rows: Collection[Sequence[int]], *, width: int) -> list[str]:
    """Return one array per column of ``rows``, each ``width`` integers long."""
    return [of(column) for column in zip(*rows, strict=True)] or ["{}"] * width


def of_texts(values: Iterable[str]) -> str:
    """Return ``values`` as the literal of an array; the statement casts it (``%s::varchar[]``)."""
    quoted = [value.replace("\\", r"\\").replace('"', r"\"") for value in values]
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"


def of_bytes(values: Iterable[bytes]) -> str:
    """Return byte strings as the literal of an array; the statement casts it (``%s::bytea[]``)."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"

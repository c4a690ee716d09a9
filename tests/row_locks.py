"""Statements of our own without their row locks: for negative controls."""

import re

from config import pipeline

_LOCK = re.compile(r"\bFOR NO KEY UPDATE( OF \w+)?( SKIP LOCKED)?")
_run = pipeline.run


def without_row_locks(*statements):
    """Run statements as ``pipeline.run``, which this stands in for, with no row locked by them."""
    return _run(*(each._replace(sql=_LOCK.sub("", each.sql)) for each in statements))

"""The garbage collector, left alone while much is made that lives until the end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

_COUNTING: Final = Lock()
_leaving: list[bool] = []  # for each that leaves it alone now: was it on before all of them?


@contextmanager
def left_alone() -> Iterator[None]:
    """
    Collect no cycles meanwhile; reference counts free what they always free.

    A posting makes hundreds of thousands of small tuples without a cycle among them, and would have
    all of them gone through again and again. The collector is the whole process's: while one thread
    still wants it left alone, another that is done does not switch it on.
    """
    with _COUNTING:
        _leaving.append(_leaving[0] if _leaving else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _COUNTING:
            if _leaving.pop() and not _leaving:
                gc.enable()

"""The garbage collector, left alone while much is made that lives until the end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_alone() -> Iterator[None]:
    """
    Collect no cycles meanwhile; reference counts free what they always free.

    A posting makes hundreds of thousands of small tuples without a cycle among them, and would have
    all of them gone through again and again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

"""The device side of the pipe to the conductor: orders in, answers out, one JSON line each."""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from config.wire.client import PortalRefused, PortalUnreachable
from config.wire.errors import WireError

UNREACHABLE: Final = "unreachable"
_BUG: Final = 70  # EX_SOFTWARE of sysexits.h

type Answer = dict[str, Any]
type Order = Callable[..., Answer]


def serve(*, orders: Mapping[str, Order], threads: int) -> None:
    """Carry out orders, ``threads`` at a time, until the pipe is closed: then the process ends.

    What the portal refuses or does not answer is an answer too. Anything else is a bug and ends the
    process at once, loudly, so that no run goes on with half of its parties.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's, which closes the pipe
    threading.excepthook = lambda failed: _end(failed.exc_value)
    out = threading.Lock()

    def carry_out(line: str) -> None:
        order = json.loads(line)
        answer = answered(orders[order["op"]], order["words"])
        with out:
            sys.stdout.write(json.dumps({"number": order["number"], "answer": answer}) + "\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(max_workers=threads) as pool:
        for line in sys.stdin:
            pool.submit(carry_out, line).add_done_callback(_end_on_bug)


def answered(order: Order, words: Mapping[str, Any]) -> Answer:
    """Carry out one order; what the portal refuses or does not answer is an ``error``."""
    try:
        return order(**words)
    except PortalUnreachable as lost:
        return {"error": UNREACHABLE, "detail": str(lost)}
    except PortalRefused as refused:
        return {"error": refused.code, "detail": refused.detail}
    except WireError as wrong:
        return {"error": "not_trusted", "detail": str(wrong)}


def _end_on_bug(done: Future[None]) -> None:
    error = done.exception()
    if error is not None:
        _end(error)


def _end(error: BaseException | None) -> None:
    traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(_BUG)

"""Running the server until a signal: what every program that serves results does."""

import signal
import sys
import threading
from typing import Final

from django.conf import settings

from merchants.rns.server import Server
from merchants.rns.shared import Limits, Statuses

# The receive loop waits for the interpreter no longer than this, whatever another thread does.
_SWITCH_S: Final = 0.0005


def serve(*, host: str, port: int, statuses: Statuses) -> None:
    """
    Serve results on UDP until SIGTERM or Ctrl-C; for the main thread.

    :raises OSError: the address is not ours
    :raises RuntimeError: a part of it ended by itself
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sys.setswitchinterval(_SWITCH_S)
    limits = Limits(
        terminal_per_s=settings.RNS_TERMINAL_PER_S,
        network_per_s=settings.RNS_NETWORK_PER_S,
        tids=settings.RNS_TIDS,
        terminals=settings.RNS_TERMINALS,
    )
    Server(host=host, port=port, statuses=statuses, limits=limits).run(stop)

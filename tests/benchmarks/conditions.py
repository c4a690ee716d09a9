"""Under which conditions the benchmarks ran: what a reader must know to run them again."""

import os
import platform
from pathlib import Path

from django.db import connection

_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


def machine():
    """Return the machine, its load, and the database server with its durability."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(_SETTINGS)]
        )
        server = dict(cursor.fetchall())
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgresql": server.pop("server_version"),
        **server,
    }


def _processor():
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""The Celery application: it carries hints and ids, never the truth (architecture §2)."""

import os
import sys
import threading
from typing import Any, Final

from celery import Celery, bootsteps, signals
from celery.platforms import EX_FAILURE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_BROKEN_ENDS_WITHIN_S: Final = 5.0


class EndsWhenBroken(bootsteps.StartStopStep):
    """
    A worker that broke ends, whatever it waits for.

    A child killed while it wrote its result leaves half of it in the pipe. The worker breaks over
    that and stops in good order, which may wait for the dead child for ever; who started the worker
    sees it run and starts no other. What it held is taken on again, as any killed worker's.
    """

    def close(self, worker: Any) -> None:
        """Give the rest of an orderly stop 5 seconds, if it was an error that caused it."""
        if worker.exitcode == EX_FAILURE:
            end = threading.Timer(_BROKEN_ENDS_WITHIN_S, os._exit, [EX_FAILURE])
            end.daemon = True
            end.start()


app = Celery("paydesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Of itself a worker closes its connection to the database before and after each task, and the next
# task costs the database a process; :func:`_look_after_connections` keeps it as long as Django may.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
app.steps["worker"].add(EndsWhenBroken)


def _look_after_connections(*, sender: Any, **_told: Any) -> None:
    """Close what broke or is older than ``PAYDESK_CONN_MAX_AGE``, as at the ends of a request."""
    from django.db import close_old_connections

    if not sender.request.is_eager:
        close_old_connections()


signals.task_prerun.connect(_look_after_connections, weak=False)
signals.task_postrun.connect(_look_after_connections, weak=False)

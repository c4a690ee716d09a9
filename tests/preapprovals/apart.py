"""The portal with a fault built in: a redemption is committed before its answer is kept."""

import os
from concurrent.futures import ThreadPoolExecutor

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402  (needs the apps loaded)

from config.wsgi import application  # noqa: E402
from settlement.services import redemptions  # noqa: E402

__all__ = ["application"]

_begin = redemptions.begin


def _apart(**asked):
    def begin():
        try:
            return _begin(**asked)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(begin).result()


redemptions.begin = _apart

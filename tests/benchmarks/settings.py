"""The portal's settings, and beside its apps the peers': django-hordak, a plain ledger."""

import os

from config.settings import *  # noqa: F403  the portal as it is
from config.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "mptt", "hordak", "tests.benchmarks.plain"]
DATABASES["default"]["TEST"] = {"NAME": f"bench_{os.getpid()}"}
# The peer's own settings.
DEFAULT_CURRENCY = "KRW"
CURRENCIES = ["KRW"]
HORDAK_DECIMAL_PLACES = 2

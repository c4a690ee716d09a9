"""The portal's settings, and beside its apps the peer's, django-hordak."""

import os

from config.settings import *  # noqa: F403  the portal as it is
from config.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "mptt", "hordak"]
DATABASES["default"]["TEST"] = {"NAME": f"bench_{os.getpid()}"}
# The peer's own settings.
DEFAULT_CURRENCY = "KRW"
CURRENCIES = ["KRW"]
HORDAK_DECIMAL_PLACES = 2

"""The portal's settings with a fault of ``tests.chaos.sabotage`` in it."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.sabotage.Sabotage"]

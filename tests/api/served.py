"""The WSGI application with the probe's routes, for the production server to serve in a test."""

import os

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
settings.ROOT_URLCONF = "tests.api.probe"
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402  (needs the apps loaded)

application = WSGIHandler()

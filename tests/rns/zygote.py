"""What a process of the server is forked from: Django set up once, and no thread yet."""

from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from merchants.rns import serving  # noqa: E402
from tests.rns import payments  # noqa: E402


def serve(port, database, data_folder):
    """Serve the tests' own payments on a test's database."""
    connection.settings_dict["NAME"] = database
    settings.DATABASES["default"]["NAME"] = database
    settings.DATA_DIR = Path(data_folder)
    serving.serve(host="127.0.0.1", port=port, statuses=payments.statuses)

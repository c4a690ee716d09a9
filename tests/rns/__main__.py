"""``python -m tests.rns PORT``: the server as ``run_rns`` runs it, on the tests' own payments."""

import sys

import django

django.setup()

from merchants.rns import serving  # noqa: E402
from tests.rns import payments  # noqa: E402

serving.serve(host="127.0.0.1", port=int(sys.argv[1]), statuses=payments.statuses)

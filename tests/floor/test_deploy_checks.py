"""``check --deploy`` refuses what is for demos and tests alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from config import checks

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"DEMO": True, "TTL_SHORTENED": [], "MAILED": True}, ["paydesk.E001"]),
        ({"DEMO": False, "TTL_SHORTENED": ["TID"], "MAILED": True}, ["paydesk.E002"]),
        ({"DEMO": False, "TTL_SHORTENED": [], "MAILED": False}, ["paydesk.W001"]),
        ({"DEMO": False, "TTL_SHORTENED": [], "MAILED": True}, []),
    ],
)
def test_each_convenience_is_named(settings, changed, found):
    for name, value in changed.items():
        setattr(settings, name, value)

    told = [
        *checks.demo_is_off(),
        *checks.lifetimes_are_whole(),
        *checks.mail_leaves_the_house(),
    ]

    assert [message.id for message in told] == found


def test_without_a_secret_key_nothing_starts_over_https():
    environment = {
        "PAYDESK_ORIGIN": "https://pay.example",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    started = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "PAYDESK_SECRET_KEY is not set" in started.stderr

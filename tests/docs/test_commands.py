"""Every command of the README and of ``docs/`` does what a reader expects, word for word."""

import json
import subprocess

import pytest

from tests.docs.blocks import Shown, shown
from tests.journeys.portal import CHECKOUT, Portal, bare_environment, pattern

# What the documents say where nothing else is; the portal of this run is elsewhere.
SHOWN_ORIGIN = "http://127.0.0.1:8000"
BEGINS_A_PORTAL = "./paydesk chaos"  # of its own; a restore needs a server with nothing in it
DONE_BY = {
    "./paydesk up": "the fixture, which every test here rests on",
    "./paydesk test": "whoever runs this",
}


@pytest.mark.journey
@pytest.mark.parametrize("one", [one for one in shown() if one.command not in DONE_BY], ids=str)
def test_a_command_shown_works(one: Shown, portal: Portal, tmp_path) -> None:
    (tmp_path / ".curlrc").write_text("fail\n")  # an error's status is an error's exit
    done = subprocess.run(
        ["sh", "-euc", one.command.replace(SHOWN_ORIGIN, portal.origin)],
        cwd=CHECKOUT,
        env=bare_environment()
        | (pattern() if BEGINS_A_PORTAL in one.command else {})
        | {"PAYDESK_DATA_DIR": str(portal.data), "CURL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    if "--json" in one.command or one.command.startswith("curl "):
        assert "error" not in json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", DONE_BY)
def test_what_others_run_is_still_shown(command: str) -> None:
    assert command in {one.command for one in shown()}

"""One owner per data folder, guests that keep short-lived servers open, and a careful reset."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from config.stack import owner, reset, up
from config.stack import places as folders
from config.stack.places import CHECKOUT, CannotStart


@pytest.fixture
def here(places, monkeypatch):
    """The commands find the installation the way a person would name it."""
    monkeypatch.setenv("PAYDESK_DATA_DIR", str(places.data))
    return places


def in_another_process(places, *words):
    return subprocess.run(
        [sys.executable, "-m", "config.stack", *words, "--data-dir", str(places.data)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_second_up_is_refused_and_told_where_the_first_one_is(here):
    with owner.own(here, command="up", url="http://127.0.0.1:8600/"):
        second = in_another_process(here, "up", "--port", "8601")

    assert second.returncode == 1
    assert "already up" in second.stderr
    assert "http://127.0.0.1:8600/" in second.stderr


def test_up_waits_for_a_short_command(here, capsys):
    freed = threading.Event()

    def hold():
        with owner.own(here, command="a manage command"):
            freed.wait(timeout=5)

    holder = threading.Thread(target=hold)
    holder.start()
    while owner.running(here) is None:
        pass
    threading.Timer(0.3, freed.set).start()
    up._refuse_or_wait(here)
    holder.join()

    assert "Waiting for a manage command" in capsys.readouterr().out
    assert owner.running(here) is None


async def test_an_owner_waits_for_its_guests(here):
    with owner.guest(here):
        waiting = owner.guests_gone(here).__aenter__()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, timeout=0.3)

    async with owner.guests_gone(here):
        pass


def test_an_owner_that_was_killed_leaves_nothing_that_must_be_removed(here):
    script = (
        "import os\n"
        "from config.stack import owner, places\n"
        "with owner.own(places.locate(), command='up'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=False)

    assert (here.data / "running.json").exists()
    assert owner.running(here) is None


def test_reset_refuses_while_up_runs(here):
    with owner.own(here, command="up"), pytest.raises(CannotStart, match="in use by up"):
        reset.run(["--yes"])


def test_reset_leaves_an_empty_folder(here):
    folders.secret_key(here)

    assert reset.run(["--yes"]) == 0
    assert list(here.data.iterdir()) == []


def test_reset_and_up_leave_other_peoples_folders_alone(tmp_path, monkeypatch):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    monkeypatch.setenv("PAYDESK_DATA_DIR", str(tmp_path))

    with pytest.raises(CannotStart, match="not a data folder"):
        reset.run(["--yes"])
    with pytest.raises(CannotStart, match="files that are not"):
        up.run([])


def test_a_taken_port_is_named(here, monkeypatch):
    monkeypatch.setattr(up, "PORT_FREE_WITHIN_S", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is in use"):
            up.run(["--port", str(port)])


@pytest.mark.parametrize("words", [["--ttl", "TEA=3"], ["--ttl", "TID"], ["--ttl", "TID=0"]])
def test_a_wrong_lifetime_is_refused(words):
    with pytest.raises(SystemExit):
        up._parser().parse_args(words)


def test_lifetimes_reach_the_settings_in_seconds():
    options = up._parser().parse_args(["--ttl", "TID=3", "claim=2", "--ttl", "PSN=9"])

    assert dict(options.ttl) == {"TID": 3, "CLAIM": 2, "PSN": 9}

"""Simulated phones and readers against a real portal: one seed, one end, and what must hold."""

import json
import signal
import time
from pathlib import Path

import pytest

from settlement.simulation import journal
from settlement.simulation.plan import FaultKind

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("simulation")]  # one portal for all

WORDS = ("simulate", "--seed", "7", "--phones", "4", "--readers", "2", "--seconds", "5")
SMALL = ("simulate", "--seed", "1", "--phones", "1", "--readers", "1", "--seconds", "1")


@pytest.fixture(scope="module")
def verdict(portal):
    status, told = portal.manage(*WORDS)
    assert (status, told.get("violations")) == (0, []), told
    return told


# Where its logs lie, and who bears a sale of the copied card: whether that was listed before.
OF_THIS_RUN = {"logs": None, "borne_by": None}


def test_the_same_seed_wants_the_same_and_comes_to_the_same_end(portal, verdict):
    _status, again = portal.manage(*WORDS)
    assert again | OF_THIS_RUN == verdict | OF_THIS_RUN


def test_payments_are_posted_and_every_fault_happened(verdict):
    assert verdict["posted"] > 0
    assert set(verdict["faults_by"]) == set(FaultKind)
    assert verdict["rejected_by"]["record_signature"] == 2  # one tampered, one forged


def test_a_copied_phone_is_found_by_its_counters(verdict):
    """Mission 1.10: a clone and a restored backup, each at the reader after the first one's."""
    assert verdict["rejected_by"]["duplicate_atc"] == 2


def test_the_checker_says_the_same_when_run_again(portal, verdict):
    status, told = portal.manage("check_run", "--logs", verdict["logs"])
    assert (status, told["violations"]) == (0, [])
    assert told["checked"]["payments"] == verdict["posted"]
    assert told["checked"]["heard"] > 0


def test_no_logs_are_a_refusal(portal, tmp_path):
    status, told = portal.manage("check_run", "--logs", str(tmp_path))
    assert (status, told["error"]["code"]) == (1, "no_logs")


def test_a_refusal_before_contact_is_a_connection_never_opened(verdict):
    """Mission 1.02, read from the reader's own log."""
    folder = Path(verdict["logs"])
    entries = [entry for log in folder.glob("reader-*.jsonl") for entry in journal.read(log)]
    contacts = {entry["tap"] for entry in entries if entry["op"] == "contact"}
    taps = [each for each in journal.read(folder / "phones.jsonl") if each["op"] == "tap"]
    assert contacts == {tap["tap"] for tap in taps if tap["contacted"]}


def test_corrupted_books_are_found(portal, verdict):
    """The negative control: the same checks must be able to fail."""
    corrupt = "UPDATE issuers_account SET balance_minor = balance_minor + %s WHERE id = 1"
    portal.sql(corrupt, 1)
    try:
        status, told = portal.manage(*SMALL)
    finally:
        portal.sql(corrupt, -1)
    assert status == 1
    account = portal.sql("SELECT reference FROM issuers_account WHERE id = 1")[0][0]
    assert [line.split(": ")[:2] for line in told["violations"]] == [["I8", f"account {account}"]]


def test_no_portal_is_a_refusal(portal, verdict):
    portal.environment["PAYDESK_ORIGIN"], origin = (
        "http://127.0.0.1:9",
        portal.environment["PAYDESK_ORIGIN"],
    )
    try:
        status, told = portal.manage(*SMALL)
    finally:
        portal.environment["PAYDESK_ORIGIN"] = origin
    assert (status, told["error"]["code"]) == (1, "portal_away")


def test_live_traffic_goes_on_with_the_same_devices_after_a_restart(portal, verdict):
    folder = portal.data / "simulation" / "live"
    first = _live_for(portal, folder, uploads=1)
    devices = portal.sql("SELECT count(*) FROM config_device")
    second = _live_for(portal, folder, uploads=first + 1)
    assert second > first
    assert portal.sql("SELECT count(*) FROM config_device") == devices
    assert portal.sql("SELECT count(*) FROM config_heartbeat WHERE part = 'simulator'") == [(1,)]


def _live_for(portal, folder, *, uploads):
    """Run the live traffic until there are that many posted batches; stop it; return how many."""
    words = ("manage.py", "simulate", "--forever", "--phones", "2", "--readers", "1")
    words += ("--tills", "1")
    process = portal.start(*words)
    deadline = time.monotonic() + 60
    while _posted(folder) < uploads:
        assert process.poll() is None, (portal.data / "processes.log").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    return _posted(folder)


def _posted(folder):
    log = folder / "reader-0.jsonl"
    if not log.exists():
        return 0
    return sum(json.loads(line)["result"] == "POSTED" for line in log.read_text().splitlines())

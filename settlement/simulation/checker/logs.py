"""The clients' journals, read line by line into a scratch file, whatever their length."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

type Line = dict[str, Any]

TABLES: Final = """
CREATE TABLE approved (digest TEXT PRIMARY KEY, device TEXT, serial TEXT, atc INT, card TEXT,
                       amount INT, voids INT, at INT, online INT);
CREATE TABLE harmed (digest TEXT PRIMARY KEY, serial TEXT, atc INT, fault TEXT);
CREATE TABLE result (digest TEXT, device TEXT, sequence INT, place INT, state TEXT, reason TEXT);
CREATE TABLE asked (digest TEXT PRIMARY KEY, serial TEXT, atc INT, denied INT DEFAULT 0);
CREATE TABLE copied (card TEXT PRIMARY KEY);
CREATE TABLE contact (tap INT PRIMARY KEY);
CREATE TABLE tapped (tap INT, phone INT, card TEXT, code TEXT, contacted INT, frozen INT);
CREATE TABLE held (place INTEGER PRIMARY KEY, device TEXT, issuer TEXT, version INT);
CREATE TABLE carried (digest TEXT, tap INT, serial TEXT, issuer TEXT, version INT);
CREATE TABLE act (verb TEXT, version INT, card TEXT);
CREATE TABLE again (device TEXT, sequence INT);
CREATE TABLE heard (seq INT, kind TEXT, subject TEXT);
CREATE TABLE effect (scope TEXT, first INT, last INT, events INT, approved_minor INT);
CREATE INDEX result_digest ON result (digest);
CREATE INDEX heard_seq ON heard (seq);
"""


def load(*, folder: Path, scratch: sqlite3.Connection) -> list[str]:
    """Lay the journals of a run out in ``scratch``; return the references of its readers."""
    scratch.executescript(TABLES)
    devices = []
    for path in sorted(folder.glob("reader-*.jsonl")):
        device = _load_reader(path, scratch)
        if device:
            devices.append(device)
    _load_phones(folder / "phones.jsonl", scratch)
    _load_conductor(folder / "conductor.jsonl", scratch)
    _load_consumer(folder / "consumer.jsonl", scratch)
    scratch.commit()
    return devices


def lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a journal, the part set aside first, up to one never finished."""
    for part in (path.with_name(path.name + ".1"), path):
        if not part.exists():
            continue
        with part.open(encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    break
                yield json.loads(line)


def _load_reader(path: Path, scratch: sqlite3.Connection) -> str:
    device = ""
    for line in lines(path):
        device = line.get("device", device)
        take = _OF_READERS.get(line["op"])
        if take is not None:
            take(line, device, scratch)
    return device


def _contact(line: Line, _device: str, scratch: sqlite3.Connection) -> None:
    if "tap" in line:
        scratch.execute("INSERT OR IGNORE INTO contact VALUES (?)", [line["tap"]])


def _resume(line: Line, device: str, scratch: sqlite3.Connection) -> None:
    for record in line["records"]:
        _approved(record, device, scratch, at=None, online=False)


def _ask(line: Line, _device: str, scratch: sqlite3.Connection) -> None:
    row = [line["digest"], line["serial"], line["atc"]]
    scratch.execute("INSERT OR IGNORE INTO asked VALUES (?, ?, ?, 0)", row)


def _fault(line: Line, _device: str, scratch: sqlite3.Connection) -> None:
    if "digest" in line:
        row = [line["digest"], line["serial"], line["atc"], line["result"]]
        scratch.execute("INSERT OR IGNORE INTO harmed VALUES (?, ?, ?, ?)", row)


def _blacklist(line: Line, device: str, scratch: sqlite3.Connection) -> None:
    for issuer, version in line.get("held", {}).items():
        row = [device, issuer, version]
        scratch.execute("INSERT INTO held (device, issuer, version) VALUES (?, ?, ?)", row)


def _tap(line: Line, device: str, scratch: sqlite3.Connection) -> None:
    if "digest" not in line:
        return
    if line["result"] == "approved":
        _approved(line, device, scratch, at=line["at"], online=line["online"])
        if line["voids"] is None and not line["online"]:
            for issuer, version in line["held"].items():
                row = [line["digest"], line["tap"], line["serial"], issuer, version]
                scratch.execute("INSERT INTO carried VALUES (?, ?, ?, ?, ?)", row)
    elif line["online"]:
        scratch.execute("UPDATE asked SET denied = 1 WHERE digest = ?", [line["digest"]])


def _approved(
    record: Line, device: str, scratch: sqlite3.Connection, *, at: int | None, online: bool
) -> None:
    row = [
        record["digest"],
        device,
        record["serial"],
        record["atc"],
        record["card"],
        record["amount_minor"],
        record["voids"],
        at if at is not None else record.get("at"),
        online,
    ]
    scratch.execute("INSERT OR IGNORE INTO approved VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _upload(line: Line, device: str, scratch: sqlite3.Connection) -> None:
    for record in line.get("records", ()):
        row = [
            record["digest"],
            device,
            line["sequence"],
            record["index"],
            record["state"],
            record.get("reason", ""),
        ]
        scratch.execute("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?)", row)
    if not line.get("same_again", True):
        scratch.execute("INSERT INTO again VALUES (?, ?)", [device, line["sequence"]])


_OF_READERS: Final[dict[str, Callable[[Line, str, sqlite3.Connection], None]]] = {
    "contact": _contact,
    "tap": _tap,
    "resume": _resume,
    "ask": _ask,
    "fault": _fault,
    "blacklist": _blacklist,
    "upload": _upload,
}


def _load_phones(path: Path, scratch: sqlite3.Connection) -> None:
    frozen: dict[tuple[int, str], bool] = {}
    for line in lines(path):
        match line["op"]:
            case "poll":
                for card, mark in line.get("marks", {}).items():
                    frozen[line["phone"], card] = mark["blocked"]
            case "tap":
                known = frozen.get((line["phone"], line["card"]), False)
                row = [line["tap"], line["phone"], line["card"], line["code"]]
                row += [line["contacted"], known]
                scratch.execute("INSERT INTO tapped VALUES (?, ?, ?, ?, ?, ?)", row)
            case "fault" if "cards" in line:
                for card in line["cards"]:
                    frozen.pop((line["phone"], card), None)  # a copy knows what it knew then
                    scratch.execute("INSERT OR IGNORE INTO copied VALUES (?)", [card])


def _load_conductor(path: Path, scratch: sqlite3.Connection) -> None:
    for line in lines(path):
        if line["op"] in {"block", "unblock"} and line["result"].startswith("v"):
            row = [line["op"], int(line["result"].removeprefix("v")), line["card"]]
            scratch.execute("INSERT INTO act VALUES (?, ?, ?)", row)


def _load_consumer(path: Path, scratch: sqlite3.Connection) -> None:
    for line in lines(path):
        if line["op"] == "event":
            row = [line["seq"], line["result"], line["subject"]]
            scratch.execute("INSERT INTO heard VALUES (?, ?, ?)", row)
        elif line["op"] == "effect":
            row = [line[name] for name in ("scope", "first", "last", "events", "approved_minor")]
            scratch.execute("DELETE FROM effect")
            scratch.execute("INSERT INTO effect VALUES (?, ?, ?, ?, ?)", row)

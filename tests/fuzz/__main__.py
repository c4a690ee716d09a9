"""``python -m tests.fuzz TARGET [--runs N] [--seed S]``: one coverage-guided fuzz run (atheris).

A target takes bytes and raises nothing but ``WireError``; whatever else it raises is a crash, and
so is an input that takes more than 100 ms of CPU time three times in a row. A run that hangs says
where, and ends. The corpus starts from good objects of the target, which a mutator also bends value
by value, so that inputs get past the form to the rules behind it. Standard output ends with one
line of JSON.
"""

import argparse
import faulthandler
import json
import resource
import signal
import sys
import tempfile
from pathlib import Path
from random import Random
from time import process_time

import atheris

from config.wire import cbor as plain_cbor
from config.wire.errors import WireError as PlainWireError

# What bends inputs is no part of what is tested: it reads and writes by modules of its own, which
# tell the fuzzer of no coverage and take half the time. The targets import theirs anew.
for name in [name for name in sys.modules if name.partition(".")[0] == "config"]:
    del sys.modules[name]

with atheris.instrument_imports(
    include=["config.wire", "issuers.wire", "merchants.rules", "merchants.wire", "wallets.wire"]
):
    from config.wire.errors import WireError
    from tests.fuzz import targets

SLOW_S = 0.1
REPEATS = 3
LENGTH_MAX = 16_384
STARTS_WITHIN_S, RUNS_PER_S = 60, 500  # on a busy machine
GROWS_MB = 512


class TooSlow(Exception):
    """An input took more than 100 ms of CPU time each time it was tried."""


def main(words):
    """Run one target; the process ends with libFuzzer's status, not 0 after a crash."""
    options = _parser().parse_args(words)
    target = targets.TARGETS[options.target]
    counts = {"inputs": 0, "accepted": 0, "slowest_ms": 0.0}
    faulthandler.dump_traceback_later(STARTS_WITHIN_S + options.runs // RUNS_PER_S, exit=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(target.seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        atheris.Setup(
            [
                sys.argv[0],
                folder,
                f"-atheris_runs={options.runs}",
                f"-seed={options.seed}",
                f"-max_len={LENGTH_MAX}",
                f"-rss_limit_mb={_inherited_mb() + GROWS_MB}",
                "-timeout=30",
                "-verbosity=0",
                f"-artifact_prefix={options.artifacts}/",
            ],
            lambda data: _one(target, bytes(data), counts, options.runs),
            custom_mutator=_mutated,
        )
        atheris.Fuzz()


def _one(target, data, counts, runs):
    taken = _timed(target, data, counts)
    if taken > SLOW_S and min(_timed(target, data, {}) for _ in range(REPEATS)) > SLOW_S:
        raise TooSlow(f"{len(data)} bytes take {taken:.3f} s.")
    counts["inputs"] += 1
    counts["slowest_ms"] = max(counts["slowest_ms"], round(1000 * taken, 1))
    if counts["inputs"] == runs:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # else it may end the process that is done
        counts["peak_mb"] = _peak_kib() // 1024
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()


def _inherited_mb():
    """Return the peak this process is taken to have had: libFuzzer's begins with its parent's."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _peak_kib():
    """Return this process's peak; ``ru_maxrss`` would begin with that of whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _timed(target, data, counts):
    begun = process_time()
    try:
        target.read(data)
    except WireError:
        return process_time() - begun
    counts["accepted"] = counts.get("accepted", 0) + 1
    return process_time() - begun


def _mutated(data, max_size, seed):
    """Bend one value of what the bytes encode; every other time only the bytes."""
    random = Random(seed)
    try:
        value = plain_cbor.decode(bytes(data))
    except (PlainWireError, RecursionError):
        value = None
    if value is None or random.random() < 0.4:
        return atheris.Mutate(data, max_size)
    for _ in range(random.randint(1, 3)):
        value = _bent(value, random)
    try:
        return plain_cbor.encode(value)[:max_size]
    except PlainWireError:
        return atheris.Mutate(data, max_size)


def _bent(value, random):
    if value and isinstance(value, dict | list) and random.random() < 0.9:
        return (_bent_map if isinstance(value, dict) else _bent_list)(value, random)
    return _other(value, random)


def _bent_map(value, random):
    key, how = random.choice(list(value)), random.random()
    kept = {other: item for other, item in value.items() if other != key}
    if how < 0.1:
        return kept
    if how < 0.2:
        return {**value, random.choice([0, 99, "x"]): random.choice([0, b"", "", []])}
    return {**kept, key: _bent(value[key], random)}


def _bent_list(value, random):
    place, how = random.randrange(len(value)), random.random()
    if how < 0.1:
        return value[:place] + value[place + 1 :]
    if how < 0.2:
        return [*value, value[place]]
    return [*value[:place], _bent(value[place], random), *value[place + 1 :]]


def _other(value, random):
    if isinstance(value, bool) or random.random() < 0.1:
        return random.choice([True, 0, -1, 2**63, 2**64 - 1, b"", "", [], {}, b"\x00" * 33])
    if isinstance(value, int):
        return random.choice([value + 1, value - 1, 0, -value, value << 8, 2**63 - 1, 2**32])
    if isinstance(value, bytes):
        return atheris.Mutate(value, len(value) + 8) if value else b"\x01"
    if isinstance(value, str):
        return random.choice([value[:-1], value + "0", value.lower(), "\u0000", "é" * 40])
    return random.choice([[], {}, [[]], {1: 1}])


def _parser():
    parser = argparse.ArgumentParser(prog="./paydesk fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--artifacts", default=tempfile.gettempdir(), metavar="FOLDER")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])

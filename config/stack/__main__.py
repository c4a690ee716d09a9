"""``python -m config.stack COMMAND …``, called by ``./paydesk``."""

import importlib
import os
import sys
from collections.abc import Sequence

from config.stack.places import CannotStart

COMMANDS = ("up", "test", "check", "manage", "bench", "chaos", "fuzz", "relay", "reset")


def main(words: Sequence[str]) -> int:
    """This function will run one command and return its exit status."""
    words = _take_data_dir(list(words))
    if not words or words[0] not in COMMANDS:
        sys.stderr.write(f"paydesk: the commands are {', '.join(COMMANDS)}\n")
        return 2
    name, *rest = words
    if name == "check":
        name, rest = "test", ["--static", *rest]
    try:
        status: int = importlib.import_module(f"config.stack.{name}").run(rest)
    except CannotStart as reason:
        sys.stderr.write(f"paydesk: {reason}\n")
        return 1
    return status


def _take_data_dir(words: list[str]) -> list[str]:
    """Every command knows ``--data-dir D`` at any place; the environment carries it on."""
    kept = []
    waiting = iter(words)
    for word in waiting:
        if word == "--data-dir":
            os.environ["PAYDESK_DATA_DIR"] = next(waiting, "")
        elif word.startswith("--data-dir="):
            os.environ["PAYDESK_DATA_DIR"] = word.partition("=")[2]
        else:
            kept.append(word)
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

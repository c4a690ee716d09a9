"""``./paydesk reset``: delete the data folder's content."""

import argparse
import os
import sys
from collections.abc import Sequence

from config.stack import owner
from config.stack import places as folders
from config.stack.places import CannotStart


def run(words: Sequence[str]) -> int:
    """This function will delete everything the installation keeps, after a yes.

    :raises CannotStart: if something runs on the data, or the folder is not Paydesk's.
    """
    parser = argparse.ArgumentParser(
        prog="./paydesk reset",
        description="Delete the database, keys and logs.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(words)
    places = folders.locate()
    if not places.data.exists() or not any(places.data.iterdir()):
        sys.stdout.write(f"{places.data} is empty: nothing to delete.\n")
        return 0
    if not folders.is_ours(places):
        raise CannotStart(f"{places.data} is not a data folder of Paydesk; nothing was deleted.")
    with owner.own(places, command="reset") as ours:
        if not ours:
            held = owner.running(places)
            who = held.command if held else "another command"
            raise CannotStart(f"{places.data} is in use by {who}; stop it first.")
        if not options.yes and not _confirmed(f"Delete everything in {places.data}? [y/N] "):
            sys.stdout.write("Nothing was deleted.\n")
            return 1
        folders.empty(places)
    sys.stdout.write(f"Deleted everything in {places.data}.\n")
    if "DATABASE_URL" in os.environ:
        sys.stdout.write("The database of DATABASE_URL was left alone.\n")
    return 0


def _confirmed(question: str) -> bool:
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}

"""A machine's state on disk: replaced as a whole, so a power cut leaves the old or the new one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(*, path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` to ``path`` so that it is on the disk when this function returns.

    Only the owner may read it: a machine's state holds its keys.

    :raises OSError: the disk did not take it; ``path`` still holds the state before
    """
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(state, file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    # The rename itself lasts only once the directory is synced (POSIX leaves it in memory).
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read(*, path: Path) -> dict[str, Any] | None:
    """Return the state last written, or None when there is none yet.

    :raises ValueError: the file is not a JSON object
    """
    if not path.exists():
        return None
    state = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds no state.")  # noqa: TRY004  the content is wrong, not a type
    return state

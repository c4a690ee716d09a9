"""Who PostgreSQL runs as. Its programs refuse the superuser, and nobody should need ``useradd``."""

import enum
import functools
import os
import subprocess
from pathlib import Path

NOBODY_UID = NOBODY_GID = 65534


class Identity(enum.Enum):
    """The account a program gets between fork and exec."""

    OURSELVES = "the account that started it"
    NAMESPACE = "a user namespace in which the superuser has another number"
    NOBODY = "the account nobody"

    @property
    def uid(self) -> int:
        """The owner of its files as seen from outside."""
        return NOBODY_UID if self is Identity.NOBODY else os.geteuid()

    def assume(self) -> None:
        """This function will turn the calling process into this identity; it cannot turn back."""
        if self is Identity.NAMESPACE:
            _enter_namespace()
        elif self is Identity.NOBODY:
            os.setgroups([])
            os.setgid(NOBODY_GID)
            os.setuid(NOBODY_UID)


@functools.cache
def chosen() -> Identity:
    """This function will choose by trying: a namespace needs no other account at all."""
    if os.geteuid() != 0:
        return Identity.OURSELVES
    try:
        subprocess.run(("/bin/true",), check=True, preexec_fn=_enter_namespace)
    except (subprocess.SubprocessError, OSError):
        return Identity.NOBODY
    return Identity.NAMESPACE


def _enter_namespace() -> None:
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("1000 0 1")
    Path("/proc/self/gid_map").write_text("1000 0 1")


def can_reach(who: Identity, path: Path) -> bool:
    """This function will say whether ``who`` may enter every folder above ``path``."""
    if who is not Identity.NOBODY:
        return True
    return all(folder.stat().st_mode & 0o001 for folder in path.parents if folder.exists())


def give(who: Identity, folder: Path) -> None:
    """This function will hand ``folder`` itself to ``who`` where that is another account."""
    if who is Identity.NOBODY:
        os.chown(folder, NOBODY_UID, NOBODY_GID)


def give_all(who: Identity, folder: Path) -> None:
    """This function will hand ``folder`` and all below it to ``who``, as :func:`give` does."""
    for path in (folder, *folder.rglob("*")):
        give(who, path)

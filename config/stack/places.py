"""Where one installation keeps its files: the data folder and the folder of its sockets."""

import hashlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from config.stack import identity

CHECKOUT = Path(__file__).resolve().parents[2]
MARKER = "paydesk-data"
# sockaddr_un holds 107 bytes and the longest name in the folder is ".s.PGSQL.5432.lock".
SOCKET_FOLDER_BYTES_MAX = 80


class CannotStart(Exception):
    """What stands in the way, in words for the person at the keyboard."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of one installation. ``data`` outlives the processes, ``run`` holds sockets."""

    data: Path
    run: Path
    postgres: Path
    postgres_identity: identity.Identity

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def valkey(self) -> Path:
        return self.data / "valkey"

    @property
    def beat(self) -> Path:
        return self.data / "beat"

    @property
    def echo(self) -> Path:
        return self.data / "echo"

    @property
    def static(self) -> Path:
        return self.data / "static"

    @property
    def meters(self) -> Path:
        return self.data / "meters"

    @property
    def valkey_socket(self) -> Path:
        return self.run / "valkey.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://portal@/paydesk?host={self.run}"

    @property
    def valkey_url(self) -> str:
        return f"unix://{self.valkey_socket}"


def locate(*, data_dir: str | None = None) -> Places:
    """This function will name the folders for ``data_dir``, PAYDESK_DATA_DIR or the checkout's own.

    It creates nothing. A folder that PostgreSQL's account cannot reach, or whose path is too long
    or too odd for a socket, is replaced by a short one whose name follows from the path.
    """
    named = data_dir or os.environ.get("PAYDESK_DATA_DIR") or CHECKOUT / ".paydesk"
    data = Path(named).expanduser().resolve()
    who = identity.chosen()
    reachable = identity.can_reach(who, data)
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    short = Path("/tmp") / f"paydesk-{os.geteuid()}-{digest}"  # noqa: S108  created 0700, owner checked
    elsewhere = Path("/var/lib") / f"paydesk-{digest}"
    return Places(
        data=data,
        run=data / "run" if reachable and fits_a_socket(data / "run") else short,
        postgres=data / "postgres" if reachable else elsewhere / "postgres",
        postgres_identity=who,
    )


def fits_a_socket(folder: Path) -> bool:
    """This function will say whether ``folder`` may hold sockets and stand in a URL unquoted."""
    text = str(folder)
    return len(os.fsencode(text)) <= SOCKET_FOLDER_BYTES_MAX and bool(
        re.fullmatch(r"[A-Za-z0-9/._-]+", text)
    )


def create(places: Places) -> None:
    """This function will make the folders, readable by their owner only.

    :raises CannotStart: if the data folder holds somebody else's files, or the socket folder
        belongs to another account.
    """
    data = places.data
    try:
        data.mkdir(
            mode=0o711 if places.postgres_identity is identity.Identity.NOBODY else 0o700,
            parents=True,
            exist_ok=True,
        )
        foreign = any(data.iterdir()) and not (data / MARKER).exists()
    except (NotADirectoryError, FileExistsError, PermissionError) as refusal:
        raise CannotStart(f"The data folder {data} cannot be used: {refusal.strerror}.") from None
    if foreign:
        raise CannotStart(
            f"{data} holds files that are not Paydesk's. Give an empty folder with --data-dir."
        )
    (data / MARKER).write_text("The data of one installation; ./paydesk reset deletes it.\n")
    for folder in (places.logs, places.valkey, places.beat, places.static, places.run):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _own_the_socket_folder(places)


def _own_the_socket_folder(places: Places) -> None:
    facts = places.run.lstat()
    ours = {os.geteuid(), places.postgres_identity.uid}
    if places.run.is_symlink() or facts.st_uid not in ours:
        raise CannotStart(f"{places.run} belongs to another account; remove it and try again.")
    places.run.chmod(0o700)
    identity.give(places.postgres_identity, places.run)


def secret_key(places: Places) -> str:
    """This function will read this installation's secret key, making it on the first call."""
    path = places.data / "secret-key"
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(64))
    return path.read_text()


def is_ours(places: Places) -> bool:
    """This function will say whether the data folder is one that :func:`create` made."""
    return (places.data / MARKER).exists()


def empty(places: Places) -> None:
    """This function will delete all that the installation keeps; the empty folder stays."""
    for path in places.data.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for outside in (places.run, places.postgres.parent):
        if not outside.is_relative_to(places.data) and outside != places.data:
            shutil.rmtree(outside, ignore_errors=True)

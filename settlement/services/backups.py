"""Backups: a folder with one state of the database, the keys to it, and what both hold.

``manifest.json`` names each file with its SHA-256 and states what the database held. A backup is as
secret as the installation itself: whoever has it has the keys.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from config import audit, dumps
from config.audit import Actor
from config.refusals import Refused
from settlement.services import statements

FORMAT: Final = 1
DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
KEYS: Final = "keys"
_PARTIAL: Final = ".partial"


class BackupExists(Refused):
    code = "backup_exists"
    status = 409
    title = "There is something at that place already"


class BackupDamaged(Refused):
    code = "backup_damaged"
    title = "The backup is not as it was made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup on disk; ``digest`` is the SHA-256 (hex) of its manifest, to be kept elsewhere."""

    folder: Path
    digest: str
    manifest: dict[str, Any]

    @property
    def taken_at(self) -> datetime:
        """Return when it was begun, by the clock of who made it."""
        return datetime.fromisoformat(self.manifest["taken_at"])

    @property
    def statement(self) -> dict[str, Any]:
        """Return what the database held (:func:`settlement.services.statements.of_now`)."""
        return dict(self.manifest["statement"])

    @property
    def keys(self) -> list[Path]:
        """Return the key files in it."""
        named = sorted(name for name in self.manifest["files"] if name != DUMP)
        return [self.folder / name for name in named]


def make(*, folder: Path, at: datetime, actor: Actor) -> Backup:
    """
    Back the database and the keys up into ``folder``, which appears complete, by one rename.

    Others go on writing meanwhile: the dump and the statement are of one snapshot, and the keys are
    copied after it, so none that it names is missing. Only its owner can read the folder.

    :raises BackupExists: ``folder`` is there, or a part of one that was interrupted
    :raises DumpFailed: pg_dump failed
    """
    partial = folder.with_name(folder.name + _PARTIAL)
    if folder.exists() or partial.exists():
        raise BackupExists(f"{folder} or {partial.name} beside it exists.")
    partial.mkdir(mode=0o700, parents=True)
    try:
        digest = _fill(partial, at)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    made = read(folder=folder)
    assert made.digest == digest, "what was read back is what was written"
    audit.record(
        actor=actor,
        action="backup.make",
        subject_kind="backup",
        subject=digest,
        at=at,
        after={"folder": str(folder)},
    )
    return made


def _fill(folder: Path, at: datetime) -> str:
    with dumps.snapshot() as name:
        statement = statements.of_now()
        dumps.write(file=folder / DUMP, name=name)
    copy_keys(files=sorted(key_folder().glob("*")), target=folder / KEYS)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    manifest = {
        "format": FORMAT,
        "taken_at": at.isoformat(),
        "migrations": migrations(),
        "statement": statement,
        "files": {str(path.relative_to(folder)): _sha256(path) for path in files},
    }
    content = json.dumps(manifest, indent=1, sort_keys=True).encode()
    _write(folder / MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def read(*, folder: Path) -> Backup:
    """
    Read the backup in ``folder`` and compare each file with the manifest.

    :raises BackupDamaged: something is missing, unreadable or of another content
    """
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = json.loads(content)
        files, form = dict(manifest["files"]), manifest["format"]
        altered = [name for name, known in files.items() if _sha256(folder / name) != known]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BackupDamaged(f"{folder} cannot be read: {fault}") from fault
    strange = [name for name in files if name != DUMP and Path(name).parent != Path(KEYS)]
    if altered or strange or DUMP not in files or form != FORMAT:
        raise BackupDamaged(f"Changed since it was made: {', '.join(altered + strange) or form}.")
    return Backup(folder=folder, digest=hashlib.sha256(content).hexdigest(), manifest=manifest)


def key_folder() -> Path:
    """Return where the file provider and the sealing key of this installation lie."""
    return Path(settings.DATA_DIR) / KEYS


def copy_keys(*, files: Iterable[Path], target: Path) -> None:
    """Copy key files into ``target``, readable by the owner alone from their first byte on."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in files:
        _write(target / path.name, path.read_bytes())


def migrations() -> list[str]:
    """Return the migrations that this version of the program has: what its tables look like."""
    known = MigrationLoader(None).disk_migrations
    return sorted(f"{app}.{name}" for app, name in known)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

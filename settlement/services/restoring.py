"""A backup back into an empty installation: checked before, compared after, or undone."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final

from django.db import transaction

from config import audit, dumps
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Issuer
from issuers.services.blacklist import publication
from settlement.services import backups, statements
from settlement.services.backups import Backup, BackupDamaged

# More versions than an issuer could publish: a margin for clocks that disagree, and a rate.
_VERSIONS_AT_LEAST: Final = 1000
_VERSIONS_PER_S: Final = 20


class DatabaseNotEmpty(Refused):
    code = "database_not_empty"
    status = 409
    title = "A backup goes into an empty database only"


class KeysPresent(Refused):
    code = "keys_present"
    status = 409
    title = "There are other keys in the data folder"


class AnotherVersion(Refused):
    code = "backup_of_another_version"
    status = 409
    title = "The backup is of another version of the program"


class RestoreDiffers(Refused):
    code = "restore_differs"
    title = "What was restored is not what the backup states; it was taken away again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored, and how long its steps took in seconds."""

    backup: Backup
    versions: dict[str, int]  # issuer: the version its blacklist has now
    checked_s: float
    loaded_s: float
    compared_s: float


def restore(*, folder: Path, digest: str, at: datetime, actor: Actor) -> Restored:
    """
    Restore the backup in ``folder`` into this empty installation, or leave it as empty as it was.

    The ledger's digest, the event heads, the audit chain and the rows of every table must then be
    those the backup states. Each issuer's list gets a version above any that could have been
    published since the backup: a reader that holds one of those asks for the list anew.

    :param digest: what the backup's manifest must hash to (hex), as kept elsewhere; "" for any
    :raises BackupDamaged: its files are not those that were made
    :raises AnotherVersion: it needs the version of the program that made it
    :raises DatabaseNotEmpty: the database has tables
    :raises KeysPresent: other keys would be overwritten
    :raises DumpFailed: pg_restore failed
    :raises RestoreDiffers: the database is not what the manifest states
    """
    began = monotonic()
    backup = backups.read(folder=folder)
    _refuse(backup, digest)
    checked = monotonic()
    with ExitStack() as undo:
        undo.callback(dumps.empty)
        dumps.load(file=folder / backups.DUMP)
        loaded = monotonic()
        _compare(backup)
        compared = monotonic()
        _put_keys(backup, undo)
        versions = _finish(backup, at, actor)
        undo.pop_all()
    return Restored(
        backup=backup,
        versions=versions,
        checked_s=round(checked - began, 3),
        loaded_s=round(loaded - checked, 3),
        compared_s=round(compared - loaded, 3),
    )


def _refuse(backup: Backup, digest: str) -> None:
    if digest and digest != backup.digest:
        raise BackupDamaged(f"The manifest's digest is {backup.digest}.")
    if backup.manifest.get("migrations") != backups.migrations():
        raise AnotherVersion
    if not dumps.is_empty():
        raise DatabaseNotEmpty
    for path in backups.key_folder().glob("*"):
        kept = backup.folder / backups.KEYS / path.name
        if not kept.exists() or kept.read_bytes() != path.read_bytes():
            raise KeysPresent(f"{path} is not the backup's.")


def _compare(backup: Backup) -> None:
    with dumps.snapshot():
        now = statements.of_now()
        unequal = statements.differences(was=backup.statement, now=now)
    if unequal:
        raise RestoreDiffers(", ".join(unequal))


def _put_keys(backup: Backup, undo: ExitStack) -> None:
    target = backups.key_folder()
    if any(target.glob("*")):
        return  # the same ones: others were refused
    undo.callback(shutil.rmtree, target, ignore_errors=True)
    backups.copy_keys(files=backup.keys, target=target)


@transaction.atomic
def _finish(backup: Backup, at: datetime, actor: Actor) -> dict[str, int]:
    versions = {}
    for issuer in Issuer.objects.order_by("pk"):
        floor = _floor(issuer, since_s=(at - backup.taken_at).total_seconds())
        publication.raise_versions_above(issuer=issuer, floor=floor, at=at, actor=actor)
        newest = publication.current(issuer=issuer)
        versions[issuer.reference] = newest.version if newest else 0
    audit.record(
        actor=actor,
        action="backup.restore",
        subject_kind="backup",
        subject=backup.digest,
        at=at,
        after={"taken_at": backup.manifest["taken_at"]},
    )
    return versions


def _floor(issuer: Issuer, *, since_s: float) -> int:
    newest = publication.current(issuer=issuer)
    known = newest.version if newest else 0
    return known + _VERSIONS_AT_LEAST + int(max(0, since_s) * _VERSIONS_PER_S)

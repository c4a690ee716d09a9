"""A reader asks for an issuer's list: the answer, and the log entry that proves it."""

from datetime import datetime

from config.models import Device
from config.refusals import NotFound
from issuers.models import BlacklistDownload, Issuer
from issuers.services.blacklist import files


def fetch(*, device: Device, issuer: str, have: int, at: datetime) -> files.Download:
    """Return what leads ``device`` from version ``have`` to the newest, and note what it was given.

    An answer without content is noted too, once: the reader has shown that it holds that version,
    and the next polls that show the same are many.

    :raises NotFound: there is no such issuer
    """
    found = Issuer.objects.filter(reference=issuer).first()
    if found is None:
        raise NotFound
    download = files.file_for(issuer=found, have=have, at=at)
    if download.version and (
        download.content is not None or _newest_logged(device, found) != download.version
    ):
        files.log_download(issuer=found, device=device, have=have, version=download.version, at=at)
    return download


def _newest_logged(device: Device, issuer: Issuer) -> int | None:
    mine = BlacklistDownload.objects.filter(device=device, issuer=issuer)
    return mine.order_by("-at").values_list("version", flat=True).first()

"""The blacklist: cards are listed and lifted, versions published, files handed to readers."""

from issuers.services.blacklist.fetching import fetch
from issuers.services.blacklist.files import (
    Download,
    file_for,
    issuers_unprepared,
    log_download,
    prepare,
)
from issuers.services.blacklist.listing import (
    Blocked,
    CardBlockedAlready,
    CardClosed,
    CardNotActive,
    CardNotBlocked,
    ReasonUnknown,
    block,
    is_listed,
    unblock,
)
from issuers.services.blacklist.outright import (
    Outcome,
    block_and_publish,
    unblock_and_publish,
)
from issuers.services.blacklist.publication import (
    issuers_waiting,
    publish,
    raise_versions_above,
)

__all__ = [
    "Blocked",
    "CardBlockedAlready",
    "CardClosed",
    "CardNotActive",
    "CardNotBlocked",
    "Download",
    "Outcome",
    "ReasonUnknown",
    "block",
    "block_and_publish",
    "fetch",
    "file_for",
    "is_listed",
    "issuers_unprepared",
    "issuers_waiting",
    "log_download",
    "prepare",
    "publish",
    "raise_versions_above",
    "unblock",
    "unblock_and_publish",
]

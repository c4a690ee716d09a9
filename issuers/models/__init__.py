from issuers.models.accounts import Account, Hold
from issuers.models.authorisations import Authorisation
from issuers.models.blacklist import (
    BlacklistDownload,
    BlacklistEntry,
    BlacklistFile,
    BlacklistVersion,
    ListedNumber,
)
from issuers.models.cards import Card, Credential
from issuers.models.commands import OtaCommand
from issuers.models.issuers import Issuer, OfflineProfileVersion, Programme

__all__ = [
    "Account",
    "Authorisation",
    "BlacklistDownload",
    "BlacklistEntry",
    "BlacklistFile",
    "BlacklistVersion",
    "Card",
    "Credential",
    "Hold",
    "Issuer",
    "ListedNumber",
    "OfflineProfileVersion",
    "OtaCommand",
    "Programme",
]

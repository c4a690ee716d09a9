"""What an issuer signs, and what phones answer to its commands (protocol §5)."""

from issuers.wire.blacklists import BlacklistFile
from issuers.wire.certificates import CardCertificate, OfflineProfile
from issuers.wire.commands import Acknowledgement, Action, Command
from issuers.wire.rice import RiceSet

__all__ = [
    "Acknowledgement",
    "Action",
    "BlacklistFile",
    "CardCertificate",
    "Command",
    "OfflineProfile",
    "RiceSet",
]

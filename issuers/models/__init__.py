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
from issuers.models.certificate_requests import CertificateRequest
from issuers.models.commands import OtaCommand
from issuers.models.debts import Debt
from issuers.models.issuers import Issuer, OfflineProfileVersion, Programme
from issuers.models.preapproval_policies import PreapprovalPolicy
from issuers.models.remote import Authoriser, RefundAdvice, RemoteAuthorisation
from issuers.models.unblock_requests import UnblockRequest

__all__ = [
    "Account",
    "Authorisation",
    "Authoriser",
    "BlacklistDownload",
    "BlacklistEntry",
    "BlacklistFile",
    "BlacklistVersion",
    "Card",
    "CertificateRequest",
    "Credential",
    "Debt",
    "Hold",
    "Issuer",
    "ListedNumber",
    "OfflineProfileVersion",
    "OtaCommand",
    "PreapprovalPolicy",
    "Programme",
    "RefundAdvice",
    "RemoteAuthorisation",
    "UnblockRequest",
]

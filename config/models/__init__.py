from config.models.devices import Device, EnrolmentCode, EnrolmentFailure, SeenNonce
from config.models.history import Alert, Audit, Event, EventHead, FilePart, Heartbeat, Job
from config.models.keys import PublicKey
from config.models.people import (
    Invitation,
    Membership,
    OneTimeLink,
    SentMail,
    SignInSession,
    User,
)
from config.models.repetitions import Repetition
from config.models.requests import IdempotencyRecord, PasswordFailure, ResetAsked
from config.models.second_factor import Authenticator, DemoFactor, RecoveryCode, RecoveryCodes

__all__ = [
    "Alert",
    "Audit",
    "Authenticator",
    "DemoFactor",
    "Device",
    "EnrolmentCode",
    "EnrolmentFailure",
    "Event",
    "EventHead",
    "FilePart",
    "Heartbeat",
    "IdempotencyRecord",
    "Invitation",
    "Job",
    "Membership",
    "OneTimeLink",
    "PasswordFailure",
    "PublicKey",
    "RecoveryCode",
    "RecoveryCodes",
    "Repetition",
    "ResetAsked",
    "SeenNonce",
    "SentMail",
    "SignInSession",
    "User",
]

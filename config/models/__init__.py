from config.models.devices import Device, EnrolmentCode, EnrolmentFailure, SeenNonce
from config.models.history import Alert, Audit, Event, EventHead, Heartbeat, Job
from config.models.keys import PublicKey
from config.models.people import (
    Invitation,
    Membership,
    OneTimeLink,
    SentMail,
    SignInSession,
    User,
)
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
    "ResetAsked",
    "SeenNonce",
    "SentMail",
    "SignInSession",
    "User",
]

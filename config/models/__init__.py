from config.models.devices import Device, EnrolmentCode, EnrolmentFailure, SeenNonce
from config.models.history import Alert, Audit, Event, EventHead, Heartbeat, Job
from config.models.keys import PublicKey
from config.models.people import (
    Invitation,
    Membership,
    SentMail,
    SignInLink,
    SignInSession,
    User,
)
from config.models.requests import IdempotencyRecord

__all__ = [
    "Alert",
    "Audit",
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
    "PublicKey",
    "SeenNonce",
    "SentMail",
    "SignInLink",
    "SignInSession",
    "User",
]

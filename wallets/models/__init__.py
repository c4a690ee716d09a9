from wallets.models.authentications import Authentication, AuthenticationChallenge
from wallets.models.customers import Customer, OfflineCopy, Phone, ShadowCounter, SocketTicket

__all__ = [
    "Authentication",
    "AuthenticationChallenge",
    "Customer",
    "OfflineCopy",
    "Phone",
    "ShadowCounter",
    "SocketTicket",
]

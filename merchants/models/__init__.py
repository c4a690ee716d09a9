from merchants.models.atms import AtmTurn, Cassette, VirtualAtm
from merchants.models.equipment import Equipment
from merchants.models.merchants import Agreement, ApiKey, Merchant, Store
from merchants.models.notifications import (
    DatagramRecord,
    NotificationCursor,
    NotificationProcess,
    ResultNotification,
)
from merchants.models.relays import RelayPairing
from merchants.models.tills import TillNumber, VirtualTill
from merchants.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)

__all__ = [
    "Agreement",
    "ApiKey",
    "AtmTurn",
    "Cassette",
    "DatagramRecord",
    "Equipment",
    "Merchant",
    "NotificationCursor",
    "NotificationProcess",
    "RelayPairing",
    "ResultNotification",
    "Store",
    "TillNumber",
    "VirtualAtm",
    "VirtualTill",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]

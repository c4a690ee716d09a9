from merchants.models.equipment import Equipment
from merchants.models.merchants import Agreement, ApiKey, Merchant, Store
from merchants.models.relays import RelayPairing
from merchants.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)

__all__ = [
    "Agreement",
    "ApiKey",
    "Equipment",
    "Merchant",
    "RelayPairing",
    "Store",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]

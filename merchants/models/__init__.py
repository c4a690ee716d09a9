from merchants.models.equipment import Equipment
from merchants.models.merchants import Agreement, ApiKey, Merchant, Store
from merchants.models.relays import RelayPairing

__all__ = ["Agreement", "ApiKey", "Equipment", "Merchant", "RelayPairing", "Store"]

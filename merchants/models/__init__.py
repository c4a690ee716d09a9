from merchants.models.equipment import Equipment
from merchants.models.merchants import Agreement, ApiKey, Merchant, Store

__all__ = ["Agreement", "ApiKey", "Equipment", "Merchant", "Store"]

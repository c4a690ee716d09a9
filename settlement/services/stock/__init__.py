"""Gift certificates and lottery tickets of a shop: loaded, held for a redemption, sold once.

Where a shop never loaded any of a kind, its machines keep their own stock: the portal notes the
serials they report, each once.
"""

from settlement.services.stock.handing_out import give_back, pick, sell
from settlement.services.stock.loading import Fault, Line, Loaded, load, load_file, withdraw
from settlement.services.stock.refusals import FileMalformed, ItemSold, ItemUnknown, OutOfStock

__all__ = [
    "Fault",
    "FileMalformed",
    "ItemSold",
    "ItemUnknown",
    "Line",
    "Loaded",
    "OutOfStock",
    "give_back",
    "load",
    "load_file",
    "pick",
    "sell",
    "withdraw",
]

"""Why an item of stock is not taken, or not handed out."""

from config.refusals import Refused


class FileMalformed(Refused):
    code = "stock_file_malformed"
    title = "This is not a file of stock"


class OutOfStock(Refused):
    code = "out_of_stock"
    title = "This shop has none left of that amount"


class ItemUnknown(Refused):
    code = "item_unknown"
    title = "The shop has no such item of that amount"


class ItemSold(Refused):
    code = "item_sold"
    status = 409
    title = "The item is held or was sold before"

"""A benefit as a plain dict, with every field there is."""


def plain(name, kind, **given):
    """Return a benefit without conditions but those ``given``; one without worth is told so."""
    told = {"name": name, "kind": kind, "percent": None, "amount": None, "skus": [], "cap": None}
    told |= {"min_purchase": 0, "units": None, "min_spend": 0, "step": 1, "group": ""}
    return told | {"excludes": [], "priority": 0, "ends": None} | given

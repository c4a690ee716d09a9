"""The engine's values of the plain dicts of ``instances``."""

from datetime import UTC, datetime, timedelta

from benefits.rules.vocabulary import Benefit, Card, Exclusions, Item, Kind, Purchase, Scope

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SHOP, STORE = "mapo-bakery", "main"
CARD = Card(issuer="hankook", programme="check")


def purchase(told):
    """Return the purchase at noon, paid with ``CARD``."""
    return Purchase(
        amount_minor=told["amount"],
        currency="KRW",
        merchant=SHOP,
        store=STORE,
        at=NOON,
        items=tuple(
            Item(sku=item["sku"], amount_minor=item["amount"], quantity=item["quantity"])
            for item in told["items"]
        ),
        card=CARD,
    )


def benefit(told):
    """Return one benefit; ``ends`` are days from noon, ``excludes`` names of definitions."""
    return Benefit(
        benefit=told["name"],
        definition=told["name"],
        kind=Kind(told["kind"]),
        currency="KRW",
        percent_bps=told["percent"],
        amount_minor=told["amount"],
        scope=Scope(skus=frozenset(told["skus"])),
        ends_at=None if told["ends"] is None else NOON + timedelta(days=told["ends"]),
        min_purchase_minor=told["min_purchase"],
        cap_minor=told["cap"],
        units_most=told["units"],
        min_spend_minor=told["min_spend"],
        step_minor=told["step"],
        stack_group=told["group"],
        excludes=Exclusions(definitions=frozenset(told["excludes"])),
        priority=told["priority"],
    )


def benefits(instance):
    """Return all benefits of an instance."""
    return [benefit(each) for each in instance["benefits"]]

"""Random purchases with what a customer holds, as plain dicts, seeded.

The engine and the brute force each read them in their own way (``built``, ``brute_force``).
"""

import random

from tests.benefits.plain import plain

KINDS = (
    *("COUPON_ITEM", "COUPON_PERCENT", "COUPON_FIXED", "GRADE"),
    *("CARD_DISCOUNT", "STAMP", "POINTS", "GIFT_CARD"),
)
# How often each kind is drawn where all are: coupons are what people collect.
WEIGHTS = (5, 4, 4, 2, 3, 2, 2, 2)
SKUS = ("bread", "cake", "coffee", "latte", "tea")


def mixed(seed, *, count, scoped=True, exclusions=0.15):
    """Draw every kind with every rule; not ``scoped``: item coupons alone look at items."""
    draw = random.Random(seed)
    purchase = _purchase(draw, rest=2_000 * count)
    benefits = [_benefit(draw, number, purchase, scoped=scoped) for number in range(count)]
    for one in benefits:
        for other in benefits:
            if one["name"] < other["name"] and draw.random() < exclusions:
                one["excludes"].append(other["name"])
    return {"seed": seed, "purchase": purchase, "benefits": benefits}


def wallet(seed, *, count, scoped=False):
    """Draw what a wallet may hold that is full: some rules each, few clashes, lower minima.

    Of four benefits one is in a stack group, and of fifty pairs one excludes each other; least
    purchases, of every second discount, are up to two thirds of the purchase, which is large.
    """
    instance = mixed(seed, count=count, scoped=scoped, exclusions=0.02)
    draw = random.Random(seed)
    instance["purchase"]["amount"] += 4_000 * count
    for each in instance["benefits"]:
        each["group"] = draw.choice(("", "", "", draw.choice(("welcome", "season"))))
        least = draw.randint(1, instance["purchase"]["amount"] * 2 // 3)
        balance = each["kind"] in {"POINTS", "GIFT_CARD"}
        each["min_purchase"] = 0 if balance else draw.choice((0, least))
    return instance


def thresholds(seed, *, count):
    """Draw a subset-sum: even coupons, then shares that want all but an odd sum to be left."""
    draw = random.Random(seed)
    amount = 5_000 * count
    coupons = [
        _plain(number, "COUPON_FIXED", amount=2 * draw.randint(500, 3_000))
        for number in range(count - 3)
    ]
    least = amount - (sum(each["amount"] for each in coupons) // 2 | 1)
    sharp = [
        _plain(count - 3 + at, kind, percent=3_000, min_purchase=least * 7**at // 10**at)
        for at, kind in enumerate(("GRADE", "CARD_DISCOUNT", "STAMP"))
    ]
    return {"seed": seed, "purchase": _bare(amount), "benefits": coupons + sharp}


def tangle(seed, *, count):
    """Draw coupons of like worth of which half exclude each other: an independent set."""
    draw = random.Random(seed)
    kinds = [draw.choice(KINDS[1:6]) for _ in range(count)]
    benefits = [
        _plain(number, kind, amount=draw.randint(900, 1_100))
        if kind in {"COUPON_FIXED", "STAMP"}
        else _plain(number, kind, percent=draw.randint(200, 500))
        for number, kind in enumerate(kinds)
    ]
    for at, one in enumerate(benefits):
        names = [other["name"] for other in benefits[at + 1 :]]
        one["excludes"] = [name for name in names if draw.random() < 0.5]
    return {"seed": seed, "purchase": _bare(300_000), "benefits": benefits}


def alike(seed, *, count):
    """Draw gift cards and points that are nearly the same: every figure ties."""
    draw = random.Random(seed)
    benefits = [
        _plain(
            number,
            draw.choice(("GIFT_CARD", "GIFT_CARD", "POINTS", "COUPON_FIXED")),
            amount=draw.choice((3_000, 3_000, 5_000)),
            ends=draw.choice((None, 5, 9)),
        )
        for number in range(count)
    ]
    return {"seed": seed, "purchase": _bare(draw.randint(20_000, 40_000)), "benefits": benefits}


def shares(seed, *, count):
    """Draw capped shares of items in overlapping sets, with least purchases: what rounds most."""
    draw = random.Random(seed)
    purchase = _purchase(draw)
    benefits = []
    for number in range(count):
        each = _plain(number, draw.choice(KINDS[:6]), percent=draw.randint(100, 4_000))
        each["skus"] = draw.sample(SKUS, draw.randint(1, 4))
        each["cap"] = draw.choice((None, draw.randint(100, 4_000)))
        each["min_purchase"] = draw.randint(0, purchase["amount"])
        each["group"] = draw.choice(("", "", "a", "b", "c"))
        benefits.append(each)
    return {"seed": seed, "purchase": purchase, "benefits": benefits}


def _purchase(draw, *, rest=20_000):
    items = [
        {"sku": sku, "amount": draw.randint(700, 15_000), "quantity": draw.randint(1, 4)}
        for sku in draw.sample(SKUS, draw.randint(1, len(SKUS)))
    ]
    beside = draw.choice((0, draw.randint(0, rest)))
    return {"amount": sum(item["amount"] for item in items) + beside, "items": items}


def _bare(amount):
    return {"amount": amount, "items": []}


def _plain(number, kind, **given):
    return plain(f"b{number:02}", kind, **given)


def _benefit(draw, number, purchase, *, scoped):
    kind = draw.choices(KINDS, WEIGHTS)[0]
    each = _plain(number, kind, ends=draw.choice((None, *range(1, 30))))
    each["priority"] = draw.choice((0, 0, 0, 1, 2))
    each["group"] = draw.choice(("", "", "", "welcome", "season", "card"))
    each["min_purchase"] = draw.choice((0, 0, draw.randint(1, purchase["amount"])))
    if kind in {"POINTS", "GIFT_CARD"}:
        each["amount"] = draw.randint(500, 15_000)
        if kind == "POINTS":
            each["min_spend"], each["step"] = draw.choice(((0, 1), (1_000, 1), (500, 100)))
        return each
    _worth(draw, each, purchase)
    if kind == "COUPON_ITEM" or (scoped and draw.random() < 0.4):
        bought = draw.choice(purchase["items"])["sku"]
        each["skus"] = sorted({bought, *draw.sample(SKUS, draw.randint(0, 2))})
    if kind == "COUPON_ITEM":
        each["units"] = draw.choice((None, 1, 2))
    return each


def _worth(draw, each, purchase):
    fixed = {"COUPON_FIXED": 1.0, "STAMP": 0.7, "COUPON_ITEM": 0.5}.get(each["kind"], 0.2)
    if draw.random() < fixed:
        each["amount"] = draw.randint(100, 6_000)
        return
    each["percent"] = draw.choice((300, 500, 1_000, 1_500, 2_000, 3_333))
    each["cap"] = draw.choice((None, draw.randint(300, 5_000)))

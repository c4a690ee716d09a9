"""The worked tables of ``docs/algorithms/benefits.md``: purchase, benefits, what comes out."""

import re
from dataclasses import dataclass

from config.stack.places import CHECKOUT
from tests.benefits import built
from tests.benefits.plain import plain

PAGE = CHECKOUT / "docs" / "algorithms" / "benefits.md"
EXAMPLE = re.compile(
    r"^(Purchase|Best of): ([\d,]+) KRW(.*)\n\n\| benefit .*\n\|[-:|]+\|\n((?:\|.*\n)+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Row:
    """One benefit and what the page says becomes of it; ``of`` and ``takes`` None for a dash."""

    benefit: object
    of: int | None
    takes: int | None
    why: str
    left: int


@dataclass(frozen=True)
class Example:
    best: bool
    purchase: object
    rows: list


def examples():
    """Return every worked table of the page."""
    return [_example(*found) for found in EXAMPLE.findall(PAGE.read_text())]


def _example(what, amount, items, table):
    told = {"amount": _number(amount), "items": [_item(each) for each in items.split("; ")[1:]]}
    rows = [_row(*(cell.strip() for cell in line.split("|")[1:-1])) for line in table.splitlines()]
    return Example(best=what == "Best of", purchase=built.purchase(told), rows=rows)


def _item(told):
    sku, quantity, amount = re.fullmatch(r"(\w+) × (\d+) for ([\d,]+)", told).groups()
    return {"sku": sku, "quantity": int(quantity), "amount": _number(amount)}


def _row(name, kind, worth, conditions, of, takes, why, left):
    told = plain(name, kind, **_worth(worth))
    for condition in filter(None, conditions.split("; ")):
        told |= _condition(condition)
    return Row(built.benefit(told), _number(of), _number(takes), why, _number(left))


def _worth(told):
    if told.endswith("%"):
        return {"percent": 100 * int(told.removesuffix(" %"))}
    return {"amount": _number(told)}


def _condition(told):
    word, _, value = told.partition(" ")
    if word in {"cap", "min", "from", "step", "ends"}:
        names = {"min": "min_purchase", "from": "min_spend"}
        return {names.get(word, word): _number(value)}
    if word == "group":
        return {"group": value}
    if word == "not":
        return {"excludes": [value]}
    if value == "unit":
        return {"units": int(word)}
    return {"skus": told.split(", ")}


def _number(told):
    return int(told.replace(",", "")) if told.strip("–") else None

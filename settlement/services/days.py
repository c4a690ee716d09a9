"""What a merchant took per business day, channel and currency.

Postings of batches add to the days at once, an online payment leaves a change to be added up.
"""

from collections import defaultdict
from datetime import date

from django.db import connection

from config.pipeline import Statement
from merchants.models import Merchant
from settlement.rules.facts import Genuine, Sale
from settlement.rules.requests import Request
from settlement.rules.sheet import Sheet

type _Day = tuple[int, date, str]


def add(sheet: Sheet) -> None:
    """Add the sheet's sales and voids to the days of the sales, one statement, in key order."""
    with connection.cursor() as cursor:
        cursor.execute(*adding(sheet))


def adding(sheet: Sheet) -> Statement:
    """Return the statement of :func:`add`."""
    days: dict[_Day, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for genuine, sale in sheet.sales:
        day = days[_day(genuine, sale)]
        day[0] += 1
        day[1] += sale.amount_minor
    for genuine, sale in sheet.voids:
        day = days[_day(genuine, sale)]
        day[2] += 1
        day[3] += sale.amount_minor
    rows = [(*key, *days[key]) for key in sorted(days)]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    return Statement(_ADD, columns)


def _day(genuine: Genuine, sale: Sale) -> _Day:
    return (genuine.taken.reader.merchant_id, sale.business_date, sale.currency)


_ADD = """
INSERT INTO settlement_merchantday AS d (merchant_id, business_date, currency, channel,
                                         sales, sales_minor, reversals, reversals_minor)
SELECT merchant_id, business_date, currency, 'OFFLINE',
       sales, sales_minor, reversals, reversals_minor
  FROM unnest(%s::bigint[], %s::date[], %s::varchar[],
              %s::int[], %s::bigint[], %s::int[], %s::bigint[])
    AS new (merchant_id, business_date, currency, sales, sales_minor, reversals, reversals_minor)
    ON CONFLICT (merchant_id, business_date, channel, currency) DO UPDATE
   SET sales = d.sales + excluded.sales,
       sales_minor = d.sales_minor + excluded.sales_minor,
       reversals = d.reversals + excluded.reversals,
       reversals_minor = d.reversals_minor + excluded.reversals_minor
"""


def sold(request: Request) -> Statement:
    """Return the statement that leaves an approved sale to be added to its day."""
    return _change(request, request.business_date, sales=1, sales_minor=request.amount_minor)


def reversed_(request: Request) -> Statement:
    """Return the statement that leaves a reversal to be added to the day of the sale."""
    return _change(
        request, request.business_date, reversals=1, reversals_minor=request.amount_minor
    )


def refunded(request: Request, *, day: date, amount_minor: int) -> Statement:
    """Return the statement that leaves a refund to be added to ``day``, its own."""
    return _change(request, day, refunds=1, refunds_minor=amount_minor)


def _change(request: Request, day: date, **counts: int) -> Statement:
    names, marks = ", ".join(counts), ", ".join(["%s"] * len(counts))
    return Statement(
        "INSERT INTO settlement_daychange (merchant_id, business_date, channel, currency,"  # noqa: S608
        f" {names}) VALUES (%s, %s, %s, %s, {marks})",
        [request.shop.merchant_id, day, request.channel, request.currency, *counts.values()],
    )


def roll_up(*, limit: int = 10_000) -> int:
    """
    Add up to ``limit`` changes to their days; return how many.

    One statement: a change is counted once, by whoever deletes it. Days are taken in the order of
    their keys, as the postings of batches take them.
    """
    return _added_up(_ROLL_UP, limit)


def settle(*, merchant: Merchant, day: date) -> int:
    """
    Add all changes of ``merchant`` up to ``day`` to their days; return how many.

    What somebody else adds up just now is waited for: whoever looks at the days then finds all that
    was taken. Nobody who holds a day waits for a change.
    """
    return _added_up(_SETTLE, merchant.pk, day)


def _added_up(statement: str, *parameters: int | date) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        (count,) = cursor.fetchone() or (0,)
    return int(count)


_ADD_UP = """
WITH taken AS (
    DELETE FROM settlement_daychange WHERE id IN ({chosen}) RETURNING *
), summed AS (
    SELECT merchant_id, business_date, currency, channel, sum(sales) AS sales,
           sum(sales_minor) AS sales_minor, sum(reversals) AS reversals,
           sum(reversals_minor) AS reversals_minor, sum(refunds) AS refunds,
           sum(refunds_minor) AS refunds_minor
      FROM taken GROUP BY merchant_id, business_date, currency, channel
     ORDER BY merchant_id, business_date, currency, channel
), added AS (
    INSERT INTO settlement_merchantday AS d (merchant_id, business_date, currency, channel,
           sales, sales_minor, reversals, reversals_minor, refunds, refunds_minor)
    SELECT * FROM summed
        ON CONFLICT (merchant_id, business_date, channel, currency) DO UPDATE
       SET sales = d.sales + excluded.sales,
           sales_minor = d.sales_minor + excluded.sales_minor,
           reversals = d.reversals + excluded.reversals,
           reversals_minor = d.reversals_minor + excluded.reversals_minor,
           refunds = d.refunds + excluded.refunds,
           refunds_minor = d.refunds_minor + excluded.refunds_minor
)
SELECT count(*) FROM taken
"""
_ROLL_UP = _ADD_UP.format(
    chosen="SELECT id FROM settlement_daychange ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
)
_SETTLE = _ADD_UP.format(
    chosen="""
        SELECT id FROM settlement_daychange WHERE merchant_id = %s AND business_date <= %s
         ORDER BY id FOR UPDATE
    """
)

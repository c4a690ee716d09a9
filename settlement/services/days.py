"""What a merchant took per business day, channel and currency: kept by the postings."""

from collections import defaultdict
from datetime import date

from django.db import connection

from settlement.rules.facts import Genuine, Sale
from settlement.rules.sheet import Sheet

type _Day = tuple[int, date, str]


def add(sheet: Sheet) -> None:
    """Add the sheet's sales and voids to the days of the sales, one statement, in key order."""
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
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns)


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

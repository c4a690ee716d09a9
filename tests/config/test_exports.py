"""CSV files: no text runs as a formula, numbers stay numbers, and everything comes back."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import exports


def read(*rows):
    whole = "".join(exports.lines(rows))
    assert whole[0] == "\ufeff"
    return list(csv.reader(whole[1:].splitlines(keepends=True)))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "  ="])
def test_what_a_spreadsheet_would_run_is_text(first):
    ((cell,),) = read([f"{first}1+1"])
    assert cell == f"'{first}1+1"


def test_numbers_and_days_stay_what_they_are():
    told = read([-12, Decimal("-12.50"), exports.amount(-1250, "USD"), date(2026, 1, 2), None])
    assert told == [["-12", "-12.50", "-12.50", "2026-01-02", ""]]


def test_a_moment_has_its_offset():
    assert read([datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]) == [["2026-01-02T03:04:05+00:00"]]


@pytest.mark.parametrize(
    ("minor", "currency", "told"),
    [(12_500, "KRW", "12500"), (1250, "USD", "12.50"), (5, "KWD", "0.005"), (0, "KRW", "0")],
)
def test_amounts_are_in_whole_units(minor, currency, told):
    assert f"{exports.amount(minor, currency):f}" == told


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])), min_size=1))
def test_text_comes_back_but_for_the_apostrophe(cells):
    (found,) = read(cells)
    assert [cell.removeprefix("'") for cell in found] == [cell.removeprefix("'") for cell in cells]
    assert not any(cell.lstrip().startswith(tuple("=+-@＝＋－＠")) for cell in found)

"""Money: integers with their currency, the same through text and back (A15)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import money
from config.money import AmountMalformed, CurrencyMismatch, Money, UnknownCurrency

CURRENCIES = ["KRW", "USD", "KWD", "CNY", "JPY", "EUR"]


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (12500, "KRW", "12,500"),
        (-1250, "USD", "−12.50"),
        (5, "USD", "0.05"),
        (1234567, "KWD", "1,234.567"),
        (0, "KRW", "0"),
    ],
)
def test_text_has_the_decimals_of_its_currency(minor, currency, text):
    assert money.text(minor, currency) == text


@given(st.integers(-(10**14), 10**14), st.sampled_from(CURRENCIES))
def test_what_is_shown_is_read_back_to_the_last_unit(minor, currency):
    assert money.parse(money.text(minor, currency), currency) == minor


@pytest.mark.parametrize("typed", ["12500", "12,500", "₩12,500", " 12 500 "])
def test_people_may_type_a_won_amount_as_they_like(typed):
    assert money.parse(typed, "KRW") == 12500


@pytest.mark.parametrize(
    ("typed", "currency"), [("12.5", "KRW"), ("1.234", "USD"), ("", "KRW"), ("1e3", "KRW")]
)
def test_what_is_no_amount_of_the_currency_is_refused(typed, currency):
    with pytest.raises(AmountMalformed):
        money.parse(typed, currency)


def test_two_currencies_are_never_added():
    with pytest.raises(CurrencyMismatch):
        Money(1, "KRW") + Money(1, "USD")


def test_an_unknown_currency_is_refused():
    with pytest.raises(UnknownCurrency):
        Money(1, "XXQ")

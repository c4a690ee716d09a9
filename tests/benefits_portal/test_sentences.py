"""Terms read back as sentences: what a person would have to know, and nothing that is not there."""

from datetime import UTC, datetime

import pytest

from benefits.models import Definition
from benefits.portal import sentences

ENDS = datetime(2026, 12, 30, 15, tzinfo=UTC)  # midnight in Seoul


def told(names=None, payers=(), **terms):
    terms = {"kind": "COUPON_FIXED", "currency": "USD", "amount_minor": 250} | terms
    definition = Definition(**terms)
    return sentences.of(definition=definition, names=names or {}, payers=payers, zone="Asia/Seoul")


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({}, "Take 2.50 USD off everything."),
        ({"cap_minor": 1_000}, "Take 2.50 USD off everything, but never more than 10.00 USD."),
        (
            {"kind": "COUPON_ITEM", "skus": ["bread", "cake"]},
            "Take 2.50 USD off each unit of bread or cake.",
        ),
        (
            {"kind": "STAMP", "amount_minor": None, "percent_bps": 1_250, "units_most": 2},
            "Take 12.5 % off 2 units of any article.",
        ),
        (
            {"kind": "POINTS", "amount_minor": None, "min_spend_minor": 100, "step_minor": 10},
            "Spend points like money, from 1.00 USD on, in steps of 0.10 USD.",
        ),
        ({"kind": "GIFT_CARD", "amount_minor": None}, "Pay with what is on the card."),
    ],
)
def test_what_it_is_worth(terms, sentence):
    assert told(**terms)[0] == sentence


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"merchants": ["M1"]}, "At Mapo, in every store."),
        ({"merchants": ["M1"], "stores": ["S1"]}, "Only in Hongdae."),
        ({}, "At every merchant."),
        (
            {"kind": "CARD_DISCOUNT", "issuers": ["I1"]},
            "When the phone pays with a card of Hangang.",
        ),
        (
            {"stack_group": "autumn", "excluded_kinds": ["GRADE"]},
            "Not together with another one of the group “autumn” or membership grade.",
        ),
        (
            {"uses_each": 3, "uses_in_all": 1_000},
            "Each customer may use it 3 times, 1,000 times in all.",
        ),
        ({"ends_at": ENDS}, "From its publication until the end of 30 Dec 2026 (Asia/Seoul)."),
        ({"valid_days": 1}, "From its publication without end; each is good for 1 day."),
        ({"budget_minor": 5_000}, "It stops by itself once 50.00 USD are spent."),
    ],
)
def test_its_conditions(terms, sentence):
    names = {"M1": "Mapo", "S1": "Hongdae", "I1": "Hangang"}
    assert sentence in told(names, **terms)


def test_who_pays_stands_there():
    assert "Paid by Mapo 60 % and Flour 40 %." in told(payers=[("Mapo", 6_000), ("Flour", 4_000)])

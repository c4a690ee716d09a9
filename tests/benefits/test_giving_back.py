"""What a refund brings, by rule: adds up, never negative, all in the end."""

from hypothesis import given
from hypothesis import strategies as st

from benefits.rules.giving_back import Paid, back_of
from benefits.rules.split import in_parts

WORKED = Paid(purchase_minor=10_000, remainder_minor=3_333, lines=[2_000, 1_667, 3_000])


@st.composite
def refunds(draw):
    """Draw a purchase as it was paid, and the sizes of its refunds, together the whole."""
    *lines, remainder = draw(st.lists(st.integers(0, 50_000), min_size=1, max_size=6))
    purchase = sum(lines) + remainder or 1
    paid = Paid(purchase_minor=purchase, remainder_minor=remainder, lines=lines)
    cuts = draw(st.lists(st.integers(1, purchase), max_size=5))
    ends = sorted({*cuts, purchase})
    return paid, [end - start for start, end in zip([0, *ends], ends, strict=False)]


def test_a_third_by_hand():
    back = back_of(paid=WORKED, before_minor=0, amount_minor=3_333)
    # 3,333 x 3,333 / 10,000 = 1,110.9; 2,000 → 666.6; 1,667 → 555.6; 3,000 → 999.9
    assert back == (1_111, [666, 555, 999])


@given(refunds())
def test_refunds_add_up_to_all_that_was_paid(told):
    paid, amounts = told
    before, tender, lines = 0, 0, [0] * len(paid.lines)
    for amount in amounts:
        back = back_of(paid=paid, before_minor=before, amount_minor=amount)
        assert min([back.tender_minor, *back.lines]) >= 0
        before, tender = before + amount, tender + back.tender_minor
        lines = [so_far + more for so_far, more in zip(lines, back.lines, strict=True)]
    assert (tender, lines) == (paid.remainder_minor, list(paid.lines))


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10_000), min_size=1, max_size=8))
def test_parts_make_the_whole(amount, weights):
    if not sum(weights):
        weights[0] = 1
    parts = in_parts(amount, weights)
    assert sum(parts) == amount
    due = [amount * weight / sum(weights) for weight in weights]
    assert all(abs(part - exact) <= 1.001 for part, exact in zip(parts, due, strict=True))

"""Which notes pay an amount, against looking at every heap of notes there is."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from merchants.rules.note_mix import Preference, mix, nearest, value

DENOMINATIONS = (50_000, 10_000, 5_000, 1_000)
CASSETTES = st.dictionaries(st.sampled_from(DENOMINATIONS), st.integers(0, 4), min_size=1)
AMOUNTS = st.integers(0, 60).map(lambda thousands: thousands * 1_000)
MOST = st.integers(1, 8)


def heaps(held, most):
    """Every heap of at most ``most`` notes that ``held`` allows, as denomination -> count."""
    counts = product(*(range(count + 1) for count in held.values()))
    found = (dict(zip(held, heap, strict=True)) for heap in counts)
    return [heap for heap in found if 0 < sum(heap.values()) <= most]


def paying(amount, held, most):
    return [heap for heap in heaps(held, most) if value(notes=heap) == amount]


def left(held, notes):
    return sorted(count - notes.get(note, 0) for note, count in held.items())


@settings(deadline=None)
@given(amount=AMOUNTS, held=CASSETTES, most=MOST)
def test_a_mix_pays_exactly_and_with_the_fewest_notes(amount, held, most):
    found = mix(amount_minor=amount, held=held, most=most)
    possible = paying(amount, held, most)

    assert (found is None) == (not possible)
    if found is not None:
        assert value(notes=found) == amount
        assert all(0 < count <= held[note] for note, count in found.items())
        assert sum(found.values()) == min(sum(heap.values()) for heap in possible)


@settings(deadline=None)
@given(amount=AMOUNTS, held=CASSETTES, most=MOST)
def test_a_balanced_mix_leaves_the_emptiest_cassette_as_full_as_can_be(amount, held, most):
    found = mix(amount_minor=amount, held=held, most=most, preference=Preference.BALANCED)
    possible = paying(amount, held, most)

    assert (found is None) == (not possible)
    if found is not None:
        assert value(notes=found) == amount
        assert left(held, found) == max(left(held, heap) for heap in possible)


@settings(deadline=None)
@given(amount=AMOUNTS, held=CASSETTES, most=MOST)
def test_the_nearest_payable_amounts_are_those_of_some_heap(amount, held, most):
    payable = {value(notes=heap) for heap in heaps(held, most)} - {0}
    below, above = nearest(amount_minor=amount, held=held, most=most)

    assert below == max((one for one in payable if one <= amount), default=None)
    assert above == min((one for one in payable if one >= amount), default=None)


def test_greed_would_fail_where_the_mix_does_not():
    # 6 of greedy 5 + 1 leaves nothing for the other 1; 2 + 2 + 2 pays.
    assert mix(amount_minor=6_000, held={5_000: 1, 2_000: 3}) == {2_000: 3}


def test_of_two_mixes_of_as_many_notes_the_larger_notes_go():
    held = {50_000: 1, 20_000: 2, 30_000: 2, 10_000: 1}
    assert mix(amount_minor=60_000, held=held) == {50_000: 1, 10_000: 1}


def test_more_notes_than_a_bundle_holds_pay_nothing():
    assert mix(amount_minor=41_000, held={1_000: 100}) is None
    assert mix(amount_minor=40_000, held={1_000: 100}) == {1_000: 40}

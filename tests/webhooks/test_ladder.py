"""The waits between tries."""

from datetime import timedelta

import pytest

from merchants.rules import ladder


def test_tries_go_on_for_three_days(noon):
    at, tries = noon, 1
    while following := ladder.next_try(tries=tries, at=at, draw=0):
        at, tries = following, tries + 1

    assert timedelta(days=3) <= at - noon < timedelta(days=3, hours=1)
    assert tries == ladder.TRIES_MAX


def test_waits_only_grow():
    assert list(ladder.WAITS_S) == sorted(ladder.WAITS_S)


@pytest.mark.parametrize("draw", [0, 0.5, 1])
def test_jitter_adds_at_most_a_tenth(noon, draw):
    wait = ladder.next_try(tries=2, at=noon, draw=draw) - noon

    assert wait == timedelta(seconds=30 * (1 + draw / 10))


def test_an_endpoint_is_hopeless_after_three_days(noon):
    since = noon - timedelta(days=3)

    assert ladder.is_hopeless(failing_since=since, at=noon)
    assert not ladder.is_hopeless(failing_since=since + timedelta(seconds=1), at=noon)

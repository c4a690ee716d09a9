"""A look finds what its query set would, at every time, and is put together once."""

from datetime import timedelta

import pytest

from config.looks import Look
from config.models import Alert

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def raised(noon):
    """Alerts of five hours in a row."""
    return [
        Alert.objects.create(kind="x", subject=str(hour), detail="", raised_at=noon + hour * HOUR)
        for hour in range(5)
    ]


def old(at):
    """Return the alerts raised an hour ago or earlier."""
    return (
        Alert.objects.filter(raised_at__lte=at - HOUR, cleared_at=None)
        .order_by("-raised_at")
        .values_list("subject", "raised_at")
    )


@pytest.mark.parametrize("hours", [-3, 0, 1, 2, 4, 9])
def test_it_finds_what_the_query_set_would(raised, noon, hours):
    look = Look(old)
    look.at(noon + HOUR)
    assert look.at(noon + hours * HOUR) == list(old(noon + hours * HOUR))


@pytest.mark.parametrize(("limit", "found"), [(-1, 0), (0, 0), (2, 2), (9, 5)])
def test_it_finds_no_more_than_it_is_asked_for(raised, noon, limit, found):
    assert len(Look(old).at(noon + 9 * HOUR, limit=limit)) == found


def test_it_tells_whether_there_is_any(raised, noon):
    look = Look(old)
    assert [look.finds_any(at=noon + hours * HOUR) for hours in (0, 1, 2)] == [False, True, True]


def test_a_union_is_asked_in_one_statement(raised, noon, django_assert_num_queries):
    look = Look(lambda at: old(at)[:1].union(old(at - HOUR)[:1], all=True))
    with django_assert_num_queries(1):
        found = look.at(noon + 3 * HOUR)
    assert [subject for subject, _at in found] == ["2", "1"]


def test_the_query_set_is_made_once(raised, noon):
    made = []
    look = Look(lambda at: made.append(at) or old(at))
    for hours in range(4):
        look.at(noon + hours * HOUR)
    assert len(made) == 1


def test_a_query_set_with_a_time_of_its_own_is_refused(raised, noon):
    look = Look(lambda _at: Alert.objects.filter(raised_at__lte=noon).values_list("subject"))
    with pytest.raises(ValueError, match="names a time of its own"):
        look.at(noon)

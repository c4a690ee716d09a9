"""What the tests of a module stand on is there for each, and what one changes for no other."""

from copy import deepcopy

import pytest

from config.models import User
from tests.factories.config import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def person_that_stands(module_rows):
    return UserFactory(name="Mina Park")


@pytest.fixture
def person(person_that_stands, db):
    return deepcopy(person_that_stands)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_finds_what_the_module_wrote_and_nothing_of_another_test(person, turn):
    assert list(User.objects.values_list("name", flat=True)) == ["Mina Park"]
    assert person.name == "Mina Park"

    person.name = "Someone Else"
    person.save()
    UserFactory()


def test_control_what_a_test_wrote_itself_is_seen_by_it(person):
    UserFactory()
    assert User.objects.count() == 2

"""Keyset pages walk a list once, forwards and back, in whatever order is asked for."""

import pytest
from django.http import QueryDict

from issuers.models import Card
from issuers.portal.ordering import in_order

pytestmark = pytest.mark.django_db


def page_at(rf, query, size=2):
    cards = Card.objects.all()
    return in_order(
        rows=cards,
        whole=cards,
        request=rf.get(f"/{query}"),
        sorts={"card": "last4"},
        size=size,
    )


@pytest.mark.parametrize("sort", ["", "?sort=card", "?sort=-card", "?sort=nonsense"])
def test_forwards_and_back_each_row_once(sort, scene, rf):
    pages, query = [], sort
    while True:
        page = page_at(rf, query)
        pages.append([card.pk for card in page.rows])
        if not page.next:
            break
        query = page.next

    walked = [pk for rows in pages for pk in rows]
    assert sorted(walked) == sorted(card.pk for card in scene.cards)
    back = page_at(rf, page.previous)
    assert [card.pk for card in back.rows] == pages[-2]
    assert QueryDict(back.next[1:]).get("after") == str(pages[-2][-1])


def test_rows_of_one_value_stand_by_their_ids(scene, rf):
    Card.objects.update(last4="0007")

    first = page_at(rf, "?sort=card")
    second = page_at(rf, first.next)

    walked = [card.pk for card in [*first.rows, *second.rows]]
    assert walked == sorted(card.pk for card in scene.cards)


def test_a_cursor_that_is_none_is_the_first_page(scene, rf):
    assert len(page_at(rf, "?after=abc").rows) == 2

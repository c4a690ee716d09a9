"""A page costs the same number of queries however long its list is (ux §6, A6: at most 12)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.wire.keys import SigningKey
from issuers.services import certificate_requests
from tests.issuers_portal.scene import add_card

pytestmark = pytest.mark.django_db

LISTS = [
    ("blacklist", ""),
    ("blacklist", "?view=waiting&reason=LOST&q=kim&sort=card"),
    ("distribution", ""),
    ("list-versions", ""),
    ("undelivered", "?view=all"),
    ("undelivered", "?view=all&sort=attempts"),
    ("issuer-devices", ""),
    ("issuer-devices", "?view=behind&q=kim&sort=device"),
    ("card-list", ""),
    ("card-list", "?view=blocked&q=kim&sort=card"),
    ("programme-list", ""),
    ("certificate-requests", ""),
    ("certificate-requests", "?view=all&sort=asked"),
]


def count(browser, url):
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(url).status_code == 200
    return len(queries)


def asks(scene, number, *, at):
    """Let a phone ask for its card once more, as a programme's staff would have to agree to."""
    certificate_requests.ask(
        card=scene.cards[number],
        device=scene.phones[number],
        public_key=SigningKey.generate().public,
        at=at,
    )


@pytest.mark.parametrize("listing", LISTS, ids="".join)
def test_a_list_asks_at_most_twelve_whatever_its_length(listing, scene, risk, at, now):
    name, query = listing
    url = at(name, query=query)
    scene.block(0, at=now)
    scene.fetch(0, at=now)
    asks(scene, 0, at=now)
    count(risk, url)  # what is looked up once in a process
    before = count(risk, url)

    for number in range(3, 6):
        add_card(scene, at=now - timedelta(days=1))
        scene.block(number, at=now)
        asks(scene, number, at=now)

    assert count(risk, url) == before
    assert before <= 12


def test_a_poll_costs_less_than_its_page(scene, risk, at, now):
    scene.block(0, at=now)
    entry = scene.cards[0].blacklist_entries.get()
    risk.get(at("blacklist"))

    assert count(risk, at("blacklist-reach", query=f"?ids={entry.pk}")) <= 11

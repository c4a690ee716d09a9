"""Work of more than two seconds in the browser: a day that is closed, a list written as a file."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import expect

from config.stack import places
from tests.browser.test_every_page import look
from tests.journeys.portal import Portal

pytestmark = pytest.mark.browser
DAY = "2026-01-05"  # on which nothing was taken: other tests reverse what was sold today
WITHIN_MS = 30_000
_ASK = """
INSERT INTO config_job (reference, kind, tenant, state, total, finished, failed, cancel_asked,
                        arguments, errors, created_by, created_at)
SELECT 'JOB-0000000001', 'list_file', '', 'QUEUED', 0, 0, 0, false,
       %s::jsonb || jsonb_build_object('membership', m.id, 'memberships', jsonb_build_array(m.id)),
       '[]', m.user_id::text, now()
  FROM config_membership m WHERE m.role = 'PLATFORM_ADMIN' ORDER BY m.id LIMIT 1
"""


@pytest.fixture
def books(portal: Portal) -> Iterator[psycopg.Connection]:
    url = places.locate(data_dir=str(portal.data)).database_url
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield connection


def test_a_day_is_looked_at_and_closed_from_its_page(scene, window, axe_source):
    page = window("settlement clerk").go(f"/merchant/{scene.shop}/days/{DAY}")
    page.get_by_role("link", name="Close the day").click()
    expect(page.locator("main")).to_contain_text("Ready to close.")
    assert not look(page, axe_source, noted=set(), name="day-close")
    page.get_by_role("button", name="Close the day").click()
    expect(page.locator("main")).to_contain_text("The day is closed", timeout=WITHIN_MS)
    assert not look(page, axe_source, noted=set(), name="day-close-job")
    page.get_by_role("link", name="Open the day").click()
    expect(page.locator("main")).to_contain_text("Closed")


def test_a_long_list_is_written_while_one_looks_on(books, scene, window, axe_source):
    told = {"name": "audit", "address": "/audit?as=csv"}
    told |= {"actor_kind": "USER", "actor": "platform admin"}
    books.execute(_ASK, [json.dumps(told)])

    page = window("platform admin").go("/files/JOB-0000000001")
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WITHIN_MS)
    assert not look(page, axe_source, noted=set(), name="file")
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download").click()
    assert waited.value.suggested_filename == "audit.csv"
    rows = list(csv.reader(Path(waited.value.path()).read_text("utf-8-sig").splitlines()))
    assert rows[0][0] == "Row"
    assert len(rows) > 1

    page.goto(f"{page.url.split('/files/')[0]}/files")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert not look(page, axe_source, noted=set(), name="file-list")

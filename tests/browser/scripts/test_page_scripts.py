"""Keys, selection, theme and polled boxes: what scripts add to a page that works without them."""

import pytest

from tests.browser.scripts.live_page import Desk

pytestmark = pytest.mark.browser


def focused(desk: Desk) -> str:
    return desk.page.evaluate("document.activeElement.textContent")


def test_j_and_k_walk_the_rows(desk: Desk) -> None:
    for key, row in (("j", "3"), ("j", "2"), ("j", "1"), ("j", "1"), ("k", "2")):
        desk.page.keyboard.press(key)
        assert focused(desk) == row


def test_x_selects_and_escape_clears(desk: Desk) -> None:
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("x")
    assert desk.page.inner_text("[data-bulk-count]") == "1 selected"
    assert desk.page.inner_text("#announce") == "1 selected"
    assert desk.page.locator("#pay-3.selected").count() == 1
    desk.page.keyboard.press("Escape")
    assert not desk.page.is_visible("[data-bulk]")


def test_single_keys_can_be_off(desk: Desk) -> None:
    desk.page.evaluate("document.documentElement.dataset.keys = 'off'")
    desk.page.keyboard.press("j")
    assert desk.page.evaluate("document.activeElement === document.body")


def test_the_sheet_of_keys_opens_and_gives_the_focus_back(desk: Desk) -> None:
    desk.page.focus("#pay-2 a")
    desk.page.keyboard.press("Shift+Slash")
    assert desk.page.is_visible("#keys")
    desk.page.keyboard.press("Escape")
    assert focused(desk) == "2"


def test_the_theme_is_kept_for_the_next_page(desk: Desk) -> None:
    desk.page.click("details.menu summary")
    desk.page.click("[data-set-theme=dark]")
    assert desk.page.get_attribute("html", "data-theme") == "dark"
    assert {c["name"]: c["value"] for c in desk.page.context.cookies()}["theme"] == "dark"


def test_a_polled_box_is_redrawn(desk: Desk) -> None:
    desk.until(lambda: desk.page.inner_text("#again") != "0 reached", seconds=4)


def test_a_polled_box_rests_while_somebody_is_in_it_or_paused(desk: Desk) -> None:
    desk.page.focus("#again")
    before = desk.polls
    desk.page.clock.run_for(7_000)
    assert desk.polls == before
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.click("#live-pause")
    desk.page.clock.run_for(7_000)
    assert desk.polls == before


def test_a_swap_that_takes_the_focus_away_gives_it_back(desk: Desk) -> None:
    desk.page.focus("#again")
    desk.page.evaluate("htmx.ajax('GET', '/reach', {target: '#reach', swap: 'innerHTML'})")
    desk.until(lambda: "reached" in focused(desk) and focused(desk) != "0 reached", seconds=2)

"""The live list in a browser: no row lost, none twice, nothing moved under the reader's hands."""

import pytest

from tests.browser.scripts.live_page import Desk

pytestmark = pytest.mark.browser


def banner(desk: Desk) -> str:
    shown = desk.page.locator("[data-live-banner]")
    return shown.inner_text() if shown.is_visible() else ""


def pill(desk: Desk) -> str:
    shown = desk.page.locator("[data-live-pill] button")
    return shown.inner_text() if shown.is_visible() else ""


def test_a_frame_brings_the_row_from_the_database(desk: Desk) -> None:
    desk.happen(4)
    desk.until(lambda: desk.shown() == ["pay-4", "pay-3", "pay-2", "pay-1"])
    assert desk.page.locator("#pay-4.flash").count() == 1


def test_a_hole_is_filled_from_the_database(desk: Desk) -> None:
    desk.happen(4, say=False)
    desk.happen(5)
    desk.until(lambda: desk.shown()[:2] == ["pay-5", "pay-4"], seconds=2)


def test_a_heartbeat_ahead_of_us_is_a_hole_too(desk: Desk) -> None:
    desk.happen(4, say=False)
    desk.frame(type="heartbeat", seq=4)
    desk.until(lambda: desk.shown()[0] == "pay-4", seconds=2)


def test_frames_twice_and_out_of_order_change_nothing(desk: Desk) -> None:
    desk.happen(4, 5)
    for seq in (5, 4, 1):
        desk.frame(seq=seq, type="payment.approved")
    desk.until(lambda: len(desk.shown()) == 5)
    desk.page.clock.run_for(3_000)
    assert desk.shown() == ["pay-5", "pay-4", "pay-3", "pay-2", "pay-1"]


def test_a_change_replaces_its_row_where_it_stands(desk: Desk) -> None:
    desk.happen(2, words="Refunded")
    desk.until(lambda: "Refunded" in desk.page.inner_text("#pay-2"))
    assert desk.shown() == ["pay-3", "pay-2", "pay-1"]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4000])
def test_any_close_is_said_at_once_and_caught_up(desk: Desk, code: int) -> None:
    desk.happen(4, 5, say=False)
    desk.sockets[-1].close(code=code)
    desk.until(lambda: desk.chip().startswith("Reconnecting"), seconds=1)
    desk.until(lambda: "Rows caught up: 2" in banner(desk), seconds=6)
    assert desk.chip() == "Live"
    assert desk.shown()[:2] == ["pay-5", "pay-4"]


def test_an_ended_session_leads_to_sign_in(desk: Desk) -> None:
    desk.sockets[-1].close(code=4401)
    desk.until(lambda: "/sign-in" in desk.visited, seconds=2)
    desk.page.wait_for_url("**/sign-in*")


def test_silence_is_noticed_and_asked_over_the_other_path(desk: Desk) -> None:
    desk.frame(type="heartbeat", seq=3)
    desk.page.clock.run_for(20_000)
    desk.sockets.clear()
    desk.happen(4, say=False)
    desk.until(lambda: desk.shown()[0] == "pay-4", seconds=7)
    desk.until(lambda: bool(desk.sockets), seconds=2)  # a silent line is opened again


def test_what_cannot_be_asked_is_called_stale(desk: Desk) -> None:
    desk.frame(type="heartbeat", seq=3)
    desk.down = True
    desk.until(lambda: desk.chip().startswith("Stale since"), seconds=26)


def test_until_a_frame_proves_the_line_the_database_is_polled(desk: Desk) -> None:
    desk.happen(4, say=False)
    desk.until(lambda: desk.shown()[0] == "pay-4", seconds=4)
    desk.frame(type="heartbeat", seq=4)
    desk.page.clock.run_for(1_000)
    before = len(desk.asked)
    desk.page.clock.run_for(9_000)
    assert len(desk.asked) == before


def test_a_focused_row_keeps_its_place_and_the_pill_counts(desk: Desk) -> None:
    desk.page.focus("#pay-3 a")
    desk.happen(4, 5, 6)
    desk.until(lambda: pill(desk) == "3 new")
    assert desk.shown()[0] == "pay-3"
    assert desk.page.evaluate("document.activeElement.textContent") == "3"
    desk.page.click("[data-live-pill] button")
    assert desk.shown()[0] == "pay-6"
    assert pill(desk) == ""
    assert desk.page.evaluate("document.activeElement !== document.body")


def test_a_focused_row_that_changes_keeps_the_focus(desk: Desk) -> None:
    desk.page.focus("#pay-2 a")
    desk.happen(2, words="Refunded")
    desk.until(lambda: "Refunded" in desk.page.inner_text("#pay-2"))
    assert desk.page.evaluate("document.activeElement.textContent") == "2"


def test_a_selected_row_holds_new_ones_back(desk: Desk) -> None:
    desk.page.check("#pay-1 input")
    desk.happen(4)
    desk.until(lambda: pill(desk) == "1 new")
    desk.page.uncheck("#pay-1 input")
    desk.page.evaluate("document.activeElement.blur()")
    desk.until(lambda: desk.shown()[0] == "pay-4", seconds=2)


def test_pause_stops_showing_not_receiving(desk: Desk) -> None:
    desk.page.click("#live-pause")
    assert desk.chip() == "Paused"
    desk.happen(4)
    desk.happen(1, words="Refunded")
    desk.until(lambda: pill(desk) == "2 new")
    assert "Refunded" not in desk.page.inner_text("#pay-1")
    desk.page.click("#live-pause")
    desk.until(lambda: desk.shown() == ["pay-4", "pay-3", "pay-2", "pay-1"], seconds=2)
    assert "Refunded" in desk.page.inner_text("#pay-1")


def test_a_flood_keeps_500_rows_and_speaks_seldom(desk: Desk) -> None:
    said = "window.said = 0; new MutationObserver(() => { window.said += 1; })"
    desk.page.evaluate(f"{said}.observe(document.getElementById('announce'), {{childList: true}})")
    for start in range(4, 804, 100):
        desk.happen(*range(start, start + 100), say=False)
        desk.frame(seq=len(desk.events), type="payment.approved")
        desk.page.clock.run_for(1_000)
    desk.until(lambda: desk.shown()[0] == "pay-803")
    assert len(desk.shown()) == 500
    assert desk.page.evaluate("window.said") <= 2

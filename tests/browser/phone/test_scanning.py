"""The camera: Chromium on Linux reads no codes by itself, so its reader and camera are given."""

import pytest
from playwright.sync_api import expect

from tests.browser.phone.handset import Handset

pytestmark = pytest.mark.browser

READER = """(() => {
  if (!navigator.mediaDevices) return;  // a blank page has none
  window.BarcodeDetector = class {
    static getSupportedFormats() { return Promise.resolve(['qr_code']); }
    detect() { return Promise.resolve(window.held ? [{ rawValue: window.held }] : []); }
  };
  navigator.mediaDevices.getUserMedia = () => {
    if (window.refused) return Promise.reject(new DOMException('no', 'NotAllowedError'));
    const canvas = document.createElement('canvas'), brush = canvas.getContext('2d');
    setInterval(() => brush.fillRect(0, 0, 9 * Math.random(), 9), 50);
    window.stream = canvas.captureStream();
    return Promise.resolve(window.stream);
  };
})()"""
LIGHT = "window.stream.getTracks().some((track) => track.readyState === 'live')"


@pytest.fixture
def scanner(new_phone) -> Handset:
    """A phone with a camera that sees what ``window.held`` says."""
    phone = new_phone()
    phone.window.context.add_init_script(READER)
    phone.set_up()
    phone.take_card()
    phone.page.get_by_role("link", name="Pay", exact=True).click()
    return phone


def test_a_code_in_the_frame_leads_to_the_bill(scanner, till):
    tid = till.sale(4_400)
    scanner.press("Scan with the camera")
    scanner.shows("Hold the shop's QR code")
    scanner.page.evaluate("(text) => { window.held = text; }", f"T1.{tid}")
    scanner.shows("₩4,400")
    assert not scanner.page.evaluate(LIGHT)
    scanner.type_pin()
    scanner.shows("PAID")


def test_another_kind_of_code_is_named(scanner):
    scanner.page.evaluate("() => { window.held = 'S1.9000000000000009'; }")
    scanner.press("Scan with the camera")
    scanner.shows("a number for the shop to type")


def test_leaving_the_screen_turns_the_camera_off(scanner):
    scanner.press("Scan with the camera")
    scanner.shows("Hold the shop's QR code")
    scanner.page.wait_for_function("window.stream !== undefined")
    scanner.page.get_by_role("link", name="Home", exact=True).click()
    expect(scanner.heading("Wallet")).to_be_visible(timeout=15_000)
    assert not scanner.page.evaluate(LIGHT)


def test_a_camera_that_is_refused_leaves_the_number_to_type(scanner, till):
    scanner.page.evaluate("() => { window.refused = true; }")
    scanner.press("Scan with the camera")
    scanner.shows("The camera cannot be used", "Allow the camera")
    scanner.type_number(till.sale(4_400))
    scanner.shows("₩4,400")

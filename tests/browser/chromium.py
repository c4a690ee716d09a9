"""How the tests start the distribution's Chromium: without what only its own toolbar needs."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Playwright

SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
# Beside each window Chromium starts processes that draw its address bar's menu and buttons, or wait
# for a page that may come: together they cost more than the page that is looked at.
NOT_PAGES = (
    *("PreloadTopChromeWebUI", "InitialWebUI", "WebUIToolbar", "WebUIReloadButton"),
    *("WebUIOmniboxPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxAimPopup"),
    "SpareRendererForSitePerProcess",
)
# Of several switches of that name the last one counts, and the driver brings one of its own.
_STARTER = """#!/bin/sh
for word; do
    case $word in --disable-features=*) all=$word ;; esac
done
exec {chromium} "$@" "${{all:---disable-features=}},{features}"
"""


@contextmanager
def started(playwright: Playwright, *, named: str) -> Iterator[Browser]:
    """Start the browser at the path ``named``, and close it after the block."""
    with TemporaryDirectory(prefix="paydesk-chromium-") as folder:
        starter = Path(folder) / "chromium"
        starter.write_text(
            _STARTER.format(chromium=shlex.quote(named), features=",".join(NOT_PAGES))
        )
        starter.chmod(0o700)
        browser = playwright.chromium.launch(executable_path=starter, args=[*SWITCHES])
        try:
            yield browser
        finally:
            browser.close()

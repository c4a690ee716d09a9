"""axe-core, fetched by npm at test time: one pinned version, checked by its digest."""

import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PACKAGE = "axe-core@4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
# Without the tags axe leaves target-size and the best practices out.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_BRIEF = {"resultTypes": ["violations"]}  # what holds is not described, which saves half the time
EVERYTHING = {"runOnly": {"type": "tag", "values": TAGS}, **_BRIEF}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, **_BRIEF}


class NotToBeHad(Exception):
    """npm is not here, or did not bring the package; in words for the report."""


def fetch(*, folder: Path, npm: str | None) -> str:
    """Return the checker's source.

    :raises NotToBeHad: no npm, no registry within reach, or another content than was pinned
    """
    if npm is None:
        raise NotToBeHad("npm is not installed")
    try:
        packed = subprocess.run(
            [npm, "pack", PACKAGE, "--silent", "--fetch-retries=1", f"--pack-destination={folder}"],
            cwd=folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise NotToBeHad(f"npm pack {PACKAGE} took more than a minute") from late
    archives = list(folder.glob("*.tgz"))
    if packed.returncode != 0 or not archives:
        raise NotToBeHad(f"npm pack {PACKAGE} ended with status {packed.returncode}")
    if hashlib.sha256(archives[0].read_bytes()).hexdigest() != SHA256:
        raise NotToBeHad(f"{PACKAGE} has another digest than the one pinned")
    with tarfile.open(archives[0]) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def violations(*, page: Page, source: str, options: dict[str, Any]) -> list[str]:
    """Run axe on the page as it is and return what it objects to, a line for each rule."""
    if not source:
        return []
    if not page.evaluate("'axe' in window"):
        page.evaluate(source)
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{rule['id']}: " + "; ".join(node["html"][:160] for node in rule["nodes"][:3])
        for rule in found
    ]

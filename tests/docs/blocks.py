"""Commands as the documents show them: every fenced block marked ``sh``, one command a line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.portal import CHECKOUT

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One command of one document, lines joined that a backslash continues."""

    document: str
    command: str

    def __str__(self) -> str:
        return f"{self.document}: {self.command}"


def documents() -> list[Path]:
    return [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def shown() -> Iterator[Shown]:
    """Give every command of every block, in the order a reader meets them."""
    for document in documents():
        for block in BLOCK.findall(document.read_text()):
            for command in re.sub(r"\\\n\s*", "", block).splitlines():
                if command.strip() and not command.startswith("#"):
                    yield Shown(document=str(document.relative_to(CHECKOUT)), command=command)

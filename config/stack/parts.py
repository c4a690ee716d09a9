"""The parts of ``./paydesk test``: what each runs, and how long it may take."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.stack.places import CHECKOUT

PYTHON = sys.executable
SCRIPTS = Path(sys.executable).parent
# By part: what needs a whole portal or a browser.
FOLDERS = {
    "journeys": ("tests/journeys", "tests/docs"),
    "browser": ("tests/browser",),
    "chaos": ("tests/chaos",),
    "planted": ("tests/planted",),
    "seeds": ("tests/seeds",),
}
OWN_FOLDERS = tuple(folder for folders in FOLDERS.values() for folder in folders)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# What the deployment check looks at where the environment names nothing else.
DEPLOYED = {
    "PAYDESK_DEMO": "0",
    "PAYDESK_ORIGIN": "https://pay.example",
    "PAYDESK_SOCKETS_ORIGIN": "wss://pay.example",
    "PAYDESK_ALLOWED_HOSTS": "pay.example",
    "EMAIL_URL": "smtp://mail.pay.example:25",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One line of the table. A part with a ``report`` runs pytest and tells counts by JUnit XML."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    may_take_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    report: Path | None = None
    none_may_be_skipped: bool = False
    needs_servers: bool = True
    alone: bool = False  # after all others: it keeps all processors busy by itself
    absent: str = ""


def table(*, reports: Path, pytest_words: Sequence[str] = ()) -> list[Part]:
    """This function will list all parts in the order in which they begin.

    :param reports: the folder for JUnit XML.
    :param pytest_words: a person's own pytest options and paths; a path replaces a part's own.
    """
    return [*_static(), *_pytest(reports, pytest_words)]


def _static() -> list[Part]:
    ruff, manage = (PYTHON, "-m", "ruff"), (PYTHON, str(CHECKOUT / "manage.py"))
    djlint = (PYTHON, "-m", "djlint", "templates", "--quiet")
    return [
        _reading("lint", commands=((*ruff, "check", "."),), may_take_s=10),
        _reading("format", commands=((*ruff, "format", "--check", "."),), may_take_s=10),
        _reading("types", commands=((PYTHON, "-m", "mypy", "."),), may_take_s=120),
        _reading("contracts", commands=((str(SCRIPTS / "lint-imports"),),), may_take_s=20),
        _reading("templates", commands=((*djlint, "--lint"),), may_take_s=30),
        Part(
            name="migrations",
            commands=((*manage, "makemigrations", "--check", "--dry-run"),),
            may_take_s=20,
        ),
        Part(
            name="deploy",
            commands=((*manage, "check", "--deploy", "--fail-level", "WARNING"),),
            may_take_s=20,
            environment={
                **DEPLOYED,
                **{name: os.environ[name] for name in DEPLOYED if name in os.environ},
            },
        ),
    ]


def _reading(name: str, *, commands: tuple[tuple[str, ...], ...], may_take_s: int) -> Part:
    """A part that reads the source alone, and begins while the servers still start."""
    return Part(name=name, commands=commands, may_take_s=may_take_s, needs_servers=False)


def _pytest(reports: Path, words: Sequence[str]) -> list[Part]:
    named = [word for word in words if is_path(word)]
    options = [word for word in words if word not in named]
    parts = [
        _suite(
            "unit",
            paths=["tests", *(f"--ignore={folder}" for folder in OWN_FOLDERS)],
            options=["-n", "2", "--dist", "worksteal", *options],
            reports=reports,
            may_take_s=400,
        ),
        _suite(
            "journeys",
            paths=FOLDERS["journeys"],
            options=options,
            reports=reports,
            may_take_s=300,
        ),
        _browser(options, reports),
        _suite("chaos", paths=FOLDERS["chaos"], options=options, reports=reports, may_take_s=300),
        _suite(
            "planted",
            paths=FOLDERS["planted"],
            options=["-n", "2", "--dist", "loadfile", *options],
            reports=reports,
            may_take_s=300,
        ),
        replace(
            _suite(
                "seeds", paths=FOLDERS["seeds"], options=options, reports=reports, may_take_s=180
            ),
            alone=True,
        ),
    ]
    if not named:
        return parts
    return [
        _suite(part.name, paths=paths, options=options, reports=reports, may_take_s=part.may_take_s)
        for part in parts
        if (paths := [path for path in named if _suite_of(path) == part.name])
    ]


def is_path(word: str) -> bool:
    """This function will say whether a word names tests by their file or folder."""
    return os.path.exists(word.partition("::")[0])  # noqa: PTH110  Path refuses a long expression


def names_nothing(word: str) -> bool:
    """This function will say whether a word names tests that are not there."""
    return word.startswith(("tests/", "./tests/")) and not is_path(word)


def _suite_of(path: str) -> str:
    inside = Path(path.partition("::")[0]).resolve()
    for name, folders in FOLDERS.items():
        if any(inside.is_relative_to(CHECKOUT / folder) for folder in folders):
            return name
    return "unit"


def _suite(
    name: str, *, paths: Sequence[str], options: Sequence[str], reports: Path, may_take_s: int
) -> Part:
    report = reports / f"{name}.xml"
    return Part(
        name=name,
        commands=((PYTHON, "-m", "pytest", *paths, f"--junitxml={report}", *options),),
        may_take_s=may_take_s,
        report=report,
    )


def _browser(options: Sequence[str], reports: Path) -> Part:
    report, chromium = reports / "browser.xml", find_chromium()
    return Part(
        name="browser",
        commands=((PYTHON, "-m", "pytest", "tests/browser", f"--junitxml={report}", *options),),
        may_take_s=300,
        # The driver's own event loop runs in the test's thread, where the ORM then sees a loop.
        environment={"DJANGO_ALLOW_ASYNC_UNSAFE": "1", "PAYDESK_CHROMIUM": chromium or ""},
        report=report,
        none_may_be_skipped=True,
        absent=""
        if chromium
        else "NO CHROMIUM HERE, SO THE BROWSER TESTS DO NOT RUN "
        "(Debian: apt-get install chromium, or name one in PAYDESK_CHROMIUM)",
    )


def find_chromium() -> str | None:
    """This function will find the distribution's Chromium, or the one PAYDESK_CHROMIUM names."""
    named = os.environ.get("PAYDESK_CHROMIUM")
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)

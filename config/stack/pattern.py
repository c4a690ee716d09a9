"""A cluster with the schema in it, made once for all clusters and databases of a test run."""

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from config.stack import environment, postgres, programs
from config.stack import places as folders
from config.stack.places import CannotStart, Places
from config.stack.supervisor import Supervisor


async def made(folder: Path, *, say: Callable[[str], None]) -> Path | None:
    """This function will make a cluster below ``folder`` and return its own folder, at rest.

    Every database of it begins migrated: the portal's, and what is made from its template. Where
    migrating fails it is told, and there is none: the tests' own migrations meet the same fault.

    :raises CannotStart: if the server does not start.
    """
    places = folders.locate(data_dir=str(folder))
    folders.create(places)
    async with Supervisor(say=say) as supervisor:
        await supervisor.start(postgres.server(places, throwaway=True))
        try:
            await _migrate(supervisor, places)
        except CannotStart as fault:
            say(str(fault))
            return None
    return places.postgres


async def _migrate(supervisor: Supervisor, places: Places) -> None:
    template, other = (_url(places, database=name) for name in ("template1", "postgres"))
    variables = environment.base(places) | {
        "DATABASE_URL": template,
        "PAYDESK_SECRET_KEY": secrets.token_urlsafe(64),
    }
    words = ("migrate", "--no-input", "--skip-checks")
    await supervisor.run_once(
        programs.step("migrate", *words, places=places, environment=variables)
    )
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("DROP DATABASE paydesk")
        connection.execute("CREATE DATABASE paydesk")


def _url(places: Places, *, database: str) -> str:
    return urlunsplit(urlsplit(places.database_url)._replace(path=f"/{database}"))

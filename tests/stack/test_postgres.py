"""The embedded servers: started as any account, again after a kill, in a folder with a space."""

import os
import signal

import psycopg
import pytest

from config.stack import identity, postgres, valkey
from config.stack import places as folders
from config.stack.identity import Identity
from tests.stack.conftest import eventually


def ask(places, question):
    with psycopg.connect(places.database_url, autocommit=True) as connection:
        return connection.execute(question).fetchone()[0]


def test_socket_folders_are_short_and_need_no_quotes(tmp_path):
    deep = tmp_path / "a folder" / ("x" * 120)

    places = folders.locate(data_dir=str(deep))

    assert folders.fits_a_socket(places.run)
    assert places.run == folders.locate(data_dir=str(deep)).run


async def test_it_starts_and_comes_back_with_its_data_after_a_kill(places, supervisor, told):
    async with supervisor() as boss:
        await boss.start(postgres.server(places))
        with psycopg.connect(places.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = postgres.running_pid(places)
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: postgres.running_pid(places) not in {None, first})
        await eventually(lambda: postgres.is_ready(places))

        assert ask(places, "SELECT answer FROM kept") == 42
        assert ask(places, "SHOW listen_addresses") == ""
        assert ask(places, "SHOW data_checksums") == "on"

    assert "postgres was killed by SIGKILL" in told[0]
    assert postgres.running_pid(places) is None


async def test_a_lock_whose_process_id_another_program_got_does_not_stop_it(places, supervisor):
    postgres.prepare(places, throwaway=True)
    lines = [
        str(os.getpid()),
        str(places.postgres),
        "0",
        "5432",
        str(places.run),
        "",
        "0 0",
        "ready",
    ]
    (places.postgres / "postmaster.pid").write_text("\n".join(lines) + "\n")

    async with supervisor() as boss:
        await boss.start(postgres.server(places, throwaway=True))

        assert ask(places, "SELECT 1") == 1


@pytest.mark.parametrize("named", [True, False])
async def test_a_new_cluster_is_a_copy_of_the_one_named(
    places, tmp_path, monkeypatch, supervisor, named
):
    async with supervisor() as boss:
        await boss.start(postgres.server(places, throwaway=True))
        with psycopg.connect(places.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept ()")
    if named:
        monkeypatch.setenv(postgres.PATTERN, str(places.postgres))
    other = folders.locate(data_dir=str(tmp_path / "other"))
    folders.create(other)

    async with supervisor() as boss:
        await boss.start(postgres.server(other))

        assert ask(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == named


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become nobody")
async def test_without_namespaces_it_runs_as_nobody(tmp_path, monkeypatch, supervisor):
    monkeypatch.setattr(identity, "chosen", lambda: Identity.NOBODY)
    places = folders.locate(data_dir=str(tmp_path / "data"))
    folders.create(places)

    try:
        async with supervisor() as boss:
            await boss.start(postgres.server(places, throwaway=True))

            assert ask(places, "SELECT 1") == 1
            assert (places.postgres / "PG_VERSION").stat().st_uid == identity.NOBODY_UID
    finally:
        folders.empty(places)


async def test_valkey_answers_on_its_socket_alone(places, supervisor):
    async with supervisor() as boss:
        await boss.start(valkey.server(places))

        assert valkey.is_ready(places)

    assert not valkey.is_ready(places)

"""Connections that are kept: one for many requests or tasks, and a restart goes unnoticed."""

import httpx
import psycopg
import pytest
from billiard.einfo import ExceptionInfo
from celery.app.trace import build_tracer
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from config.celery import app
from config.stack import places, programs
from config.wsgi import application

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client():
    """The application with requests that end as a server ends them."""
    return httpx.Client(transport=httpx.WSGITransport(app=application), base_url="http://127.0.0.1")


@pytest.fixture(params=[True])
def kept(request, monkeypatch):
    """Connections are kept as the launcher has it; ``False``: without the look before each use."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", programs.KEPT_S)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", request.param)
    connection.close()
    yield
    connection.close()


def asked(client):
    """Ask for what the database knows; return the answer's status and who served it there."""
    answer = client.get("/api/v1/")
    held = connection.connection
    return answer.status_code, held and held.info.backend_pid


def end(backend):
    """End a connection as a restart of the server does."""
    told = connection.get_connection_params()
    own = {name: told[name] for name in ("dbname", "user", "host") if name in told}
    with psycopg.connect(**own, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


def test_requests_share_a_connection(kept, client):
    assert asked(client) == asked(client)


def test_a_restart_of_the_database_goes_unnoticed(kept, client):
    _status, backend = asked(client)
    end(backend)

    assert asked(client)[0] == 200


@pytest.mark.parametrize("kept", [False], indirect=True)
def test_control_without_the_look_a_restart_is_noticed(kept, client):
    _status, backend = asked(client)
    end(backend)

    assert asked(client)[0] == 503


@pytest.fixture
def worker():
    """Celery's own care for connections, as a worker has it."""
    return DjangoWorkerFixup(app).install()


def worked():
    """Run a task as a worker does; return how it ended and who served it."""
    task = app.tasks["config.tasks.beat_worker"]
    run = build_tracer(task.name, task, app=app)
    result, *_told = run("of-a-test", (), {}, {"is_eager": False})
    held = connection.connection
    return result, held and held.info.backend_pid


def test_tasks_share_a_connection(kept, worker):
    assert worked() == worked()


def test_tasks_share_none_where_none_is_kept(kept, worker, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)

    assert worked() == (None, None)


def test_a_task_does_not_notice_a_restart_of_the_database(kept, worker):
    _result, backend = worked()
    end(backend)

    assert worked()[0] is None


@pytest.mark.parametrize("kept", [False], indirect=True)
def test_control_without_the_look_a_task_notices_a_restart(kept, worker):
    _result, backend = worked()
    end(backend)

    assert isinstance(worked()[0], ExceptionInfo)


def test_the_launcher_keeps_those_of_web_sockets_and_workers_alone():
    table = programs.table(places=places.locate(), environment={}, port=8000, simulate=True)
    kept = [each.name for each in table if "PAYDESK_CONN_MAX_AGE" in each.environment]

    assert kept == ["web", "sockets", "worker"]


def test_what_is_set_outside_wins():
    told = {"PAYDESK_CONN_MAX_AGE": "0"}
    web, *_others = programs.table(
        places=places.locate(), environment=told, port=8000, simulate=False
    )
    assert web.environment["PAYDESK_CONN_MAX_AGE"] == "0"

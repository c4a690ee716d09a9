"""The table of the portal's processes. A new process is one more entry here."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace

from config.stack.places import CHECKOUT, Places
from config.stack.program import Program

PYTHON = sys.executable
MANAGE = str(CHECKOUT / "manage.py")
# What `/healthz` asks for: the servers, and those below that beat (`config.health`).
PARTS = (
    *("database", "broker", "web", "sockets", "sequencer", "rns", "worker", "beat"),
    *("webhooks", "authorisations"),
)
SIMULATED = "simulator"
WEB_WORKERS = 2
WEB_THREADS = 16  # of each worker, each with a connection to the database: 32 of the server's 200
TASK_WORKERS = 2
CELERY = ("worker", "beat")
# All check a connection before they use it again, so a restart of the database goes unnoticed.
KEEP_CONNECTIONS = ("web", "sockets", "worker")
KEPT_S = 600
# Celery has its programs check the whole application as they begin: `migrate` has just done so.
CHECKED = {"CELERY_SKIP_CHECKS": "1"}


def table(
    *, places: Places, environment: Mapping[str, str], port: int, simulate: bool
) -> list[Program]:
    """This function will list what serves, in the order in which it starts.

    :param port: pages and API; sockets take the next one.
    """
    commands: dict[str, tuple[str, ...]] = {
        "web": _web(port),
        "sockets": _sockets(port + 1),
        "sequencer": (PYTHON, MANAGE, "run_sequencer"),
        "rns": (PYTHON, MANAGE, "run_rns"),
        "worker": _celery("worker", "--prefetch-multiplier=1", f"--concurrency={TASK_WORKERS}"),
        "beat": _celery("beat", f"--schedule={places.beat / 'schedule'}", "--pidfile="),
    }
    commands["webhooks"] = (PYTHON, MANAGE, "run_webhooks")
    commands["authorisations"] = (PYTHON, MANAGE, "run_authorisations")
    if environment.get("PAYDESK_WEBHOOK_ECHO"):
        commands["echo"] = (PYTHON, MANAGE, "webhook_echo")
    if simulate:
        commands["simulator"] = (PYTHON, MANAGE, "simulate", "--forever", "--tills", "2")
    programs = [
        _program(name, argv, places=places, environment=environment)
        for name, argv in commands.items()
    ]
    return [_metered(programs[0], places), *programs[1:]]


def _metered(web: Program, places: Places) -> Program:
    """Its workers add up what they count in files, which begin anew with the server."""

    def begin_anew() -> None:
        shutil.rmtree(places.meters, ignore_errors=True)
        places.meters.mkdir(mode=0o700)

    shared = {**web.environment, "PROMETHEUS_MULTIPROC_DIR": str(places.meters)}
    return replace(web, environment=shared, before=begin_anew)


def step(name: str, *words: str, places: Places, environment: Mapping[str, str]) -> Program:
    """This function will describe a management command that ends before the others start."""
    return _program(name, (PYTHON, MANAGE, *words), places=places, environment=environment)


def _program(
    name: str, argv: tuple[str, ...], *, places: Places, environment: Mapping[str, str]
) -> Program:
    kept = {"PAYDESK_CONN_MAX_AGE": str(KEPT_S)} if name in KEEP_CONNECTIONS else {}
    checked = CHECKED if name in CELERY else {}
    return Program(
        name=name,
        argv=argv,
        log=places.logs / f"{name}.log",
        environment={**kept, **checked, **environment},
        essential=name == "web",
    )


def _web(port: int) -> tuple[str, ...]:
    server = (PYTHON, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1")
    return (
        *server,
        *("--port", str(port), "--workers", str(WEB_WORKERS), "--respawn-failed-workers"),
        *("--blocking-threads", str(WEB_THREADS), "--blocking-threads-idle-timeout", str(KEPT_S)),
        *("--no-ws", "--workers-kill-timeout", "5", "config.wsgi:application"),
    )


def _sockets(port: int) -> tuple[str, ...]:
    server = (PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port))
    return (
        *server,
        *("--lifespan", "on", "--no-access-log", "--timeout-graceful-shutdown", "3"),
        "config.asgi:application",
    )


def _celery(*words: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "celery", "-A", "config", *words, "--loglevel=WARNING")

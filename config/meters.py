"""What requests took, for Prometheus: counted by every worker process, added up when asked.

The workers share ``PROMETHEUS_MULTIPROC_DIR``, one file of sums for each process; the launcher sets
it for the web server and empties it before a start. Without it a process tells its own requests
alone.
"""

import os
import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

_UNMATCHED: Final = "none"  # no route: a static file, or an address that is not there
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_OWN: Final = CollectorRegistry()
_REQUESTS: Final = Counter(
    "paydesk_requests", "Requests answered", ["route", "status"], registry=_OWN
)
_SECONDS: Final = Histogram(
    "paydesk_request_seconds",
    "Time from a request to its answer",
    ["route"],
    buckets=_BUCKETS_S,
    registry=_OWN,
)


class RequestMeter:
    """Middleware: counts and times each request under the name of its route, never its path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = self.get_response(request)
        route = _route(request)
        _REQUESTS.labels(route, str(response.status_code)).inc()
        _SECONDS.labels(route).observe(time.monotonic() - began)
        return response


def registry() -> CollectorRegistry:
    """This function will return where the sums of all processes of this installation are read."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _OWN
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.view_name or match.route) if match else _UNMATCHED

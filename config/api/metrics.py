"""``GET /metrics``: what Prometheus scrapes, for this machine itself or who shows the token."""

import hmac
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from config import meters
from config.addresses import address_of
from config.api.problems import Problem


class Gauges(Collector):
    """What the modules of ``settings.METRICS`` read from the database, at each scrape."""

    def collect(self) -> Iterable[Metric]:
        """Read them all at the present time."""
        return self._read()

    def _read(self) -> Iterator[Metric]:
        at = timezone.now()
        for source in settings.METRICS:
            yield from import_string(source)(at=at)


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in the text format; 401 for a stranger without the token."""
    if not (_is_this_machine(request) or _shows_the_token(request)):
        return Problem(status=401, code="unauthenticated", title="Metrics need the token")
    gauges = CollectorRegistry()
    gauges.register(Gauges())
    text = generate_latest(meters.registry()) + generate_latest(gauges)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _is_this_machine(request: HttpRequest) -> bool:
    """A proxy on this machine speaks for others, even one that ``PROXIES`` does not count."""
    forwarded = {"X-Forwarded-For", "Forwarded", "X-Real-Ip"} & set(request.headers)
    return not forwarded and ip_address(address_of(request.META)).is_loopback


def _shows_the_token(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    shown = request.headers.get("Authorization", "")
    return bool(token) and hmac.compare_digest(shown.encode(), f"Bearer {token}".encode())

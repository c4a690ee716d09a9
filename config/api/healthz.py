"""``GET /healthz``: does every part serve? ``GET /readyz``: can this process? 200, else 503."""

from dataclasses import asdict

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import health


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    parts = health.status(at=timezone.now())
    ok = all(part.ok for part in parts.values())
    told = {name: asdict(part) for name, part in parts.items()}
    answer = {"status": "ok" if ok else "unhealthy", "parts": told}
    return JsonResponse(answer, status=200 if ok else 503)


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    database = health.readiness()
    answer = {"status": "ready" if database.ok else "not_ready", "detail": database.detail}
    return JsonResponse(answer, status=200 if database.ok else 503)

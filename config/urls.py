"""The map of URLs: a prefix says who calls (``docs/map.md`` lists endpoint, face and service)."""

from django.urls import include, path

from config.api.healthz import healthz, readyz
from config.api.metrics import metrics

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/", include("config.api.urls")),
    path("api/v1/", include("wallets.api.urls")),
    path("api/v1/", include("benefits.api.urls")),
    path("api/v1/", include("merchants.api.urls")),
    path("api/v1/", include("settlement.api.urls")),
    path("", include("config.portal.urls")),
    path("", include("wallets.portal.urls")),
    path("issuer/", include("issuers.portal.urls")),
    path("merchant/", include("merchants.portal.urls")),
    path("sponsor/", include("benefits.portal.urls")),
    path("", include("settlement.portal.urls")),
]

handler400 = "config.faults.bad_request"
handler403 = "config.faults.forbidden"
handler404 = "config.faults.not_found"
handler500 = "config.faults.server_error"

"""The API's description: OpenAPI as JSON and YAML, and two ways to read it, all from here."""

from django.conf import settings
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)
from rest_framework.permissions import AllowAny

# Redoc inserts style elements while it runs and can carry no nonce; scripts stay as strict.
_REDOC = settings.SECURE_CSP | {"style-src": [CSP.SELF, CSP.UNSAFE_INLINE]}


class _Open:
    authentication_classes = ()
    permission_classes = (AllowAny,)


class OpenApiJson(_Open, SpectacularAPIView):  # type: ignore[misc]  # untyped base
    renderer_classes = [OpenApiJsonRenderer]


class OpenApiYaml(_Open, SpectacularAPIView):  # type: ignore[misc]  # untyped base
    renderer_classes = [OpenApiYamlRenderer]


class Swagger(_Open, SpectacularSwaggerSplitView):  # type: ignore[misc]  # untyped base
    """Swagger UI; its start-up script comes from the same address as a file of its own."""

    template_name = "api/swagger.html"
    url_name = "openapi-json"
    url_self = None


@method_decorator(csp_override(_REDOC), name="dispatch")
class Redoc(_Open, SpectacularRedocView):  # type: ignore[misc]  # untyped base
    """Redoc, without its search, which would need a worker made from a blob."""

    template_name = "api/redoc.html"
    url_name = "openapi-json"

"""ASGI serves the sockets alone; pages and API go through WSGI (architecture §7)."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

from config.sockets import AllowedOrigins, lifespan, routes  # noqa: E402  (needs the apps loaded)

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "lifespan": lifespan,
        "websocket": AllowedOrigins(AuthMiddlewareStack(URLRouter(routes()))),
    }
)

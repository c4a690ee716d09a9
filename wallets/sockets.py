"""Socket paths of the wallet."""

from django.urls import path

from wallets.consumers import PhoneCommands

websocket_urlpatterns = [path("ws/v1/wallet", PhoneCommands.as_asgi())]

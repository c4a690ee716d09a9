"""Socket paths of settlement."""

from django.urls import path

from settlement.consumers import MerchantPayments

websocket_urlpatterns = [path("ws/v1/merchant/payments", MerchantPayments.as_asgi())]

from django.urls import path

from benefits.api import plans

urlpatterns = [
    path("wallet/benefits", plans.Benefits.as_view(), name="api-wallet-benefits"),
    path("wallet/plans", plans.Plans.as_view(), name="api-wallet-plans"),
]

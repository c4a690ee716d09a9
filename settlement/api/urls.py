from django.urls import path

from settlement.api import merchant, reader, report

urlpatterns = [
    path("reader/batches", reader.BatchUpload.as_view(), name="api-reader-batches"),
    path("reader/batches/<int:sequence>", reader.BatchResult.as_view(), name="api-reader-batch"),
    path(
        "reader/authorizations",
        reader.Authorizations.as_view(),
        name="api-reader-authorizations",
    ),
    path("merchant/report", report.MerchantReport.as_view(), name="api-merchant-report"),
    path("merchant/events", merchant.Events.as_view(), name="api-merchant-events"),
    path("merchant/payments", merchant.Payments.as_view(), name="api-merchant-payments"),
    path("merchant/payments/search", merchant.PaymentSearch.as_view(), name="api-merchant-search"),
    path(
        "merchant/payments/<str:payment>", merchant.Payment.as_view(), name="api-merchant-payment"
    ),
]

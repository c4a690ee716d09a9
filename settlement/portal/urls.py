from django.urls import URLPattern, URLResolver, path

from settlement.portal import (
    batches,
    days,
    disputes,
    exceptions,
    live,
    offline,
    payments,
    places,
    search,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("merchant/payments", live.payment_live, name="payment-live"),
    path("merchant/payments/rows", live.payment_rows, name="payment-rows"),
    path("merchant/payments/figures", live.payment_tiles, name="payment-tiles"),
    path("merchant/payments/shops", places.payment_shops, name="payment-shops"),
    path("merchant/days", days.merchant_days, name="merchant-days"),
    path("merchant/offline", offline.merchant_offline, name="merchant-offline"),
    path("issuer/<str:issuer>/exceptions", exceptions.exception_list, name="exceptions"),
    path(
        "issuer/<str:issuer>/exceptions/<int:item>",
        exceptions.exception_resolve,
        name="exception-resolve",
    ),
    path("issuer/<str:issuer>/disputes", disputes.dispute_list, name="disputes"),
    path(
        "issuer/<str:issuer>/disputes/<str:reference>", disputes.dispute_close, name="dispute-close"
    ),
    path("queues", exceptions.queue_list, name="queues"),
    path("payments/<str:reference>", payments.payment, name="payment"),
    path("batches", batches.batch_list, name="batch-list"),
    path("batches/<str:reference>", batches.batch, name="batch"),
    path("batches/<str:reference>/content", batches.batch_content, name="batch-content"),
    path("search", search.search, name="search"),
]

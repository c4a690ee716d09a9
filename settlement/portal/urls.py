from django.urls import URLPattern, URLResolver, path

from settlement.portal import (
    batches,
    days,
    disputes,
    exceptions,
    live,
    offline,
    payments,
    payouts,
    places,
    receipts,
    refunds,
    report,
    search,
    till,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("merchant/payments", live.payment_live, name="payment-live"),
    path("merchant/payments/rows", live.payment_rows, name="payment-rows"),
    path("merchant/payments/figures", live.payment_tiles, name="payment-tiles"),
    path("merchant/payments/shops", places.payment_shops, name="payment-shops"),
    path("merchant/days", days.merchant_days, name="merchant-days"),
    path("merchant/payouts", payouts.payout_list, name="payout-list"),
    path("merchant/payouts/<str:reference>", payouts.payout, name="payout"),
    path("merchant/payouts/<str:reference>/lines", payouts.payout_lines, name="payout-lines"),
    path("merchant/report", report.merchant_report, name="merchant-report"),
    path("merchant/report/file", report.merchant_report_file, name="merchant-report-file"),
    path("merchant/offline", offline.merchant_offline, name="merchant-offline"),
    path(
        "merchant/offline/<str:merchant>/gaps/<int:item>",
        exceptions.gap_resolve,
        name="gap-resolve",
    ),
    path("merchant/<str:merchant>/till", till.till, name="till"),
    path("merchant/<str:merchant>/till/reopen", till.till_reopen, name="till-reopen"),
    path("merchant/<str:merchant>/till/<str:tid>", till.till_sale, name="till-sale"),
    path("merchant/<str:merchant>/till/<str:tid>/state", till.till_state, name="till-state"),
    path("merchant/<str:merchant>/till/<str:tid>/cancel", till.till_cancel, name="till-cancel"),
    path(
        "merchant/<str:merchant>/till/<str:tid>/give-to-another", till.till_give, name="till-give"
    ),
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
    path("payments/<str:reference>/receipt", receipts.receipt, name="receipt"),
    path("payments/<str:reference>/refund", refunds.payment_refund, name="payment-refund"),
    path("payments/<str:reference>/reverse", refunds.payment_reverse, name="payment-reverse"),
    path("batches", batches.batch_list, name="batch-list"),
    path("batches/<str:reference>", batches.batch, name="batch"),
    path("batches/<str:reference>/content", batches.batch_content, name="batch-content"),
    path("search", search.search, name="search"),
]

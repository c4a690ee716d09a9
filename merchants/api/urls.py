from django.urls import path

from merchants.api import blacklists, checkouts, payments, redemptions, relays, webhooks

urlpatterns = [
    path(
        "reader/blacklists/<str:issuer>",
        blacklists.BlacklistFetch.as_view(),
        name="api-reader-blacklist",
    ),
    path("terminal/payments", payments.PaymentRequests.as_view(), name="api-terminal-payments"),
    path(
        "terminal/payments/<str:tid>",
        payments.PaymentOfTerminal.as_view(),
        name="api-terminal-payment",
    ),
    path(
        "terminal/payments/<str:tid>/cancel",
        payments.PaymentCancel.as_view(),
        name="api-terminal-cancel",
    ),
    path(
        "terminal/payments/<str:name>/refunds",
        payments.Refunds.as_view(),
        name="api-terminal-refunds",
    ),
    path(
        "merchant/payments/<str:name>/refunds",
        payments.RefundsOfMerchant.as_view(),
        name="api-merchant-refunds",
    ),
    path("terminal/checkouts", checkouts.Checkouts.as_view(), name="api-terminal-checkouts"),
    path(
        "terminal/checkouts/<str:checkout>",
        checkouts.CheckoutOfTerminal.as_view(),
        name="api-terminal-checkout",
    ),
    path(
        "terminal/checkouts/<str:checkout>/confirm",
        checkouts.CheckoutConfirm.as_view(),
        name="api-terminal-checkout-confirm",
    ),
    path(
        "terminal/checkouts/<str:checkout>/abandon",
        checkouts.CheckoutAbandon.as_view(),
        name="api-terminal-checkout-abandon",
    ),
    path(
        "terminal/checkouts/<str:checkout>/cancel",
        checkouts.CheckoutCancel.as_view(),
        name="api-terminal-checkout-cancel",
    ),
    path(
        "terminal/redemptions", redemptions.Redemptions.as_view(), name="api-terminal-redemptions"
    ),
    path(
        "terminal/redemptions/reversals",
        redemptions.RedemptionReversals.as_view(),
        name="api-terminal-redemption-reversals",
    ),
    path(
        "terminal/redemptions/<str:redemption>",
        redemptions.RedemptionOfMachine.as_view(),
        name="api-terminal-redemption",
    ),
    path(
        "terminal/redemptions/<str:redemption>/complete",
        redemptions.RedemptionComplete.as_view(),
        name="api-terminal-redemption-complete",
    ),
    path("relay/terminals", relays.Terminals.as_view(), name="api-relay-terminals"),
    path("merchant/webhooks", webhooks.Webhooks.as_view(), name="api-merchant-webhooks"),
    path(
        "merchant/webhooks/<str:webhook>/messages",
        webhooks.Messages.as_view(),
        name="api-merchant-webhook-messages",
    ),
    path(
        "merchant/webhooks/<str:webhook>/messages/<str:message>/replay",
        webhooks.Replay.as_view(),
        name="api-merchant-webhook-replay",
    ),
]

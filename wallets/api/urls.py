from django.urls import path

from wallets.api import (
    authentications,
    cards,
    checkouts,
    commands,
    preapprovals,
    purchases,
    records,
)

urlpatterns = [
    path("wallet/cards", cards.CardList.as_view(), name="api-wallet-cards"),
    path(
        "wallet/cards/<str:card>/certificate",
        cards.CardCertificate.as_view(),
        name="api-wallet-certificate",
    ),
    path("wallet/cards/<str:card>/freeze", cards.CardFreeze.as_view(), name="api-wallet-freeze"),
    path(
        "wallet/cards/<str:card>/unfreeze", cards.CardUnfreeze.as_view(), name="api-wallet-unfreeze"
    ),
    path(
        "wallet/authentications",
        authentications.Authentications.as_view(),
        name="api-wallet-authentications",
    ),
    path("wallet/pin", cards.PinChange.as_view(), name="api-wallet-pin"),
    path("wallet/commands", commands.CommandList.as_view(), name="api-wallet-commands"),
    path("wallet/commands/ack", commands.CommandAcknowledge.as_view(), name="api-wallet-ack"),
    path("wallet/socket-tickets", commands.SocketTicket.as_view(), name="api-wallet-ticket"),
    path("wallet/offline-records", records.OfflineRecords.as_view(), name="api-wallet-records"),
    path("wallet/payments", records.PaymentList.as_view(), name="api-wallet-payments"),
    path("wallet/payments/<str:tid>/claim", purchases.Claim.as_view(), name="api-wallet-claim"),
    path(
        "wallet/payments/<str:tid>/release", purchases.Release.as_view(), name="api-wallet-release"
    ),
    path(
        "wallet/payments/<str:tid>/decline", purchases.Decline.as_view(), name="api-wallet-decline"
    ),
    path(
        "wallet/payments/<str:tid>/approve", purchases.Approve.as_view(), name="api-wallet-approve"
    ),
    path(
        "wallet/preapprovals", preapprovals.Preapprovals.as_view(), name="api-wallet-preapprovals"
    ),
    path(
        "wallet/preapprovals/<str:preapproval>",
        preapprovals.PreapprovalOfCustomer.as_view(),
        name="api-wallet-preapproval",
    ),
    path("wallet/checkouts", checkouts.Checkouts.as_view(), name="api-wallet-checkouts"),
    path(
        "wallet/checkouts/<str:checkout>/approve",
        checkouts.CheckoutApprove.as_view(),
        name="api-wallet-checkout-approve",
    ),
]

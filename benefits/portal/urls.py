"""Pages of those who pay for benefits: merchants, issuers, brands, and the platform for all."""

from django.urls import path

from benefits.portal import basket, campaigns, earnings, editor, holders, redemptions

_CAMPAIGN = "<str:owner>/campaigns/<str:campaign>"

urlpatterns = [
    path("", campaigns.sponsor_list, name="sponsor-list"),
    path("<str:owner>/campaigns", campaigns.campaign_list, name="campaign-list"),
    path("<str:owner>/campaigns/new", editor.campaign_add, name="campaign-add"),
    path("<str:owner>/campaigns/reads", editor.campaign_reads, name="campaign-reads"),
    path(_CAMPAIGN, campaigns.campaign, name="campaign"),
    path(f"{_CAMPAIGN}/edit", editor.campaign_edit, name="campaign-edit"),
    path(f"{_CAMPAIGN}/basket", basket.campaign_basket, name="campaign-basket"),
    path(f"{_CAMPAIGN}/do/<str:act>", campaigns.campaign_act, name="campaign-act"),
    path("<str:owner>/earnings", earnings.earning_list, name="earning-list"),
    path("<str:owner>/earnings/new", earnings.earning_add, name="earning-add"),
    path("<str:owner>/earnings/reads", earnings.earning_reads, name="earning-reads"),
    path("<str:owner>/earnings/<str:rule>", earnings.earning, name="earning"),
    path("<str:owner>/earnings/<str:rule>/end", earnings.earning_end, name="earning-end"),
    path("<str:owner>/redemptions", redemptions.redemption_list, name="redemption-list"),
    path("<str:owner>/redemptions.csv", redemptions.redemption_file, name="redemption-file"),
    path("<str:owner>/statement", redemptions.sponsor_statement, name="sponsor-statement"),
    path("<str:owner>/statement.csv", redemptions.statement_file, name="statement-file"),
    path("<str:owner>/customers", holders.holder_find, name="holder-find"),
    path("<str:owner>/customers/<str:customer>", holders.holder, name="holder"),
]

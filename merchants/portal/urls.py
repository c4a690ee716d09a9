from django.urls import path

from merchants.portal import (
    agreements,
    equipment,
    keys,
    merchants,
    relays,
    stores,
    webhook_acts,
    webhooks,
)

_HOOK = "<str:merchant>/webhooks/<str:endpoint>"

urlpatterns = [
    path("merchants", merchants.merchant_list, name="merchant-list"),
    path("merchants/new", merchants.merchant_add, name="merchant-add"),
    path("<str:merchant>/settings", merchants.merchant_edit, name="merchant-edit"),
    path("<str:merchant>/suspend", merchants.merchant_suspend, name="merchant-suspend"),
    path("<str:merchant>/resume", merchants.merchant_resume, name="merchant-resume"),
    path("<str:merchant>/stores", stores.store_list, name="store-list"),
    path("<str:merchant>/stores/new", stores.store_add, name="store-add"),
    path("<str:merchant>/stores/<str:store>", stores.store_edit, name="store-edit"),
    path("<str:merchant>/devices", equipment.equipment_list, name="equipment-list"),
    path("<str:merchant>/devices/new", equipment.enrol, name="equipment-enrol"),
    path("<str:merchant>/devices/<str:device>", equipment.equipment_edit, name="equipment-edit"),
    path(
        "<str:merchant>/devices/<str:device>/revoke",
        equipment.equipment_revoke,
        name="equipment-revoke",
    ),
    path("<str:merchant>/relays", relays.relay_list, name="relay-list"),
    path("<str:merchant>/relays/<str:device>/pair", relays.relay_pair, name="relay-pair"),
    path("<str:merchant>/relays/<str:device>/part", relays.relay_part, name="relay-part"),
    path("<str:merchant>/agreements", agreements.agreement_list, name="agreement-list"),
    path("<str:merchant>/keys", keys.key_list, name="key-list"),
    path("<str:merchant>/keys/<int:key>/revoke", keys.key_revoke, name="key-revoke"),
    path("<str:merchant>/webhooks", webhooks.webhook_list, name="webhook-list"),
    path("<str:merchant>/webhooks/new", webhooks.webhook_add, name="webhook-add"),
    path(_HOOK, webhooks.webhook, name="webhook"),
    path(f"{_HOOK}/edit", webhooks.webhook_edit, name="webhook-edit"),
    path(f"{_HOOK}/test", webhooks.send_test, name="webhook-test"),
    path(f"{_HOOK}/replay", webhooks.replay_failed, name="webhook-replay-failed"),
    path(f"{_HOOK}/do/<str:act>", webhook_acts.webhook_act, name="webhook-act"),
    path(f"{_HOOK}/messages/<str:message>", webhooks.delivery, name="webhook-delivery"),
    path(f"{_HOOK}/messages/<str:message>/replay", webhooks.replay, name="webhook-replay"),
]

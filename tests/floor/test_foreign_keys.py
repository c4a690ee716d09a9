"""Foreign keys follow the arrows of the architecture, as imports do."""

from django.apps import apps

ALLOWED = {
    "config": set(),
    "issuers": {"config"},
    "merchants": {"config"},
    "wallets": {"config", "issuers"},
    "benefits": {"config", "issuers", "merchants", "wallets"},
    "settlement": {"config", "issuers", "merchants", "wallets", "benefits"},
}


def test_no_foreign_key_points_up():
    wrong = [
        f"{model.__name__}.{field.name} -> {field.related_model.__name__}"
        for app, may in ALLOWED.items()
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.many_to_one
        and field.related_model
        and not field.auto_created
        and field.related_model._meta.app_label in set(ALLOWED) - may - {app}
    ]

    assert wrong == []

from django.apps import AppConfig


class SettlementApp(AppConfig):
    name = "settlement"
    default_auto_field = "django.db.models.BigAutoField"

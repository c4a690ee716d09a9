from django.apps import AppConfig


class WalletsApp(AppConfig):
    name = "wallets"
    default_auto_field = "django.db.models.BigAutoField"

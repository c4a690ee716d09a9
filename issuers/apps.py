from django.apps import AppConfig


class IssuersApp(AppConfig):
    name = "issuers"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class MerchantsApp(AppConfig):
    name = "merchants"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class BenefitsApp(AppConfig):
    name = "benefits"
    default_auto_field = "django.db.models.BigAutoField"

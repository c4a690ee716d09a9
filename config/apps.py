from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Every process that sends a task must know our broker, the web servers included.
        from config import celery, checks  # noqa: F401

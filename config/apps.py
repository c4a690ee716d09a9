from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone


class ConfigApp(AppConfig):
    name = "config"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Every process that sends a task must know our broker, the web servers included.
        from config import celery, checks  # noqa: F401

        post_migrate.connect(_make_months, sender=self)


def _make_months(**_told: Any) -> None:
    """Have this month and the next ones ready wherever the tables are."""
    from config import partitions

    partitions.make_ahead(at=timezone.now())

"""Wake the phone that is asked; one that hears nothing is made up for when it asks by itself."""

from functools import partial

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def on_commit(*, phone: str) -> None:
    """Hint the phone's socket of what waits for it, once the running transaction is committed."""
    transaction.on_commit(partial(_hint, phone))


def _hint(phone: str) -> None:
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(f"device.{phone}", {"type": "checkouts.waiting"})
    except (OSError, RedisError):
        log.warning("hint_failed", device=phone)

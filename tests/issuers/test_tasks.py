"""Tasks drain rows; what they send is a hint."""

import asyncio

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from config.audit import SYSTEM
from config.celery import app
from issuers import tasks
from issuers.models import BlacklistFile
from issuers.services import blacklist
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def test_the_schedule_names_tasks_that_exist():
    app.finalize()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    mine = {name for name in scheduled if name.startswith("issuers.")}

    assert mine
    assert mine <= app.tasks.keys()


def test_publishing_leaves_files_ready_for_readers(noon):
    card = made.credential(at=timezone.now()).card
    blacklist.block(card=card, reason="LOST", at=timezone.now(), actor=SYSTEM)

    tasks.publish_waiting()

    assert BlacklistFile.objects.get().base == 0


def test_a_due_command_hints_the_phones_socket(noon):
    credential = made.credential(at=timezone.now())

    async def listen():
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(f"device.{credential.device.reference}", channel)
        await tasks._hint([credential.device.reference])
        return await asyncio.wait_for(layer.receive(channel), 5)

    assert async_to_sync(listen)() == {"type": "commands.waiting"}


def test_reserves_are_released_by_name(noon):
    credential = made.credential(at=noon.replace(year=2025))

    tasks.release_reserves()

    credential.refresh_from_db()
    assert credential.reserve_minor == 0

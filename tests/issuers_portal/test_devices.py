"""Devices: what each holds, how far it is behind, and commands offered once more."""

import re
from datetime import timedelta

import pytest
from channels.layers import get_channel_layer

from config.models import Audit
from issuers.models import OtaCommand
from issuers.services import commands

pytestmark = pytest.mark.django_db


def marks(answer):
    return {line.device.reference: line.mark.label for line in answer.context["lines"]}


def test_readers_and_phones_stand_in_one_list(scene, risk, at, now):
    scene.block(0, at=now)
    scene.block(1, at=now)
    scene.fetch(0, at=now)
    scene.apply(1, at=now)

    found = marks(risk.get(at("issuer-devices")))

    waiting = found.pop(scene.phones[0].reference)
    assert re.fullmatch(r"Waiting for \d s", waiting)
    assert found == {
        scene.readers[0].reference: "Current",
        scene.readers[1].reference: "Never had one",
        scene.phones[1].reference: "Current",
        scene.phones[2].reference: "Current",
    }


def test_a_reader_is_behind_by_versions_and_then_silent(scene, risk, at, now):
    scene.block(0, at=now - timedelta(hours=30))
    scene.fetch(0, at=now - timedelta(hours=30))
    scene.fetch(1, at=now - timedelta(hours=2))
    scene.block(1, at=now)

    found = marks(risk.get(at("issuer-devices", query="?view=readers")))

    assert found[scene.readers[0].reference] == "Silent for 30 h"
    assert found[scene.readers[1].reference] == "1 behind"


def test_laggards_are_those_that_miss_something(scene, risk, at, now):
    scene.block(0, at=now)
    scene.fetch(0, at=now)

    found = marks(risk.get(at("issuer-devices", query="?view=behind")))

    assert set(found) == {scene.readers[1].reference, scene.phones[0].reference}


def test_devices_are_found_by_name_id_and_holder(scene, risk, at):
    phone = scene.phones[0]
    for typed in (phone.reference.lower(), scene.cards[0].account.holder, "reader 1"):
        found = marks(risk.get(at("issuer-devices"), {"q": typed}))
        assert found, typed
    assert set(marks(risk.get(at("issuer-devices"), {"q": phone.reference}))) == {phone.reference}


def test_another_issuers_phones_are_not_listed(scene, other, risk, at):
    assert other.phones[0].reference not in marks(risk.get(at("issuer-devices")))


def test_a_phone_tells_its_cards_and_commands(scene, risk, at, now):
    scene.block(0, at=now)

    body = risk.get(at("issuer-device", scene.phones[0].reference)).content.decode()

    assert f"•••• {scene.cards[0].last4}" in body
    assert "Offer 1 again" in body


def test_a_reader_tells_which_versions_it_was_given(scene, risk, at, now):
    scene.block(0, at=now - timedelta(minutes=5))
    scene.fetch(0, at=now - timedelta(minutes=4))
    scene.fetch(0, at=now)

    given = risk.get(at("issuer-device", scene.readers[0].reference)).context["given"]

    assert given == [(1, now - timedelta(minutes=4))]


def test_offering_again_makes_commands_due_and_hints_the_phone(scene, risk, at, now):
    scene.block(0, at=now - timedelta(hours=25))
    commands.push_due(at=now)
    command = OtaCommand.objects.get(device=scene.phones[0])
    assert command.state == "UNDELIVERED"
    heard = listen(scene.phones[0])

    answer = risk.post(at("device-offer", scene.phones[0].reference), follow=True)

    assert "is asked to take 1 now." in answer.content.decode()
    assert heard() == {"type": "commands.waiting"}
    assert Audit.objects.filter(action="command.offer_again").exists()


def test_what_is_on_its_way_is_pushed_by_the_next_worker(scene, risk, at, now):
    scene.block(0, at=now)
    commands.push_due(at=now)
    assert commands.push_due(at=now) == []

    risk.post(at("device-offer", scene.phones[0].reference))

    assert commands.push_due(at=now + timedelta(minutes=1)) == [scene.phones[0].reference]


def test_a_phone_that_heard_everything_is_left_alone(scene, risk, at):
    answer = risk.post(at("device-offer", scene.phones[0].reference), follow=True)

    assert "This phone has applied all its commands" in answer.content.decode()


def test_a_reader_is_not_offered_commands(scene, risk, at):
    assert risk.post(at("device-offer", scene.readers[0].reference)).status_code == 404


def listen(phone):
    """Join the phone's group and return a function that takes the next hint from it."""
    import asyncio

    layer = get_channel_layer()
    loop = asyncio.new_event_loop()
    channel = loop.run_until_complete(layer.new_channel())
    loop.run_until_complete(layer.group_add(f"device.{phone.reference}", channel))

    def next_hint():
        try:
            return loop.run_until_complete(asyncio.wait_for(layer.receive(channel), 5))
        finally:
            loop.run_until_complete(layer.group_discard(f"device.{phone.reference}", channel))
            loop.close()

    return next_hint

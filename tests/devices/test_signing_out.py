"""A phone leaves, and nothing that the portal has not had is lost; a new card makes contact."""

import httpx
import pytest

from config.wire import b64
from config.wire.client import PortalUnreachable
from issuers.wire import Action
from tests.devices.parties import NOON, answer
from tests.devices.portals import Portal, session_for
from tests.devices.test_phone import refusal
from tests.devices.test_portals import OK, page
from wallets.devices.portal import PhonePortal
from wallets.devices.wishes import SignOutRefused


@pytest.fixture
def of_phone(phone):
    """The phone's portal, with what answers at the other end."""
    portal = Portal(phone.device_key.public)
    return PhonePortal(session=session_for(portal, phone.device_key), phone=phone), portal


def test_it_is_refused_while_a_copy_is_unsent(world, phone, reader, of_phone):
    client, portal = of_phone
    card = world.put_card(phone)
    record = answer(reader, phone, card)

    with pytest.raises(SignOutRefused) as refused:
        phone.sign_out()

    assert (refused.value.copies, refused.value.acknowledgements) == (1, 0)
    assert phone.cards == [card]
    portal.answers = [page(after=0), OK]
    client.sign_out(at=NOON)
    assert phone.cards == []
    assert portal.bodies == [{"records": [b64.encode(record)]}]


def test_it_is_refused_while_an_acknowledgement_may_be_lost(world, phone, of_phone):
    client, portal = of_phone
    card = world.put_card(phone)
    block = world.command(card, Action.BLOCK, version=1)
    portal.answers = [page(block), *[httpx.ReadError("cut")] * 4]
    with pytest.raises(PortalUnreachable):
        client.pull_commands(at=NOON)

    with pytest.raises(SignOutRefused) as refused:
        phone.sign_out()

    assert (refused.value.copies, refused.value.acknowledgements) == (0, 1)
    portal.answers = [page(block), OK, page(after=1)]
    client.sign_out(at=NOON)
    assert phone.cards == []


def test_it_is_refused_where_the_portal_cannot_be_reached(world, phone, of_phone):
    client, portal = of_phone
    card = world.put_card(phone)
    portal.answers = [httpx.ConnectError("no network")] * 4

    with pytest.raises(PortalUnreachable):
        client.sign_out(at=NOON)

    assert phone.cards == [card]


def test_the_same_card_put_back_goes_on_from_its_atc(world, phone, reader):
    card = world.put_card(phone)
    answer(reader, phone, card)
    phone.credential(card).sent(count=1)
    phone.sign_out()

    world.put_card(phone, token=card)

    assert phone.credential(card).atc == 1


def test_a_wipe_keeps_what_the_portal_never_had_until_it_has_it(world, phone, reader, of_phone):
    client, portal = of_phone
    card = world.put_card(phone)
    record = answer(reader, phone, card)
    phone.receive_command(command=world.command(card, Action.WIPE, version=1), at=NOON)
    held = phone.credential(card)
    assert (held.key, held.records) == (None, [record])
    portal.answers = [OK]

    assert client.upload_records() == 1
    assert held.records == []


def test_a_new_card_pays_only_after_its_commands_were_pulled(world, phone):
    token = world.random.randbytes(16)
    certificate = world.certificate(public_key=phone.prepare_card(card=token), token=token)
    phone.accept_card(certificate=certificate, at=NOON, awaits_commands=True)

    assert refusal(phone.check_before_contact, card=token, at=NOON) == "contact_needed"
    phone.heard()
    phone.check_before_contact(card=token, at=NOON)


def test_an_unblock_ends_a_freeze_the_portal_knows_of_and_no_other(world, phone):
    card = world.put_card(phone)
    phone.freeze(card=card)
    phone.receive_command(command=world.command(card, Action.UNBLOCK, version=1), at=NOON)
    assert phone.credential(card).frozen

    phone.freeze(card=card, told=True)
    phone.receive_command(command=world.command(card, Action.UNBLOCK, version=2), at=NOON)
    assert not phone.credential(card).frozen

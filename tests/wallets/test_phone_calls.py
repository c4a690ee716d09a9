"""What a phone asks the portal (protocol §3.1 and §5.2), through HTTP with signed requests."""

import time

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from config.enrolment import make_code
from config.wire import b64
from config.wire.client import PortalRefused, enrol
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from issuers.services import blacklist
from tests.clients import session_of
from tests.factories import issuers
from tests.factories.wallets import CustomerFactory, enrolled_phone
from wallets.devices.phone import Phone
from wallets.devices.portal import PhonePortal
from wallets.models import OfflineCopy, ShadowCounter
from wallets.models import Phone as PhoneRow
from wallets.wire.pin_code import NO_CARD, PIN_SUBJECT, pin_code, psn_key

pytestmark = pytest.mark.django_db

SECRET = bytes(range(32))


@pytest.fixture
def card():
    customer = CustomerFactory()
    return issuers.card(holder=customer.reference)


@pytest.fixture
def handset(card):
    """A phone of the card's holder with its calls to the portal."""
    customer = CustomerFactory._meta.model.objects.get(reference=card.account.holder)
    device, key = enrolled_phone(customer=customer, secret=SECRET)
    session = session_of(key=key, device=device)
    config = session.get("/device/config").json()
    phone = Phone(
        device_key=key, trusted=TrustList.of_config(config["trust"]), save=lambda _state: None
    )
    phone_portal = PhonePortal(session=session, phone=phone)
    phone_portal.session, phone_portal.phone, phone_portal.device = session, phone, device
    return phone_portal


def certified(handset, card):
    handset.fetch_certificate(card=bytes(card.token), at=int(time.time()))
    return handset.phone.credential(bytes(card.token))


class TestEnrolment:
    def test_a_code_makes_a_phone_once(self):
        customer = CustomerFactory()
        made = make_code(kind="PHONE", owner=customer.reference, actor=SYSTEM, at=timezone.now())
        key = SigningKey.generate()
        told = {
            "code": made.code,
            "kind": "PHONE",
            "name": "Mina's phone",
            "public_key": key.public,
            "app_serial": "APP-7",
            "psn_key": psn_key(device_secret=SECRET, pin="1234"),
        }

        answer = enrol(session=session_of(key=key), **told)

        assert PhoneRow.objects.get(device__reference=answer["device"]).customer == customer
        assert "secret" not in answer
        again = SigningKey.generate()
        with pytest.raises(PortalRefused) as refused:
            enrol(session=session_of(key=again), **told | {"public_key": again.public})
        assert refused.value.code == "enrolment_code_invalid"


class TestCards:
    def test_lists_what_each_card_may_still_spend(self, handset, card):
        told = handset.cards()

        assert [item["card"] for item in told] == [card.reference]
        assert told[0]["programme"] == card.programme.reference
        assert told[0]["programme_name"] == card.programme.name
        assert told[0]["balance"] == told[0]["available"] == 1_000_000
        assert "certificate" not in told[0]

    def test_a_certificate_reserves_what_it_states(self, handset, card):
        certified(handset, card)

        told = handset.cards()[0]
        assert told["offline_reserve"] == 200_000
        assert told["available"] == 800_000
        assert told["certificate"]

    def test_another_customers_card_is_not_there(self, handset):
        other = issuers.card()

        with pytest.raises(PortalRefused) as refused:
            handset.session.post(
                f"/wallet/cards/{other.reference}/certificate",
                body={"public_key": b64.encode(SigningKey.generate().public)},
            )

        assert refused.value.code == "not_found"

    def test_the_owners_freeze_never_lifts_the_issuers_block(self, handset, card):
        handset.session.post(f"/wallet/cards/{card.reference}/freeze")
        assert handset.cards()[0]["state"] == "FROZEN"
        blacklist.block(card=card, reason="LOST", at=timezone.now(), actor=SYSTEM)

        handset.session.post(f"/wallet/cards/{card.reference}/unfreeze")

        assert handset.cards()[0]["state"] == "BLOCKED"


class TestCommands:
    def test_a_block_is_pulled_applied_and_acknowledged(self, handset, card):
        credential = certified(handset, card)
        blacklist.block(card=card, reason="STOLEN", at=timezone.now(), actor=SYSTEM)

        handled = handset.pull_commands(at=int(time.time()))

        assert [done.acknowledged for done in handled] == [True]
        assert credential.blocked
        assert card.commands.get().state == "APPLIED"

    def test_an_acknowledgement_shadows_the_phones_counters(self, handset, card):
        credential = certified(handset, card)
        credential.atc = 3
        blacklist.block(card=card, reason="STOLEN", at=timezone.now(), actor=SYSTEM)

        handset.pull_commands(at=int(time.time()))

        assert ShadowCounter.objects.get().atc == 3

    @pytest.mark.parametrize(("later", "kept"), [(2, 3), (3, 3), (4, 4)])
    def test_an_acknowledgement_of_an_earlier_use_leaves_the_shadow(
        self, handset, card, later, kept
    ):
        credential = certified(handset, card)
        for atc in (3, later):
            credential.atc = atc
            blacklist.block(card=card, reason="STOLEN", at=timezone.now(), actor=SYSTEM)
            handset.pull_commands(at=int(time.time()))
            blacklist.unblock(card=card, at=timezone.now(), actor=SYSTEM)
            handset.pull_commands(at=int(time.time()))

        told = ShadowCounter.objects.get()
        assert (told.atc, told.ota_version) == (kept, 4 if later >= 3 else 2)

    def test_an_acknowledgement_of_another_phone_is_refused(self, handset, card):
        certified(handset, card)
        blacklist.block(card=card, reason="STOLEN", at=timezone.now(), actor=SYSTEM)
        forged = Phone(
            device_key=SigningKey.generate(),
            trusted=handset.phone.trusted,
            save=lambda _state: None,
        )
        forged._cards = handset.phone._cards
        command = handset.session.get("/wallet/commands?after=0").json()["commands"][0]
        ack = forged.receive_command(command=b64.decode(command["command"]), at=int(time.time()))

        with pytest.raises(PortalRefused) as refused:
            handset.session.post("/wallet/commands/ack", body={"ack": b64.encode(ack)})

        assert refused.value.code == "acknowledgement_invalid"
        assert card.commands.get().state == "SENT"


class TestPin:
    def change(self, handset, *, counter, pin="1234"):
        old = psn_key(device_secret=SECRET, pin=pin)
        code = pin_code(psn_key=old, subject=PIN_SUBJECT, card_token=NO_CARD, counter=counter)
        new = psn_key(device_secret=SECRET, pin="9999")
        body = {"psn_key": b64.encode(new), "counter": counter, "pin_code": code}
        return handset.session.post("/wallet/pin", body=body)

    def test_a_right_code_changes_the_pin(self, handset):
        assert self.change(handset, counter=1).status == 200
        assert self.change(handset, counter=2, pin="9999").status == 200

    def test_the_fifth_wrong_code_in_a_row_locks_the_phone(self, handset):
        codes = []
        for counter in range(1, 7):
            with pytest.raises(PortalRefused) as refused:
                self.change(handset, counter=counter, pin="0000")
            codes.append(refused.value.code)

        assert codes == ["pin_code_invalid"] * 4 + ["device_locked"] * 2

    def test_a_used_or_far_counter_is_refused_and_not_counted(self, handset):
        self.change(handset, counter=5)

        for counter, code in ((5, "counter_used"), (26, "counter_ahead")):
            with pytest.raises(PortalRefused) as refused:
                self.change(handset, counter=counter, pin="9999")
            assert refused.value.code == code
        assert PhoneRow.objects.get(device=handset.device).pin_failures == 0


class TestSocketTicket:
    def test_is_one_use_and_short(self, handset):
        from wallets.services import phones

        ticket = handset.socket_ticket()

        assert phones.take_ticket(ticket=ticket, at=timezone.now()) == handset.device
        assert phones.take_ticket(ticket=ticket, at=timezone.now()) is None


class TestOfflineRecords:
    def test_copies_are_kept_once(self, handset, card):
        from tests.wallets.taps import signed_record

        record = signed_record(handset, card, certified(handset, card))
        body = {"records": [b64.encode(record)]}

        first = handset.session.post("/wallet/offline-records", body=body).json()
        again = handset.session.post("/wallet/offline-records", body=body).json()

        assert (first["stored"], again["stored"]) == (1, 0)
        assert OfflineCopy.objects.get().amount_minor == 12_500

    def test_a_record_of_no_card_on_this_phone_is_refused(self, handset, card):
        from tests.wallets.taps import signed_record

        held = certified(handset, card)
        held.key = SigningKey.generate()
        record = signed_record(handset, card, held)

        with pytest.raises(PortalRefused) as refused:
            handset.session.post("/wallet/offline-records", body={"records": [b64.encode(record)]})

        assert refused.value.code == "record_foreign"
        assert not OfflineCopy.objects.exists()


def test_no_secret_of_the_phone_is_stored_in_clear(handset):
    stored = bytes(PhoneRow.objects.get(device=handset.device).psn_key)

    assert psn_key(device_secret=SECRET, pin="1234") not in stored

"""Phone and reader over a real socket, with what the reader's own log says about it."""

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from config.wire import frames
from config.wire.client import PortalRefused, PortalUnreachable
from issuers.wire import Action
from merchants.devices import tap as reader_tap
from merchants.devices.tap import OnlineAnswer, Sale, Void
from tests.devices.parties import CAP, NOON, answer
from wallets.devices import tap as phone_tap
from wallets.wire import Verification


@dataclass
class Counter:
    """A reader's listening socket: every connection is accepted, counted, logged and served."""

    reader: object
    demand: object = field(default_factory=lambda: Sale(amount_minor=10_000, currency="KRW"))
    authorize: object = None
    accepts: int = 0
    log: list = field(default_factory=list)
    outcomes: list = field(default_factory=list)

    @contextmanager
    def open(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0.05)
            done = threading.Event()
            thread = threading.Thread(target=self._serve, args=(listener, done))
            thread.start()
            try:
                yield listener.getsockname()
            finally:
                done.set()
                thread.join()

    def _serve(self, listener, done):
        while not done.is_set():
            try:
                connection, peer = listener.accept()
            except TimeoutError:
                continue
            self.accepts += 1
            with connection:
                self.outcomes.append(
                    reader_tap.serve(
                        reader=self.reader,
                        connection=connection,
                        peer=f"{peer[0]}:{peer[1]}",
                        demand=self.demand,
                        clock=lambda: NOON,
                        log=self.log.append,
                        authorize=self.authorize,
                        budget_s=1,
                    )
                )


def verified(_offer):
    return Verification.PIN_OR_BIOMETRIC


def pay(phone, card, address, *, gesture=verified, call=phone_tap.pay):
    return call(phone=phone, card=card, address=address, at=NOON, gesture=gesture, budget_s=1)


@pytest.fixture
def counter(reader):
    return Counter(reader)


def test_a_sale_is_approved_on_both_sides(world, phone, counter):
    card = world.put_card(phone)

    with counter.open() as address:
        outcome = pay(phone, card, address)

    assert outcome.state == "approved"
    assert [o.code for o in counter.outcomes] == [outcome.code]
    assert [line["event"] for line in counter.log] == ["contact_opened", "contact_closed"]


def test_the_gesture_sees_merchant_and_amount(world, phone, counter):
    card, seen = world.put_card(phone), []

    with counter.open() as address:
        pay(phone, card, address, gesture=seen.append)

    assert (seen[0].merchant_name, seen[0].amount_minor) == ("Kim's Bakery", 10_000)
    assert counter.outcomes[0].code == "customer_declined"
    assert phone.credential(card).atc == 0


def test_a_frozen_card_opens_no_connection_and_its_neighbour_pays(world, phone, counter):
    """Mission 1.01 and 1.02: the reader logs no contact at all."""
    frozen, other = world.put_card(phone), world.put_card(phone)
    phone.receive_command(command=world.command(frozen, Action.BLOCK, version=1), at=NOON)

    with counter.open() as address:
        refused = pay(phone, frozen, address)
        assert (counter.accepts, counter.log) == (0, [])
        paid = pay(phone, other, address)

    assert (refused.code, refused.contacted, refused.signed) == ("card_blocked", False, False)
    assert paid.state == "approved"
    assert counter.accepts == 1


def test_amount_equal_to_the_cap_pays_and_one_more_does_not(world, phone, counter):
    """Mission 1.03, without a line: the phone refuses and spends no ATC."""
    card = world.put_card(phone)
    counter.demand = Sale(amount_minor=CAP + 1, currency="KRW")

    with counter.open() as address:
        above = pay(phone, card, address)
        counter.demand = Sale(amount_minor=CAP, currency="KRW")
        equal = pay(phone, card, address)

    assert (above.state, above.code) == ("refused", "amount_over_cap")
    assert equal.state == "approved"
    assert phone.credential(card).atc == 1


def test_a_reader_with_a_fresh_list_declines(world, phone, counter):
    """Mission 1.13 over the socket."""
    card = world.put_card(phone)
    listed = phone.credential(card).terms.list_number
    counter.reader.apply_blacklist(data=world.blacklist(version=1, additions=[listed]), at=NOON)

    with counter.open() as address:
        outcome = pay(phone, card, address)

    assert (outcome.state, outcome.code) == ("declined", "blacklisted")


class TestOnline:
    @pytest.mark.parametrize(
        ("said", "state"),
        [
            (OnlineAnswer(approved=True, code="A1B2C3"), "approved"),
            (OnlineAnswer(approved=False, code="velocity"), "declined"),
        ],
    )
    def test_over_the_cap_the_portal_decides(self, world, phone, counter, said, state):
        card = world.put_card(phone)
        counter.demand = Sale(amount_minor=CAP + 1, currency="KRW")
        counter.authorize = lambda record, certificate: said

        with counter.open() as address:
            outcome = pay(phone, card, address)

        assert (outcome.state, outcome.code) == (state, said.code)
        assert len(counter.reader.known.store) == 0

    @pytest.mark.parametrize(
        ("raised", "code"),
        [
            (PortalUnreachable("cut"), "amount_over_cap"),
            (PortalRefused(status=422, problem={"code": "invalid"}), "invalid"),
        ],
    )
    def test_no_word_from_the_portal_declines(self, world, phone, counter, raised, code):
        def authorize(record, certificate):
            raise raised

        card = world.put_card(phone)
        counter.demand = Sale(amount_minor=CAP + 1, currency="KRW")
        counter.authorize = authorize

        with counter.open() as address:
            outcome = pay(phone, card, address)

        assert (outcome.state, outcome.code) == ("declined", code)


class TestVoid:
    def test_a_sale_is_voided_over_the_socket(self, world, phone, counter):
        card = world.put_card(phone)

        with counter.open() as address:
            sale = pay(phone, card, address)
            counter.demand = Void(approval_code=sale.code)
            voided = pay(phone, card, address, call=phone_tap.void)

        assert voided.state == "approved"
        assert counter.reader.known.store.unsent_minor("KRW") == 0

    def test_a_sale_is_never_signed_for_a_void_nor_the_other_way(self, world, phone, counter):
        card = world.put_card(phone)

        with counter.open() as address:
            sale = pay(phone, card, address)
            instead = pay(phone, card, address, call=phone_tap.void)
            counter.demand = Void(approval_code=sale.code)
            other_way = pay(phone, card, address)

        assert [instead.code, other_way.code] == ["challenge_invalid", "challenge_invalid"]
        assert phone.credential(card).atc == 1


class TestGarbage:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff" * 64,
            b"\x00\x00\x00\x01\xa0",
            b"\x00\x00\x00\x11\xa1frecord" + bytes(9),
        ],
    )
    def test_a_reader_survives_any_peer_and_serves_the_next(self, world, phone, counter, data):
        card = world.put_card(phone)

        with counter.open() as address:
            # The reader hangs up on bytes it never read: a reset, or a socket closed by then.
            with suppress(OSError), socket.create_connection(address) as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(10_000)
            outcome = pay(phone, card, address)

        assert counter.outcomes[0].state == "broken"
        assert outcome.state == "approved"

    def test_a_record_of_nonsense_is_declined(self, counter):
        with counter.open() as address, socket.create_connection(address) as peer:
            talk = frames.Conversation(connection=peer, budget_s=1)
            talk.receive()
            talk.send({"record": b"x", "certificate": b"y"})

            assert talk.receive() == {"declined": "certificate_invalid"}

    def test_a_phone_survives_a_reader_of_nonsense(self, world, phone):
        card = world.put_card(phone)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=hang_up, args=(listener,))
            thread.start()
            outcome = pay(phone, card, listener.getsockname())
            thread.join()

        assert (outcome.state, outcome.signed) == ("unknown", False)
        assert phone.credential(card).atc == 0

    def test_no_reader_there(self, world, phone):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            nobody = listener.getsockname()

        outcome = pay(phone, world.put_card(phone), nobody)

        assert (outcome.state, outcome.code, outcome.contacted) == ("unknown", "no_reader", False)


def hang_up(listener):
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b"\x00\x00\x00\x02hi")


def test_an_answer_that_is_lost_leaves_the_sale_approved(world, phone, reader):
    """The reader has stored it and the till shows it: the phone's silence changes nothing."""
    card = world.put_card(phone)
    left, right = socket.socketpair()
    with left:
        thread = threading.Thread(target=sign_and_vanish, args=(right, phone, card))
        thread.start()
        outcome = reader_tap.serve(
            reader=reader,
            connection=left,
            peer="phone",
            demand=Sale(amount_minor=10_000, currency="KRW"),
            clock=lambda: NOON,
            log=lambda line: None,
            budget_s=1,
        )
        thread.join()

    assert outcome.state == "approved"
    assert len(reader.known.store) == 1
    assert answer(reader, phone, card)


def sign_and_vanish(connection, phone, card):
    with connection:
        talk = frames.Conversation(connection=connection, budget_s=1)
        question = talk.receive()
        record = phone.answer_challenge(
            card=card,
            certificate=question["certificate"],
            challenge=question["challenge"],
            at=NOON,
            verified=Verification.NONE,
        )
        talk.send({"record": record, "certificate": phone.credential(card).certificate})

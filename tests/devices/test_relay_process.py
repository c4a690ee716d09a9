"""``./paydesk relay`` on real sockets: the protocol, what it keeps, and what strangers do to it."""

import json
import os
import socket
import stat
import time
from contextlib import ExitStack

import httpx
import pytest

from config.wire.keys import SigningKey
from merchants.devices import relay_http
from tests.devices.relaying import (
    RELAY,
    TID,
    Office,
    bill,
    clearing,
    delete,
    get,
    launch,
    problem_of,
    put,
    renew_bills,
    start,
)
from tests.devices.serving import Gate, serving
from tests.devices.tills import MERCHANT, NUMBER

CODE = "GOODC0DE00"
OTHER_KEY = SigningKey.from_secret(78)


@pytest.fixture(scope="module")
def office():
    return Office()


@pytest.fixture(scope="module")
def origin(office):
    gate = Gate(office.answer)
    gate.open.set()
    with serving(gate) as origin:
        yield origin


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("a relay")


@pytest.fixture(scope="module")
def words(origin, folder):
    return (
        "--portal",
        origin,
        "--port",
        "0",
        "--slots",
        "3",
        "--state",
        str(folder / "relay.json"),
    )


@pytest.fixture(scope="module")
def running(office, words, folder):
    """One relay for all tests of this file; each test clears what it left."""
    office.pair()
    relay = start(*words, "--code", CODE, folder=folder)
    yield relay
    relay.process.kill()
    relay.process.wait()


@pytest.fixture
def relay(running, office):
    office.down = office.revoked = False
    renew_bills()
    yield running
    for held in get(running, "/bills").json()["bills"]:
        slot = held["slot"]
        assert delete(running, clearing(slot=slot, nonce=os.urandom(16)), slot=slot).is_success


class TestProtocol:
    def test_it_says_who_it_is(self, relay):
        answer = get(relay, "/healthz")

        assert (answer.status_code, answer.json()) == (200, {"device": RELAY})

    def test_3_01_a_bill_is_left_listed_and_read_unchanged(self, relay):
        data = bill()
        left = put(relay, data)
        assert left.status_code == 201
        assert left.json()["slot"] == "1"
        (listed,) = get(relay, "/bills").json()["bills"]
        read = get(relay, "/bills/1")

        assert listed == {"merchant": MERCHANT, "order": "A-12"} | left.json()
        assert (read.content, read.headers["content-type"]) == (data, "application/cose")

    def test_3_04_it_ends_on_the_second(self, relay):
        put(relay, bill(life_s=2))
        assert get(relay, "/bills/1").status_code == 200
        deadline = time.monotonic() + 5
        while get(relay, "/bills/1").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)

        assert problem_of(get(relay, "/bills/1")) == (404, "not_found")
        assert get(relay, "/bills").json() == {"bills": []}

    def test_3_11_each_slot_gives_its_own_order(self, relay):
        data = {slot: bill(order=slot) for slot in ("1", "2", "table-3")}
        for slot, one in data.items():
            assert put(relay, one, slot=slot).status_code == 201

        assert {slot: get(relay, f"/bills/{slot}").content for slot in data} == data
        assert problem_of(get(relay, "/bills/9")) == (404, "not_found")
        assert problem_of(put(relay, bill(order="4"), slot="4")) == (507, "relay_full")

    def test_the_refusals_of_the_protocol(self, relay):
        assert put(relay, bill()).status_code == 201

        assert problem_of(put(relay, bill(order="B-7"))) == (409, "slot_taken")
        assert problem_of(put(relay, bill(key=OTHER_KEY), slot="2")) == (422, "bill_invalid")
        assert problem_of(put(relay, b"no bill", slot="2")) == (422, "bill_invalid")
        assert problem_of(put(relay, bill(number=NUMBER + 1))) == (403, "relay_unpaired")
        assert problem_of(put(relay, bill(life_s=-1), slot="2")) == (422, "bill_expired")
        assert problem_of(put(relay, bill(), slot="a_b")) == (422, "invalid")

    def test_a_terminal_paired_just_now_is_taken_at_once(self, relay, office):
        data = bill(number=NUMBER + 2, key=OTHER_KEY)
        assert problem_of(put(relay, data, slot="2")) == (403, "relay_unpaired")
        office.pair(number=NUMBER + 2, key=OTHER_KEY)

        assert put(relay, data, slot="2").status_code == 201
        clear = clearing(slot="2", key=OTHER_KEY, nonce=os.urandom(16))
        assert delete(relay, clear, slot="2").status_code == 204

    def test_a_signed_clearing_empties_the_slot(self, relay):
        put(relay, bill())
        assert problem_of(delete(relay, b"")) == (422, "bill_invalid")
        clear = clearing(nonce=os.urandom(16))
        cleared = delete(relay, clear)

        assert (cleared.status_code, cleared.content) == (204, b"")
        assert delete(relay, clear).status_code == 204
        put(relay, bill(order="B-7"))
        assert problem_of(delete(relay, clear)) == (409, "clear_replayed")

    def test_what_the_portal_does_not_answer_is_not_decided(self, relay, office):
        office.down = True
        answer = put(relay, bill(number=NUMBER + 9), slot="2")

        assert problem_of(answer) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        assert put(relay, bill()).status_code == 201, "the terminals known go on"

    def test_a_revoked_relay_holds_nothing(self, relay, office):
        put(relay, bill())
        office.revoked = True

        assert problem_of(put(relay, bill(number=NUMBER + 9), slot="2")) == (403, "relay_revoked")
        assert get(relay, "/bills").json() == {"bills": []}
        office.revoked = False
        assert put(relay, bill(nonce=b"1" * 16)).status_code == 201

    def test_other_methods_and_addresses(self, relay):
        assert problem_of(get(relay, "/")) == (404, "not_found")
        answer = httpx.post(f"{relay.url}/bills/1", content=b"")
        assert problem_of(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, PUT, DELETE"
        assert httpx.head(f"{relay.url}/bills").status_code == 405
        assert problem_of(put(relay, bill(), media_type="text/plain")) == (
            415,
            "unsupported_media_type",
        )

    def test_pages_of_the_portal_may_read_it_and_no_others(self, relay, origin):
        assert get(relay, "/bills").headers["access-control-allow-origin"] == origin


class TestStrangers:
    """Garbage, oversize and slowness cost one connection, never the relay."""

    def talk(self, relay, data, *, within_s=10):
        """Send bytes and return all that comes back."""
        with socket.create_connection(relay.address, timeout=within_s) as connection:
            connection.sendall(data)
            parts = []
            while part := connection.recv(65_536):
                parts.append(part)
        return b"".join(parts)

    @pytest.mark.parametrize(
        "data",
        [
            b"\x00" * 100 + b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /bills SPDY/3\r\n\r\n",
            b"GET /bills HTTP/1.1\r\n\r\n",
            b"GET /bills HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            b"PUT /bills/1 HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
            b"PUT /bills/1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n\r\n",
            b"\x16\x03\x01\x02\x00" + os.urandom(512),
        ],
        ids=["zeros", "cut", "spdy", "no host", "hosts", "length", "chunk", "tls"],
    )
    def test_garbage_is_refused(self, relay, data):
        assert self.talk(relay, data).startswith(b"HTTP/1.1 4")
        assert get(relay, "/healthz").status_code == 200

    def test_a_long_head_is_refused(self, relay):
        head = b"GET /bills HTTP/1.1\r\nhost: a\r\n" + b"x-pad: 1\r\n" * 10_000

        assert self.talk(relay, head).startswith(b"HTTP/1.1 431")

    def test_a_long_body_is_refused_before_it_is_there(self, relay):
        stated = b"PUT /bills/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n"
        chunked = (
            b"PUT /bills/1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
            b"1001\r\n" + b"x" * 4097 + b"\r\n"
        )

        assert self.talk(relay, stated).startswith(b"HTTP/1.1 413")
        assert self.talk(relay, chunked).startswith(b"HTTP/1.1 413")
        assert problem_of(put(relay, b"x" * 4097)) == (413, "too_large")

    def test_a_request_that_drips_ends_in_time(self, relay):
        began = time.monotonic()
        with socket.create_connection(relay.address, timeout=10) as connection:
            connection.sendall(b"GET /bills HTTP/1.1\r\nhost: ")
            answer = b""
            while not answer:
                connection.sendall(b"a")
                connection.settimeout(0.2)
                try:
                    answer = connection.recv(100)
                except TimeoutError:
                    assert time.monotonic() - began < 2 * relay_http.REQUEST_WITHIN_S

        assert answer.startswith(b"HTTP/1.1 408")

    def test_slow_strangers_keep_nobody_out(self, relay):
        """More of them than there are places: the one who waits longest gives way."""
        with ExitStack() as stack:
            for _ in range(3 * relay_http.CONNECTIONS_MAX):
                slow = socket.create_connection(relay.address, timeout=10)
                stack.enter_context(slow)
                slow.sendall(b"PUT /bills/1 HTTP/1.1\r\n")
            began = time.monotonic()

            assert put(relay, bill()).status_code == 201
            assert get(relay, "/bills/1").status_code == 200
            assert time.monotonic() - began < relay_http.REQUEST_WITHIN_S

    def test_a_peer_that_leaves_is_forgotten(self, relay):
        for _ in range(50):
            with socket.create_connection(relay.address, timeout=10) as connection:
                connection.sendall(b"GET /bills HTTP/1.1\r\n")

        assert get(relay, "/healthz").status_code == 200


class TestKept:
    def test_its_file_holds_key_and_id_for_its_owner_alone(self, relay, folder):
        path = folder / "relay.json"
        kept = json.loads(path.read_text())

        assert set(kept) == {"device", "key"}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_3_02_no_byte_of_a_bill_is_in_its_folder(self, relay, folder):
        data = bill(order="SECRET-ORDER")
        put(relay, data)
        put(relay, bill(order="SECRET-ORDER", nonce=b"2" * 16))
        get(relay, "/bills/1")

        files = [path for path in folder.rglob("*") if path.is_file()]
        assert [path.name for path in files] == ["relay.json"]
        kept = b"".join(path.read_bytes() for path in files)
        for piece in (data[20:60], b"SECRET-ORDER", TID.encode()):
            assert piece not in kept

    def test_3_05_after_a_restart_it_is_the_same_relay_and_empty(self, office, words, folder):
        office.down = office.revoked = False
        first = start(*words, folder=folder)
        assert put(first, bill()).status_code == 201
        first.process.kill()
        first.process.wait()
        again = start(*words, folder=folder)

        assert get(again, "/healthz").json() == {"device": RELAY}
        assert get(again, "/bills").json() == {"bills": []}
        assert problem_of(get(again, "/bills/1")) == (404, "not_found")
        assert again.stop() == 0
        assert again.said[-1] == "Stopped."


class TestStart:
    def refused(self, *words, folder):
        process = launch(*words, folder=folder)
        said, _ = process.communicate(timeout=20)
        assert process.returncode == 1, said
        return said

    def test_without_a_code_it_says_so(self, origin, tmp_path):
        said = self.refused("--portal", origin, "--port", "0", folder=tmp_path)

        assert "--code" in said

    def test_a_bad_code_is_told_and_keeps_nothing(self, origin, tmp_path):
        words = ("--portal", origin, "--port", "0", "--code", "BADC0DE000", "--state", "relay.json")

        assert "enrolment_code_invalid" in self.refused(*words, folder=tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_of_something_else_is_left_alone(self, origin, tmp_path):
        (tmp_path / "relay.json").write_text('{"bills": []}')
        words = ("--portal", origin, "--port", "0", "--code", CODE, "--state", "relay.json")

        assert "does not hold" in self.refused(*words, folder=tmp_path)
        assert (tmp_path / "relay.json").read_text() == '{"bills": []}'

    def test_a_taken_port_is_told(self, relay, words, folder):
        _host, port = relay.address
        again = [*words[:2], "--port", str(port), *words[4:]]

        assert "cannot be listened on" in self.refused(*again, folder=folder)

"""Frames over a real socket: whatever comes, the answer is a frame or FrameBroken, and in time."""

import socket
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.wire import cbor, frames


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield frames.Conversation(connection=left, budget_s=0.3), right


def framed(body):
    return len(body).to_bytes(4) + body


def test_a_frame_is_a_length_and_a_map(pair):
    talk, peer = pair

    talk.send({"challenge": b"\x01", "online": True})

    assert peer.recv(100) == framed(cbor.encode({"challenge": b"\x01", "online": True}))


def test_it_comes_back_as_it_was_sent_even_in_pieces(pair):
    talk, peer = pair
    data = framed(cbor.encode({"record": bytes(300)}))
    for start in range(0, len(data), 100):
        peer.sendall(data[start : start + 100])

    assert talk.receive() == {"record": bytes(300)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        framed(b""),
        (frames.LIMIT_BYTES + 1).to_bytes(4),
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        framed(b"\xff"),
        framed(cbor.encode([1])),
        framed(cbor.encode({1: 2})),
        framed(cbor.encode({"a": 1}) + b"\x00"),
        framed(b"\xbf\xff"),
        b"\x00\x00\x00\x09\xa1",
    ],
)
def test_what_is_no_frame_is_broken(pair, data):
    talk, peer = pair
    peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)

    with pytest.raises(frames.FrameBroken):
        talk.receive()


def test_a_frame_of_the_limit_passes_and_one_byte_more_is_not_sent(pair):
    talk, peer = pair
    peer.settimeout(1)
    room = frames.LIMIT_BYTES - len(cbor.encode({"a": bytes(frames.LIMIT_BYTES - 16)}))

    talk.send({"a": bytes(frames.LIMIT_BYTES - 16 + room)})

    with pytest.raises(frames.FrameBroken):
        talk.send({"a": bytes(frames.LIMIT_BYTES - 16 + room + 1)})


def test_a_silent_peer_costs_no_more_than_the_budget(pair):
    talk, _ = pair
    began = time.monotonic()

    with pytest.raises(frames.FrameBroken):
        talk.receive()

    assert time.monotonic() - began < 1


def test_a_dripping_peer_costs_no_more_than_the_budget(pair):
    talk, peer = pair
    began = time.monotonic()
    dripping = threading.Thread(target=drip, args=(peer, (60).to_bytes(4) + bytes(60)))
    dripping.start()

    with pytest.raises(frames.FrameBroken):
        talk.receive()

    assert time.monotonic() - began < 1
    dripping.join()


def drip(peer, data):
    for byte in data[:20]:
        peer.sendall(bytes([byte]))
        time.sleep(0.05)


def test_typed_access():
    message = {"record": b"x", "refused": "card_blocked"}

    assert frames.binary(message, "record") == b"x"
    assert frames.text(message, "refused") == "card_blocked"
    for wrong in (lambda: frames.binary(message, "refused"), lambda: frames.text(message, "none")):
        with pytest.raises(frames.FrameBroken):
            wrong()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_broken(data):
    left, right = socket.socketpair()
    with left, right:
        right.sendall(data)
        right.shutdown(socket.SHUT_WR)
        talk = frames.Conversation(connection=left, budget_s=1)

        with suppress(frames.FrameBroken):
            assert isinstance(talk.receive(), dict)

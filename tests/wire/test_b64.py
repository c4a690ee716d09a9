"""base64url without padding, one spelling each."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import b64
from config.wire.errors import Malformed


@given(st.binary(max_size=80))
def test_round_trip(data: bytes) -> None:
    assert b64.decode(b64.encode(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AA==",
        "AAA=",
        "AB",
        "AAB",
        "+/8A",
        "A A",
        "AA\n",
        " AA",
        "AAAAA",
        "é",
        "𝟘AAA",
        "\ud800",
    ],
)
def test_refuses_every_other_spelling(text: str) -> None:
    with pytest.raises(Malformed):
        b64.decode(text)


@pytest.mark.parametrize("value", [None, 1, True, b"AA", ["AA"], {}])
def test_refuses_what_is_no_text(value: Any) -> None:
    with pytest.raises(Malformed):
        b64.decode(value)


@given(st.text(max_size=20) | st.text("AQgw_-=+/", max_size=12))
def test_fuzz(text: str) -> None:
    try:
        assert b64.encode(b64.decode(text)) == text
    except Malformed:
        return

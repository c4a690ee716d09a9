"""The five numbers, base32 and the T-ID."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import base32, luhn, numbers
from config.wire.errors import Malformed
from config.wire.numbers import Number, NumberKind
from merchants.wire import tid

SECRET = bytes(32)
TID = tid.tid(
    number=12345, counter=7, random=9, amount=12500, currency="KRW", order="", secret=SECRET
)
TSN = numbers.tsn(bytes(range(16)))
APPROVAL = numbers.approval_number(bytes(range(16)))
RANDOM = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (TID, Number(kind=NumberKind.TID, value=TID)),
        (f"T1.{TID}", Number(kind=NumberKind.TID, value=TID)),
        (TSN, Number(kind=NumberKind.TSN, value=TSN)),
        (f"S1.{TSN}", Number(kind=NumberKind.TSN, value=TSN)),
        (f"{TSN}0123456789", Number(kind=NumberKind.TSN_PSN, value=TSN, psn="0123456789")),
        (f"S1.{TSN}.0123456789", Number(kind=NumberKind.TSN_PSN, value=TSN, psn="0123456789")),
        (APPROVAL, Number(kind=NumberKind.APPROVAL, value=APPROVAL)),
        (f"A1.{APPROVAL}", Number(kind=NumberKind.APPROVAL, value=APPROVAL)),
        ("O12AB3", Number(kind=NumberKind.OFFLINE_CODE, value="O12AB3")),
    ],
)
def test_recognizes(text: str, number: Number) -> None:
    assert numbers.kind_of(text) == number.kind
    assert numbers.parse(text) == number


def test_typing_is_tidied() -> None:
    spaced = " ".join(TID[at : at + 4] for at in range(0, 23, 4))
    assert numbers.parse(f" {spaced.lower()} ").value == TID
    assert numbers.parse(TID[0] + TID[1:].replace("0", "O").replace("1", "l")).value == TID
    assert numbers.parse("-".join([TSN[:4], TSN[4:]])).value == TSN
    assert numbers.parse(TSN[0] + TSN[1:].replace("0", "o").replace("1", "I")).value == TSN
    assert numbers.parse("oOl-ab3").value == "O01AB3"


@pytest.mark.parametrize("number", [TID, TSN, APPROVAL, f"{TSN}0123456789"])
def test_every_wrong_check_is_refused(number: str) -> None:
    checked = number[:16] if number.startswith("9") else number
    alphabet = base32.ALPHABET if number.startswith("T") else "0123456789"
    for other in set(alphabet) - {checked[-1]}:
        wrong = checked[:-1] + other + number[len(checked) :]
        assert numbers.kind_of(wrong) == numbers.kind_of(number)
        with pytest.raises(Malformed):
            numbers.parse(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "T",
        TID[:-1],
        TID + "0",
        TID[:-1] + "U",
        TSN[:-1],
        TSN + "1",
        "8" + TSN[1:],
        "0" + APPROVAL[1:],
        "9" + APPROVAL[1:],
        "O12AB",
        "O12ABU",
        "012AB3",
        f"t1.{TID}",
        f"T1.{TID.lower()}",
        f"T2.{TID}",
        f"S1.{TID}",
        f"A1.{TSN}",
        f"S1.{TSN}.",
        f"S1.{TSN}.012345678",
        f"S1. {TSN}",
        f"S1.{TSN}\n",
        "O1.O12AB3",
        TSN.replace(TSN[1], "١"),
        "9" * 2000,
        "9" + " " * 2000 + TSN[1:],
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert numbers.kind_of(text) is None
    with pytest.raises(Malformed):
        numbers.parse(text)


@pytest.mark.parametrize("value", [None, 1, b"O12AB3", []])
def test_what_is_no_text(value: Any) -> None:
    assert numbers.kind_of(value) is None


@given(RANDOM)
def test_constructors_make_numbers_of_their_kind(rng_bytes: bytes) -> None:
    assert numbers.kind_of(numbers.tsn(rng_bytes)) == NumberKind.TSN
    assert numbers.kind_of(numbers.approval_number(rng_bytes)) == NumberKind.APPROVAL
    assert numbers.kind_of(numbers.offline_approval_code(rng_bytes)) == NumberKind.OFFLINE_CODE
    numbers.parse(numbers.tsn(rng_bytes))
    numbers.parse(numbers.approval_number(rng_bytes))
    assert re.fullmatch("[0-9A-NP-Z][0-9A-Z]{5}", numbers.online_approval_code(rng_bytes))


@given(st.text(max_size=40) | st.text("TSAO19.0 -lI" + base32.ALPHABET, max_size=40))
def test_fuzz(text: str) -> None:
    try:
        number = numbers.parse(text)
    except Malformed:
        return
    assert numbers.parse(number.value + (number.psn or "")) == number


class TestBase32:
    @given(st.integers(0, 2**50 - 1))
    def test_round_trip(self, value: int) -> None:
        assert base32.decode(base32.encode(value, digits=10)) == value

    @given(st.text(base32.ALPHABET, min_size=1))
    def test_the_check_character_finds_each_single_error(self, payload: str) -> None:
        check = base32.check_character(payload)
        for at in range(len(payload)):
            for other in set(base32.ALPHABET) - {payload[at]}:
                assert base32.check_character(payload[:at] + other + payload[at + 1 :]) != check

    @pytest.mark.parametrize("text", ["", "a", "U", "O", "0-0", "０"])
    def test_only_canonical_text(self, text: str) -> None:
        with pytest.raises(Malformed):
            base32.decode(text)
        with pytest.raises(Malformed):
            base32.check_character(text)

    def test_tidies_what_people_type(self) -> None:
        assert base32.tidy("o0-iI lL") == "001111"
        assert base32.tidy("ı") == "ı"

    @pytest.mark.parametrize("value", [-1, 32])
    def test_a_value_that_does_not_fit(self, value: int) -> None:
        with pytest.raises(Malformed):
            base32.encode(value, digits=1)


@pytest.mark.parametrize("digits", ["", "1a", "²", "١", "-1"])
def test_a_check_digit_is_of_digits(digits: str) -> None:
    with pytest.raises(Malformed):
        luhn.check_digit(digits)


class TestTid:
    def test_fits_what_it_was_made_for_and_nothing_else(self) -> None:
        made_for = {"amount": 12500, "currency": "KRW", "order": "", "secret": SECRET}
        assert tid.fits(tid=TID, **made_for)
        for other in (
            {"amount": 12501},
            {"currency": "USD"},
            {"order": "A-17"},
            {"secret": bytes(31) + b"\x01"},
        ):
            assert not tid.fits(tid=TID, **made_for | other)

    @pytest.mark.parametrize("text", ["", TID[:-1], "0" + TID[1:], TID.lower(), TID[:-1] + "U"])
    def test_only_canonical_text_parses(self, text: str) -> None:
        with pytest.raises(Malformed):
            tid.parse(text)

    @pytest.mark.parametrize("part", [{"number": 2**30}, {"counter": 2**25}, {"random": -1}])
    def test_a_part_out_of_range(self, part: dict[str, int]) -> None:
        parts = {"number": 1, "counter": 1, "random": 1} | part
        with pytest.raises(Malformed):
            tid.tid(**parts, amount=1, currency="KRW", order="", secret=SECRET)

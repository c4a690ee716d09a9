"""Mission 6.07: a till tells which of the five numbers it has, by protocol §2 alone."""

import re
import string
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from config.wire import base32, numbers
from config.wire.numbers import NumberKind
from merchants.wire import tid

# The table once more, read off the protocol and not off the code.
TYPED: Final = {
    NumberKind.TID: f"T[{base32.ALPHABET}]{{22}}",
    NumberKind.TSN: "9[0-9]{15}",
    NumberKind.TSN_PSN: "9[0-9]{25}",
    NumberKind.APPROVAL: "[1-8][0-9]{11}",
    NumberKind.OFFLINE_CODE: f"O[{base32.ALPHABET}]{{5}}",
}
SCANNED: Final = {
    NumberKind.TID: f"T1\\.T[{base32.ALPHABET}]{{22}}",
    NumberKind.TSN: "S1\\.9[0-9]{15}",
    NumberKind.TSN_PSN: "S1\\.9[0-9]{15}\\.[0-9]{10}",
    NumberKind.APPROVAL: "A1\\.[1-8][0-9]{11}",
}
DRAWN = st.binary(min_size=16, max_size=16)
PSNS = st.from_regex("[0-9]{10}", fullmatch=True)
LETTERS = f"{string.ascii_letters}{string.digits}.- "


@st.composite
def made(draw: st.DrawFn) -> dict[NumberKind, str]:
    """Draw one number of each kind, as their makers make them."""
    tsn = numbers.tsn(draw(DRAWN))
    return {
        NumberKind.TID: tid.tid(
            number=draw(st.integers(0, 2**30 - 1)),
            counter=draw(st.integers(0, 2**25 - 1)),
            random=draw(st.integers(0, 2**25 - 1)),
            amount=draw(st.integers(1, 10**9)),
            currency="KRW",
            order="",
            secret=bytes(32),
        ),
        NumberKind.TSN: tsn,
        NumberKind.TSN_PSN: tsn + draw(PSNS),
        NumberKind.APPROVAL: numbers.approval_number(draw(DRAWN)),
        NumberKind.OFFLINE_CODE: numbers.offline_approval_code(draw(DRAWN)),
    }


def kinds_of(text: str, table: dict[NumberKind, str]) -> set[NumberKind]:
    return {kind for kind, form in table.items() if re.fullmatch(form, text)}


def scanned(kind: NumberKind, number: str) -> str:
    match kind:
        case NumberKind.TID:
            return f"T1.{number}"
        case NumberKind.TSN_PSN:
            return f"S1.{number[:16]}.{number[16:]}"
        case NumberKind.APPROVAL:
            return f"A1.{number}"
        case _:
            return f"S1.{number}"


@given(made())
def test_6_07_each_typed_is_its_own_kind_and_no_other(found: dict[NumberKind, str]) -> None:
    for kind, number in found.items():
        assert kinds_of(number, TYPED) == {kind}
        assert numbers.kind_of(number) == kind == numbers.parse(number).kind


@given(made())
def test_6_07_each_scanned_is_its_own_kind_and_no_other(found: dict[NumberKind, str]) -> None:
    for kind in SCANNED:
        text = scanned(kind, found[kind])
        assert kinds_of(text, SCANNED) == {kind}
        assert numbers.kind_of(text) == kind == numbers.parse(text).kind


@given(made(), st.sampled_from(sorted(TYPED)))
def test_6_07_spaces_hyphens_and_small_letters_change_no_kind(
    found: dict[NumberKind, str], kind: NumberKind
) -> None:
    number = found[kind]
    typed = f" {number[:3]} {number[3:6]}-{number[6:]} ".lower()
    assert numbers.kind_of(typed) == kind


@given(st.text(alphabet=LETTERS, max_size=40))
def test_6_07_any_text_is_what_the_table_says(text: str) -> None:
    wanted = kinds_of(text, SCANNED) if "." in text else kinds_of(tidied(text), TYPED)
    assert len(wanted) <= 1
    assert numbers.kind_of(text) == next(iter(wanted), None)


def tidied(typed: str) -> str:
    """Tidy typed text as protocol §1 says: the first character tells the kind and stays."""
    bare = typed.strip()
    rest = re.sub("[ -]", "", bare[1:]).upper().translate(str.maketrans("OIL", "011"))
    return bare[:1].upper() + rest


@given(DRAWN)
def test_6_07_a_code_given_online_is_never_taken_for_one_given_offline(drawn: bytes) -> None:
    code = numbers.online_approval_code(drawn)
    assert len(code) == 6
    assert numbers.kind_of(code) is None


@given(made())
def test_only_numbers_that_are_shown_once_are_kept_from_addresses(
    found: dict[NumberKind, str],
) -> None:
    kept = {kind for kind, number in found.items() if numbers.shown_once(number)}
    assert kept == {NumberKind.TSN, NumberKind.TSN_PSN, NumberKind.APPROVAL}

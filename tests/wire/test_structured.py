"""Structured fields: what signatures and digests need of RFC 9651."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import structured
from config.wire.errors import Malformed
from config.wire.structured import InnerList, Item, Token

STRINGS = st.text(st.characters(min_codepoint=32, max_codepoint=126))
BARE = (
    st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.binary()
    | STRINGS
    | st.from_regex(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,8}", fullmatch=True).map(Token)
)
PARAMETERS = st.dictionaries(st.from_regex(r"[a-z*][a-z0-9_.*-]{0,5}", fullmatch=True), BARE)
ITEMS = st.builds(Item, BARE, PARAMETERS)


@given(st.builds(InnerList, st.lists(ITEMS), PARAMETERS))
def test_inner_lists_round_trip(inner: InnerList) -> None:
    text = structured.serialize_inner_list(inner)
    again = structured.parse_dictionary(f"sig1={text}")["sig1"]
    assert again == inner
    assert isinstance(again, InnerList)
    assert structured.serialize_inner_list(again) == text


@given(ITEMS)
def test_items_round_trip(item: Item) -> None:
    text = structured.serialize_item(item)
    again = structured.parse_dictionary(f"a=1, b={text}")["b"]
    assert again == item
    assert structured.serialize_item(again) == text


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", {}),
        ("a", {"a": Item(True, {})}),
        ("a;b", {"a": Item(True, {"b": True})}),
        ("  a=1 ,\tb=?0  ", {"a": Item(1, {}), "b": Item(False, {})}),
        ('a=( "x"   "y" )', {"a": InnerList([Item("x", {}), Item("y", {})], {})}),
        (r'a="q\"b\\"', {"a": Item(r"q\b".replace("\\", '"') + "\\", {})}),
        ("a=();  n=-5", {"a": InnerList([], {"n": -5})}),
    ],
)
def test_reads(text: str, members: dict[str, Item | InnerList]) -> None:
    assert structured.parse_dictionary(text) == members


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "a,",
        "a b",
        "A=1",
        "a=",
        "a=1.5",
        "a=1234567890123456",
        "a=-",
        'a="x',
        'a="\\x"',
        'a="é"',
        'a="\t"',
        "a=:AAA",
        "a=:AAA:",
        "a=:-_8=:",
        "a=?2",
        "a=@1",
        "a=(",
        "a=(1",
        "a=(1,2)",
        'a=("x""y")',
        "a=((1))",
        "a=1;",
        "a=1;B=1",
        "a=1;b=1;b=2",
        "a=1, a=2",
        "a=1\nb=2",
        "é=1",
        "a=" + "1" * 9000,
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(Malformed):
        structured.parse_dictionary(text)


@pytest.mark.parametrize("value", ["é", "\n", "\x7f"])
def test_a_string_is_printable_ascii(value: str) -> None:
    with pytest.raises(Malformed):
        structured.serialize_item(Item(value, {}))


@given(st.text(max_size=60) | st.text('ab=1;,()":?*\\ AQ-.', max_size=60))
def test_fuzz(text: str) -> None:
    try:
        members = structured.parse_dictionary(text)
    except Malformed:
        return
    assert isinstance(members, dict)

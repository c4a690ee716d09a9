"""Signed objects: round trips, strict schemas, and no object taken for another."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.wire import cbor, cose, keys
from config.wire.errors import BadSignature, Malformed, WireError
from config.wire.objects import SignedObject
from issuers.wire import Action, BlacklistFile, Command, RiceSet
from merchants.wire import Batch, batch_digest
from tests.wire.samples import BATCH, BLACKLIST, COMMAND, KEY, OBJECTS, OTHER_KEY, RECORD
from wallets.wire import OfflineRecord, RecordKind

each_object = pytest.mark.parametrize("made", OBJECTS, ids=lambda made: type(made).__name__)


def _map(made: SignedObject) -> dict[Any, Any]:
    value = cbor.decode(made.payload())
    assert isinstance(value, dict)
    return value


def _refused(made: SignedObject, changed: dict[Any, Any]) -> None:
    with pytest.raises(Malformed):
        type(made).of_payload(cbor.encode(changed))


@each_object
def test_round_trip(made: SignedObject) -> None:
    data = made.sign(key=KEY)
    assert type(made).open(data, public_key=KEY.public) == made
    assert type(made).peek(data) == made
    assert type(made).of_payload(made.payload()) == made


@each_object
def test_every_changed_byte_is_refused(made: SignedObject) -> None:
    data = made.sign(key=KEY)
    for at in range(len(data)):
        changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        with pytest.raises(WireError):
            type(made).open(changed, public_key=KEY.public)


@each_object
def test_every_cut_and_every_addition_is_refused(made: SignedObject) -> None:
    data = made.sign(key=KEY)
    for changed in [data[:at] for at in range(len(data))] + [data + b"\x00", b"\x00" + data]:
        with pytest.raises(Malformed):
            type(made).peek(changed)


@each_object
def test_a_missing_or_unknown_key_is_refused(made: SignedObject) -> None:
    known = _map(made)
    for key in known:
        _refused(made, {k: v for k, v in known.items() if k != key})
    for key in (0, 16, 99, -1, "1"):
        _refused(made, {**known, key: 1})


@each_object
@pytest.mark.parametrize(
    "other",
    [True, -1, 2**63, 2**64 - 1, "", "x" * 300, "a\x00b", b"", bytes(5000), [], [1], {}, {1: 1}],
)
def test_a_value_of_another_type_or_size_is_refused(made: SignedObject, other: object) -> None:
    known = _map(made)
    # The few places where one of the values above is a proper one.
    proper = {
        (Batch, 7): [{}],
        (Batch, 8): [[]],
        (Batch, 9): [[]],
        (Batch, 10): [{}],
        (Command, 7): [{}],
    }
    for key in known:
        allowed = proper.get((type(made), key), [])
        empty_order = type(made).__name__ == "Bill" and key == 7 and other == ""
        if other not in allowed and not empty_order:
            _refused(made, {**known, key: other})


@each_object
def test_an_object_is_never_taken_for_another(made: SignedObject) -> None:
    data = made.sign(key=KEY)
    for other in OBJECTS:
        if type(other) is not type(made):
            with pytest.raises(Malformed):
                type(other).open(data, public_key=KEY.public)


@each_object
def test_another_key_is_refused(made: SignedObject) -> None:
    with pytest.raises(BadSignature):
        type(made).open(made.sign(key=KEY), public_key=OTHER_KEY.public)


def test_a_foreign_key_under_the_right_key_id_is_refused() -> None:
    data = RECORD.sign(key=OTHER_KEY).replace(OTHER_KEY.kid, KEY.kid)
    with pytest.raises(BadSignature):
        OfflineRecord.open(data, public_key=KEY.public)


def test_a_high_s_is_refused() -> None:
    data = RECORD.sign(key=KEY)
    s = keys.ORDER - int.from_bytes(data[-32:], "big")
    with pytest.raises(BadSignature):
        OfflineRecord.open(data[:-32] + s.to_bytes(32, "big"), public_key=KEY.public)


def test_more_bytes_than_any_honest_object_has_are_refused_unread() -> None:
    data = cose.sign(payload=bytes(5000), key=KEY)
    for read in (OfflineRecord.peek, lambda data: OfflineRecord.open(data, public_key=KEY.public)):
        with pytest.raises(Malformed, match="longer than"):
            read(data)


def test_nothing_out_of_bounds_gets_signed() -> None:
    for changes in ({"amount": 0}, {"currency": "krw"}, {"card_token": b""}, {"uses": True}):
        with pytest.raises(Malformed):
            dataclasses.replace(RECORD, **changes).sign(key=KEY)


class TestOfflineRecord:
    def test_a_void_names_the_sale(self) -> None:
        void = dataclasses.replace(RECORD, kind=RecordKind.VOID, voided_atc=6)
        assert OfflineRecord.of_payload(void.payload()) == void

    def test_a_void_without_a_sale_or_a_sale_with_one_is_refused(self) -> None:
        _refused(RECORD, {**_map(RECORD), 5: 1})
        _refused(RECORD, {**_map(RECORD), 14: 6})

    def test_an_unknown_kind_or_verification_is_refused(self) -> None:
        _refused(RECORD, {**_map(RECORD), 5: 2})
        _refused(RECORD, {**_map(RECORD), 15: 2})

    def test_another_version_is_refused(self) -> None:
        _refused(RECORD, {**_map(RECORD), 1: 2})


class TestCommand:
    @pytest.mark.parametrize(
        ("action", "body"),
        [(Action.RESET, {1: 7, 2: 2, 3: 30000}), (Action.CERTIFICATE, {1: b"certificate"})],
    )
    def test_a_body_of_its_action(self, action: Action, body: dict[int, int | bytes]) -> None:
        command = dataclasses.replace(COMMAND, action=action, body=body)
        assert Command.of_payload(command.payload()) == command

    @pytest.mark.parametrize(
        ("action", "body"),
        [
            (1, {1: 1}),
            (2, {"a": 1}),
            (3, {}),
            (3, {1: 7, 2: 2}),
            (3, {1: 7, 2: 2, 3: -1}),
            (3, {1: 7, 2: 2, 3: 1, 4: 1}),
            (4, {}),
            (4, {1: 1}),
            (4, {1: b""}),
            (6, {}),
        ],
    )
    def test_a_body_of_another_form_is_refused(self, action: int, body: dict[Any, Any]) -> None:
        _refused(COMMAND, {**_map(COMMAND), 5: action, 7: body})


class TestBatch:
    def test_its_digest_is_of_its_exact_bytes(self) -> None:
        data = BATCH.sign(key=KEY)
        assert len(batch_digest(data)) == 32
        assert batch_digest(data) != batch_digest(data + b"\x00")

    def test_count_and_sum_are_the_portals_to_judge(self) -> None:
        odd = dataclasses.replace(BATCH, count=7, totals={})
        assert Batch.open(odd.sign(key=KEY), public_key=KEY.public) == odd

    def test_a_certificate_twice_is_refused(self) -> None:
        _refused(BATCH, {**_map(BATCH), 8: [b"same", b"same"]})

    @pytest.mark.parametrize(
        "entry",
        [
            [],
            [b"record", "O12AB3"],
            [b"record", "O12AB3", 1, 1],
            [b"record", "A12AB3", 1],
            [b"record", "O12ABU", 1],
            [b"record", "o12ab3", 1],
            [b"", "O12AB3", 1],
            ["record", "O12AB3", 1],
            [b"record", "O12AB3", -1],
        ],
    )
    def test_an_entry_of_another_form_is_refused(self, entry: list[object]) -> None:
        _refused(BATCH, {**_map(BATCH), 9: [entry]})

    @pytest.mark.parametrize("totals", [{"krw": 1}, {"KRW": 2**63}, {1: 1}, {"KRWX": 1}])
    def test_a_sum_of_another_form_is_refused(self, totals: dict[Any, Any]) -> None:
        _refused(BATCH, {**_map(BATCH), 7: totals})


class TestBlacklistFile:
    def test_a_version_not_above_its_base_is_refused(self) -> None:
        _refused(BLACKLIST, {**_map(BLACKLIST), 4: 9})

    @pytest.mark.parametrize(
        "coded", [[0, 0, b"\x00"], [1, 0, b""], [0, 9, b"\x00"], [57, 1, bytes(9)], [0, 0], b""]
    )
    def test_a_set_that_contradicts_itself_is_refused(self, coded: object) -> None:
        for key in (7, 8):
            _refused(BLACKLIST, {**_map(BLACKLIST), key: coded})

    def test_the_sets_come_back_as_such(self) -> None:
        opened = BlacklistFile.of_payload(BLACKLIST.payload())
        assert isinstance(opened.additions, RiceSet)


@settings(max_examples=300)
@given(st.sampled_from(OBJECTS), st.data())
def test_fuzz(made: SignedObject, data: st.DataObject) -> None:
    """Bytes put anywhere into a good object give the object or a refusal, nothing else."""
    signed = bytearray(made.sign(key=KEY))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(signed)))
        signed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    for kind in map(type, OBJECTS):
        try:
            peeked = kind.peek(bytes(signed))
        except WireError:
            continue
        assert peeked.payload() == cose.parse(bytes(signed)).payload


@given(st.binary(max_size=300))
def test_fuzz_payloads(payload: bytes) -> None:
    for kind in map(type, OBJECTS):
        with pytest.raises(WireError):
            kind.peek(payload)
        with pytest.raises(WireError):
            kind.peek(cose.sign(payload=payload, key=KEY))

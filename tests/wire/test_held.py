"""The blacklist as a reader holds it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire.errors import Malformed, WireError
from issuers.wire import BlacklistFile, RiceSet, rice
from issuers.wire.held import HeldBlacklist, NotNewer, WrongBase, WrongDigest, WrongIssuer

NUMBERS = st.sets(st.integers(0, 300), max_size=60)


def file(
    version: int,
    after: set[int],
    *,
    base: int = 0,
    removals: set[int] = frozenset(),
    additions: set[int] | None = None,
) -> BlacklistFile:
    """Return the step to ``after``; without a base, the full list."""
    return BlacklistFile(
        issuer="ISS-1",
        version=version,
        base=base,
        issued=1,
        wait_s=60,
        removals=rice.encode(sorted(removals)),
        additions=rice.encode(sorted(after if additions is None else additions)),
        entries=len(after),
        digest=rice.digest(sorted(after)),
    )


@pytest.fixture
def held() -> HeldBlacklist:
    blacklist = HeldBlacklist(issuer="ISS-1")
    blacklist.apply(file(8, {3, 70}))
    return blacklist


def holds(blacklist: HeldBlacklist, version: int, numbers: set[int]) -> bool:
    return blacklist.version == version and list(blacklist) == sorted(numbers)


class TestApply:
    def test_takes_a_full_list(self, held: HeldBlacklist) -> None:
        assert holds(held, 8, {3, 70})
        assert 70 in held
        assert 71 not in held
        assert -1 not in held

    def test_takes_a_delta_on_the_version_held(self, held: HeldBlacklist) -> None:
        held.apply(file(9, {3, 5}, base=8, removals={70}, additions={5}))
        assert holds(held, 9, {3, 5})

    def test_takes_a_newer_full_list_in_place_of_a_delta(self, held: HeldBlacklist) -> None:
        held.apply(file(12, {1}))
        assert holds(held, 12, {1})

    def test_removes_before_it_adds(self, held: HeldBlacklist) -> None:
        held.apply(file(9, {3, 70}, base=8, removals={70}, additions={70}))
        assert holds(held, 9, {3, 70})

    @pytest.mark.parametrize("base", [7, 9, 1])
    def test_refuses_a_delta_on_another_version(self, held: HeldBlacklist, base: int) -> None:
        with pytest.raises(WrongBase):
            held.apply(file(10, {3}, base=base, removals={70}, additions=set()))
        assert holds(held, 8, {3, 70})

    @pytest.mark.parametrize("version", [1, 7, 8])
    def test_never_goes_back(self, held: HeldBlacklist, version: int) -> None:
        with pytest.raises(NotNewer):
            held.apply(file(version, {3}))
        assert holds(held, 8, {3, 70})

    def test_a_wrong_digest_drops_all(self, held: HeldBlacklist) -> None:
        wrong = dataclasses.replace(file(9, {3}), digest=bytes(32))
        with pytest.raises(WrongDigest):
            held.apply(wrong)
        assert holds(held, 0, set())

    def test_a_wrong_count_drops_all(self, held: HeldBlacklist) -> None:
        with pytest.raises(WrongDigest):
            held.apply(dataclasses.replace(file(9, {3}), entries=2))
        assert holds(held, 0, set())

    def test_after_a_drop_the_full_list_comes_again_but_none_older(
        self, held: HeldBlacklist
    ) -> None:
        with pytest.raises(WrongDigest):
            held.apply(dataclasses.replace(file(9, {3}), digest=bytes(32)))

        with pytest.raises(NotNewer):
            held.apply(file(7, {3}))
        with pytest.raises(WrongBase):
            held.apply(file(9, {3}, base=8, removals={70}, additions=set()))
        held.apply(file(8, {3, 70}))

        assert holds(held, 8, {3, 70})

    def test_refuses_another_issuers_list(self, held: HeldBlacklist) -> None:
        with pytest.raises(WrongIssuer):
            held.apply(dataclasses.replace(file(9, {3}), issuer="ISS-2"))
        assert holds(held, 8, {3, 70})

    def test_the_first_file_decides_the_issuer(self) -> None:
        blacklist = HeldBlacklist()
        blacklist.apply(file(1, {3}))
        with pytest.raises(WrongIssuer):
            blacklist.apply(dataclasses.replace(file(2, {3}), issuer="ISS-2"))

    def test_improper_data_changes_nothing(self, held: HeldBlacklist) -> None:
        with pytest.raises(Malformed):
            held.apply(dataclasses.replace(file(9, {3}), additions=RiceSet(0, 1, b"\xff")))
        assert holds(held, 8, {3, 70})


def test_holding_goes_on_after_a_restart() -> None:
    blacklist = HeldBlacklist.holding(issuer="ISS-1", version=8, numbers=[3, 70])
    blacklist.apply(file(9, {3}, base=8, removals={70}, additions=set()))
    assert holds(blacklist, 9, {3})


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8))
def test_any_chain_of_deltas_is_set_arithmetic(steps: list[tuple[set[int], set[int]]]) -> None:
    blacklist, model = HeldBlacklist(), set()
    blacklist.apply(file(1, model))
    for version, (removals, additions) in enumerate(steps, start=2):
        model = model - removals | additions
        blacklist.apply(
            file(version, model, base=version - 1, removals=removals, additions=additions)
        )
        assert holds(blacklist, version, model)
        assert len(blacklist) == len(model)
        assert all((number in blacklist) == (number in model) for number in range(-1, 302))


@given(st.integers(1, 3), st.integers(0, 3), NUMBERS, st.binary(min_size=32, max_size=32))
def test_whatever_comes_is_taken_or_refused(
    version: int, base: int, numbers: set[int], digest: bytes
) -> None:
    blacklist = HeldBlacklist.holding(issuer="ISS-1", version=1, numbers=[3])
    step = dataclasses.replace(file(version, numbers), base=base, digest=digest)
    with pytest.raises(WireError):
        blacklist.apply(step)
    assert holds(blacklist, 1, {3}) or holds(blacklist, 0, set())

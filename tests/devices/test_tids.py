"""T-IDs of one terminal: never one twice, over restarts and lost files (mission 4.09)."""

import random
import time

import pytest

from merchants.devices.tids import (
    RESERVED,
    CounterExhausted,
    TidMaker,
    read_counter,
    save_counter,
)
from merchants.wire import tid
from tests.devices.tills import NUMBER, SECRET


class Counters:
    """The two places of one counter; a restart finds what was saved."""

    def __init__(self, number=NUMBER):
        self.number, self.counter, self.ceiling = number, None, 0
        self.random = random.Random(number)
        self.full = False

    def maker(self):
        return TidMaker(
            number=self.number,
            secret=SECRET,
            random_bytes=self.random.randbytes,
            save=self._save("counter"),
            save_ceiling=self._save("ceiling"),
            counter=self.counter,
            ceiling=self.ceiling,
        )

    def _save(self, name):
        def save(value):
            if self.full:
                raise OSError("no space left on device")
            setattr(self, name, value)

        return save


def make(maker, amount=10_000):
    return maker.new(amount_minor=amount, currency="KRW", order="")


def counter_of(made):
    return tid.parse(made).counter


@pytest.fixture
def disk():
    return Counters()


def test_a_tid_is_the_portals_to_check(disk):
    made = make(disk.maker())

    assert tid.parse(made).number == NUMBER
    assert tid.fits(tid=made, amount=10_000, currency="KRW", order="", secret=SECRET)
    assert not tid.fits(tid=made, amount=10_001, currency="KRW", order="", secret=SECRET)


def test_a_counter_is_on_the_disk_before_its_tid_is_out(disk):
    made = make(disk.maker())

    assert disk.counter == counter_of(made) + 1
    assert disk.ceiling > counter_of(made)


def test_a_full_disk_makes_no_tid_and_costs_none(disk):
    maker = disk.maker()
    first = make(maker)
    disk.full = True
    with pytest.raises(OSError, match="space"):
        make(maker)
    disk.full = False

    assert counter_of(make(maker)) == counter_of(first) + 1


def test_a_restart_goes_on(disk):
    first = make(disk.maker())

    assert counter_of(make(disk.maker())) == counter_of(first) + 1


def test_a_lost_counter_skips_ahead_never_back(disk):
    made = [make(disk.maker()) for _ in range(3)]
    disk.counter = None
    after = make(disk.maker())

    assert counter_of(after) == RESERVED > max(map(counter_of, made))
    disk.counter = None
    assert counter_of(make(disk.maker())) > counter_of(after)


def test_a_counter_told_as_used_skips_ahead(disk):
    """Control of the file alone: an older copy of it was put back, and the portal noticed."""
    maker = disk.maker()
    made = [make(maker) for _ in range(3)]
    disk.counter = 0
    maker = disk.maker()
    assert counter_of(make(maker)) == counter_of(made[0])

    maker.skip()
    assert counter_of(make(maker)) > counter_of(made[-1])


def test_the_last_counter_is_the_end(disk):
    disk.counter = tid.COUNTER_LIMIT - 1
    maker = disk.maker()

    assert counter_of(make(maker)) == tid.COUNTER_LIMIT - 1
    with pytest.raises(CounterExhausted):
        make(maker)


@pytest.mark.parametrize("spoilt", ["", "[1]", '{"next": "7"}', '{"next": -1}', '{"ne'])
def test_a_spoilt_file_is_a_lost_one(tmp_path, spoilt):
    path = tmp_path / "counter.json"
    assert read_counter(path=path) is None
    path.write_text(spoilt)
    assert read_counter(path=path) is None

    save_counter(path=path, counter=7)
    assert read_counter(path=path) == 7


def a_day_of_sales(*, is_counted, tids=100_000, terminals=50):
    """Make T-IDs over terminals that restart often and lose their counter sometimes."""
    chance = random.Random(409)
    disks = [Counters(number) for number in range(terminals)]
    makers = [disk.maker() for disk in disks]
    made = []
    for index in range(tids):
        at = index % terminals
        if chance.random() < 0.01:
            if chance.random() < 0.1:
                disks[at].counter = None
            if not is_counted:
                disks[at].counter, disks[at].random = 0, random.Random(at)
            makers[at] = disks[at].maker()
        made.append(make(makers[at]))
    return made


def test_4_09_a_hundred_thousand_tids_over_fifty_terminals_are_all_different():
    began = time.monotonic()
    made = a_day_of_sales(is_counted=True)

    assert len(set(made)) == len(made) == 100_000
    numbered = [(tid.parse(one).number, tid.parse(one).counter) for one in made[:20_000]]
    assert len(set(numbered)) == len(numbered), "not the random part alone keeps them apart"
    assert time.monotonic() - began < 60


def test_4_09_control_a_terminal_that_forgets_makes_duplicates():
    made = a_day_of_sales(is_counted=False, tids=5_000)

    assert len(set(made)) < len(made)

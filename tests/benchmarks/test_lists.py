"""The D benchmarks find what is broken: a decoder, a reader, a coder, a server's copy."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from issuers.wire import rice, skips
from tests.benchmarks import __main__ as runner
from tests.benchmarks import d1, d2, d4, d5, d6, numbers

DECODE = rice.decode


def one_too_high(coded):
    """Decode as it should be, but for the last number."""
    *right, last = DECODE(coded)
    return iter([*right, last + 1])


def test_one_wrong_number_of_the_decoded_file_is_a_fault(monkeypatch):
    monkeypatch.setattr(rice, "decode", one_too_high)
    assert d1.run(rounds=1, short=True).faults == ["The file is wrong about 2 cards."]


def test_a_skip_index_that_is_one_number_off_is_a_fault(monkeypatch):
    held = skips.SkipIndex._holds
    monkeypatch.setattr(skips.SkipIndex, "_holds", lambda self, at, n: held(self, at, n + 1))
    assert d2.run(rounds=1, short=True).faults


def test_a_reader_that_drops_a_number_is_a_fault(monkeypatch):
    index = skips.index
    monkeypatch.setattr(skips, "index", lambda listed: index(listed[:-1]))
    assert d4.run(rounds=1, short=True).faults


def test_every_wrong_look_up_is_counted(monkeypatch):
    right = d5.run(rounds=1, short=True)
    held = skips.SkipIndex.__contains__
    monkeypatch.setattr(skips.SkipIndex, "__contains__", lambda self, n: n % 100 and held(self, n))
    broken = d5.run(rounds=1, short=True)

    assert (right.ratio, right.faults) == (0, [])
    assert broken.ratio > 50
    assert broken.faults == [f"{broken.ratio} answers were wrong."]


@pytest.mark.django_db(transaction=True)  # another program reads the table
def test_a_coder_that_loses_a_number_is_a_fault(monkeypatch):
    encode = rice.encode
    monkeypatch.setattr(rice, "encode", lambda listed: encode(np.delete(listed, 7)))
    assert d6.run(rounds=1, short=True).faults == ["The code is wrong about 1 cards."]


@pytest.mark.django_db(transaction=True)  # another program reads the table
def test_a_copy_of_other_numbers_is_a_fault(monkeypatch):
    monkeypatch.setattr(d6, "_COPY", "COPY (SELECT 7::bigint) TO STDOUT (FORMAT BINARY)")
    faults = d6.run(rounds=1, short=True).faults
    assert len(faults) == 1
    assert faults[0].startswith("COPY is wrong about ")


@pytest.mark.parametrize(("told", "wrong"), [([1, 3], 0), ([1], 1), ([1, 2, 3], 1), ([1, 1, 9], 3)])
def test_what_a_set_is_wrong_about_is_counted_card_by_card(told, wrong):
    drawn = numbers.Drawn(np.array([False, True, False, True]), np.array([1, 3], np.uint64))
    assert drawn.wrong_in(np.array(told, np.uint64)) == wrong


def test_a_draw_gives_as_many_cards_as_asked_and_the_same_again():
    once, again = (numbers.draw(cards=1000, count=500) for _ in range(2))
    assert once.listed.size == once.marks.sum() == 500
    assert np.array_equal(once.listed, again.listed)


@pytest.mark.django_db
@pytest.mark.parametrize(("decode", "status"), [(DECODE, 0), (one_too_high, 1)])
def test_the_command_fails_when_an_answer_was_wrong(decode, status, monkeypatch, capsys):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")
    monkeypatch.setattr(runner, "_database", nullcontext)
    monkeypatch.setattr(rice, "decode", decode)

    assert runner.main(["D1", "--short", "--json"]) == status
    (told,) = json.loads(capsys.readouterr().out)["results"]
    assert (told["rows_checked"], len(told["faults"])) == (numbers.LISTED_SHORT, status)

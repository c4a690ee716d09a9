"""The line that ends ``./paydesk test`` is counted from what pytest wrote."""

import pytest

from config.stack import counts, parts
from config.stack import test as runner
from config.stack.counts import Counts
from config.stack.parts import Part
from config.stack.places import CannotStart

REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"/>
<testcase name="c"><failure message="no"/></testcase>
<testcase name="d"><error message="set-up"/></testcase>
<testcase name="e"><skipped type="pytest.skip" message="later"/></testcase>
<testcase name="f"><skipped type="pytest.xfail" message="known"/></testcase>
</testsuite></testsuites>"""


def test_every_outcome_is_counted_once(tmp_path):
    (tmp_path / "unit.xml").write_text(REPORT)

    counted = counts.read(tmp_path / "unit.xml")

    assert counted == Counts(passed=2, failed=2, skipped=1, xfailed=1)
    assert str(counted + Counts(passed=1)) == "3 passed, 2 failed, 1 skipped, 1 xfailed"


def test_a_crashed_run_counts_nothing(tmp_path):
    assert counts.read(tmp_path / "none.xml") == Counts()


def test_a_path_runs_only_in_the_part_it_belongs_to(tmp_path):
    table = parts.table(reports=tmp_path, pytest_words=["tests/stack/test_counts.py::x", "-x"])

    (unit,) = [part for part in table if part.report]

    assert unit.name == "unit"
    assert unit.commands[0][3] == "tests/stack/test_counts.py::x"
    assert unit.commands[0][-1] == "-x"


def test_without_a_chromium_the_browser_part_says_so_loudly(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "find_chromium", lambda: None)

    (browser,) = [part for part in parts.table(reports=tmp_path) if part.name == "browser"]

    assert "NO CHROMIUM" in browser.absent


def test_a_path_that_names_nothing_is_refused():
    with pytest.raises(CannotStart, match=r"There is no tests/stack/test_no_such\.py"):
        runner.run(["tests/stack/test_counts.py", "tests/stack/test_no_such.py::x", "-q"])


@pytest.mark.parametrize(("counted", "good"), [(Counts(), False), (Counts(passed=1), True)])
def test_a_run_that_found_no_test_is_not_good(tmp_path, counted, good):
    part = Part(name="unit", commands=(), may_take_s=1, report=tmp_path / "unit.xml")
    outcome = runner.Outcome(part=part, result="passed", seconds=0, counted=counted)

    assert runner._all_good([outcome]) is good

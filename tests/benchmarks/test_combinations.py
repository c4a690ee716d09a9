"""The E benchmarks find an engine that is wrong, by each of their two judges."""

import pytest

from tests.benchmarks import e1, e2


@pytest.mark.parametrize("benchmark", [e1, e2])
def test_an_engine_that_forgets_clashes_is_a_fault(benchmark, monkeypatch):
    monkeypatch.setattr("benefits.rules.hand.clashes_of", lambda benefits: [0] * len(benefits))
    assert benchmark.run(rounds=1, short=True).faults


@pytest.mark.parametrize("benchmark", [e1, e2])
def test_the_engine_as_it_is_has_no_fault(benchmark):
    assert benchmark.run(rounds=1, short=True).faults == []

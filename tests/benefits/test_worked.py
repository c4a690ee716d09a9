"""The tables of ``docs/algorithms/benefits.md``, computed by hand, come out of the engine."""

import pytest

from benefits.rules import takings, vocabulary
from benefits.rules.best import best_for
from benefits.rules.quote import quote
from tests.benefits import worked

EXAMPLES = worked.examples()


def told_by_engine(example):
    """Return name, amount, code, base and what is left after it, of every benefit in turn."""
    benefits = [row.benefit for row in example.rows]
    if example.best:
        made = best_for(purchase=example.purchase, held=benefits).quote
    else:
        made = quote(purchase=example.purchase, benefits=benefits)
    lines = {line.benefit.benefit: line for line in made.lines}
    skips = {skip.benefit.benefit: skip for skip in made.skipped}
    left, told = example.purchase.amount_minor, []
    for name in (benefit.benefit for benefit in benefits):
        line = lines.get(name)
        left -= line.amount_minor if line else 0
        why = (line or skips[name]).why
        told.append((name, line and line.amount_minor, why.code, left))
    assert left == made.remainder_minor
    return told


def told_by_page(example):
    return [(row.benefit.benefit, row.takes, row.why, row.left) for row in example.rows]


def test_the_page_has_its_tables():
    assert len(EXAMPLES) == 8
    assert {row.benefit.kind for row in EXAMPLES[0].rows} == set(vocabulary.Kind)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_table_comes_out(example):
    assert told_by_engine(example) == told_by_page(example)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_line_says_what_it_was_taken_of(example):
    made = quote(purchase=example.purchase, benefits=[row.benefit for row in example.rows])
    of = {row.benefit.benefit: row.of for row in example.rows}
    if not example.best:
        for line in made.lines:
            assert line.why.facts["base_minor"] == of[line.benefit.benefit]


def test_control_rounded_up_a_share_is_another(monkeypatch):
    plain = takings.taken

    def rounded_up(taker, left):
        amount = plain(taker, left)
        return amount + (0 < amount < taker.most and taker.bps < vocabulary.WHOLE_BPS)

    monkeypatch.setattr("benefits.rules.quote.taken", rounded_up)
    assert told_by_engine(EXAMPLES[1]) != told_by_page(EXAMPLES[1])


def test_control_in_another_order_of_kinds_the_tables_differ(monkeypatch):
    turned = {kind: -turn for kind, turn in vocabulary.TURN.items()}
    monkeypatch.setattr(vocabulary, "TURN", turned)
    assert told_by_engine(EXAMPLES[1]) != told_by_page(EXAMPLES[1])

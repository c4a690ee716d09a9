"""Posting survives kills, races and failures: nothing half, nothing twice (reliability (c))."""

import threading
from datetime import timedelta

import pgtrigger
import pytest
from django.db import DatabaseError, connection

from config.models import Alert, Event
from issuers.models import Account
from settlement.models import AtcSeen, Batch, BatchRecord, MerchantDay, Payment, Transfer
from settlement.services import batches, evidence, ledger, posting
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db(transaction=True)

WRITTEN = (Payment, AtcSeen, BatchRecord, MerchantDay, Event)


def killed_at(number, *, at):
    """Post on a connection that is killed before its statement ``number``; return if it was."""
    left = iter(range(number, -1, -1))

    def kill(execute, sql, params, many, context):
        if next(left, 0) == 0:
            connection.connection.pgconn.finish()
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(kill):
            batches.post_waiting(limit=20, at=at)
    except DatabaseError:
        return True
    else:
        return False
    finally:
        connection.close()


def test_a_kill_before_any_statement_leaves_nothing_half(till, card, noon):
    till.upload(card.sale(till), card.sale(till))
    at, number = noon, 0

    while killed_at(number, at=at):
        if not Batch.objects.filter(state="POSTED").exists():
            assert not any(model.objects.exists() for model in WRITTEN)
            assert not Transfer.objects.exclude(code="OPENING").exists()
        number, at = number + 1, at + timedelta(hours=1)

    assert number > 25
    assert till.result() == [("POSTED", "")] * 2
    assert Account.objects.get().balance_minor == 998_000
    assert ledger.check() == []


def together(count, act):
    """Run ``act`` in ``count`` threads at once, each on a connection of its own; return answers."""
    barrier, answers = threading.Barrier(count), []

    def run(number):
        try:
            barrier.wait(timeout=10)
            answers.append(act(number))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count, "a thread failed"
    return answers


def test_two_workers_post_each_batch_once(card, noon):
    tills = [factory.till(now=noon) for _ in range(6)]
    for each in tills:
        each.upload(*[card.sale(each) for _ in range(20)])

    posted = together(2, lambda _number: batches.post_waiting(limit=3, at=noon))

    assert sum(posted) == 6
    assert Payment.objects.count() == 120
    assert ledger.check() == []


def test_workers_with_the_same_evidence_post_once(till, card, noon):
    till.upload(*[card.sale(till) for _ in range(10)])
    proven = evidence.gather(batch_ids=list(Batch.objects.values_list("pk", flat=True)))

    posted = together(3, lambda _number: posting.post(batches=proven, at=noon))

    assert sorted(posted) == [0, 0, 1]
    assert Payment.objects.count() == 10


def test_of_two_payloads_under_one_atc_posted_at_once_one_stands(card, noon):
    tills = [factory.till(now=noon) for _ in range(4)]
    for amount, each in enumerate(tills, start=1000):
        each.upload(card.sale(each, amount, atc=1), card.sale(each, amount, atc=2))
    proven = [evidence.gather(batch_ids=[pk]) for pk in Batch.objects.values_list("pk", flat=True)]

    together(4, lambda number: posting.post(batches=proven[number], at=noon))

    results = [each.result() for each in tills]
    winners = [result for result in results if result == [("POSTED", "")] * 2]
    assert len(winners) == 1
    assert results.count([("REJECTED", "duplicate_atc")] * 2) == 3
    assert ledger.check() == []


def test_a_void_waits_for_its_sale_that_another_worker_is_posting(till, card, noon):
    till.upload(card.sale(till, 3000))
    till.upload(card.void(till, 3000, 1))
    first, second = Batch.objects.order_by("pk")
    proven = evidence.gather(batch_ids=[second.pk])

    assert posting.post(batches=proven, at=noon) == 0

    second.refresh_from_db()
    assert (second.state, second.leased_until) == ("RECEIVED", None)
    posting.post(batches=evidence.gather(batch_ids=[first.pk]), at=noon)
    assert posting.post(batches=proven, at=noon) == 1
    assert till.result() == [("POSTED", "")]


def test_uploads_of_the_same_bytes_at_once_are_one_batch(till, card, noon):
    content = till.batch(card.sale(till))

    together(4, lambda _n: batches.receive(device=till.device, content=content, at=noon).sequence)

    assert Batch.objects.count() == 1


def test_uploads_while_a_batch_posts_are_not_held_up(till, card, noon):
    till.upload(card.sale(till))
    answers = []

    def upload(execute, sql, params, many, context):
        if "merchantday" in sql and not answers:
            answers.extend(together(1, lambda _n: till.upload(card.sale(till)).sequence))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(upload):
        batches.post_waiting(limit=20, at=noon)

    assert answers == [2]


def poisoned(batch):
    """Make ``batch`` one that no worker can post."""
    with pgtrigger.ignore("settlement.Batch:fixed_facts"):
        Batch.objects.filter(pk=batch.pk).update(content=b"\x00")


def test_a_batch_that_cannot_be_posted_holds_up_nobody_else(card, noon):
    bad, good = factory.till(now=noon), factory.till(now=noon)
    bad.upload(card.sale(bad))
    good.upload(card.sale(good))
    poisoned(Batch.objects.get(device=bad.device))

    with pytest.raises(ValueError, match="COSE"):
        batches.post_waiting(limit=20, at=noon)
    for minutes in range(1, 4):
        try:
            batches.post_waiting(limit=20, at=noon + timedelta(minutes=minutes))
        except ValueError:
            continue

    assert good.result() == [("POSTED", "")]


def test_a_batch_that_keeps_failing_is_told_of(till, card, noon):
    till.upload(card.sale(till))
    poisoned(Batch.objects.get())

    for hours in range(6):
        with pytest.raises(ValueError, match="COSE"):
            batches.post_waiting(limit=20, at=noon + timedelta(hours=hours))

    assert Alert.objects.get().kind == "batch_stuck"

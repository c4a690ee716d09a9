"""Idempotency-Key (protocol §1): one effect and one answer for however many repetitions."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from config import idempotency
from config.audit import SYSTEM
from config.idempotency import Answer, IdempotencyInProgress
from config.models import Alert, IdempotencyRecord
from merchants.services import api_keys
from tests.api.caller import code_of, of_device
from tests.factories.merchants import MerchantFactory, enrolled

PATH = "/api/v1/count"
BODY = {"subject": "loaf"}
KEY = {"Idempotency-Key": "key-of-sixteen-characters"}


@pytest.fixture
def server(client):
    """A merchant's server with its API key."""
    token = api_keys.make(merchant=MerchantFactory(), name="erp", actor=SYSTEM, at=timezone.now())
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.mark.django_db
class TestTheSameRequestAgain:
    def test_hears_the_first_answer_and_does_nothing(self, terminal):
        first, second = (terminal.post(PATH, BODY, headers=KEY) for _ in range(2))

        assert (second.status_code, second.content) == (201, first.content)
        assert second["Content-Type"] == first["Content-Type"]
        assert Alert.objects.count() == 1

    @pytest.mark.parametrize("fail", ["code_wrong", "not_found", "missing"])
    def test_hears_a_refusal_again(self, terminal, fail):
        first, second = (terminal.post(PATH, BODY | {"fail": fail}, headers=KEY) for _ in range(2))

        assert (second.status_code, second.content) == (first.status_code, first.content)
        assert code_of(second) == code_of(first)
        assert Alert.objects.count() == 1

    @pytest.mark.parametrize("body", [{"subject": 1}, b"{"])
    def test_hears_again_that_it_does_not_validate(self, terminal, body):
        first, second = (terminal.post(PATH, body, headers=KEY) for _ in range(2))

        assert second.content == first.content
        assert IdempotencyRecord.objects.get().status == first.status_code

    @pytest.mark.parametrize(
        "fail", ["tid_unknown", "throttled", "relay_full", "database", "fault"]
    )
    def test_is_judged_anew_where_the_first_answer_says_to_ask_again(self, terminal, fail):
        body = BODY | {"fail": fail}

        for _ in range(2):
            terminal.post(PATH, body, headers=KEY)

        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(("fail", "left"), [("fault", 0), ("code_wrong", 1)])
    def test_keeps_what_a_refusal_counted_and_undoes_what_a_fault_did(self, terminal, fail, left):
        terminal.post(PATH, BODY | {"fail": fail}, headers=KEY)

        assert Alert.objects.count() == left

    def test_of_another_caller_is_another_request(self, terminal, reader):
        answers = [caller.post(PATH, BODY, headers=KEY) for caller in (terminal, reader)]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert Alert.objects.count() == 2

    def test_without_a_key_is_another_request(self, terminal):
        for _ in range(2):
            terminal.post(PATH, BODY)

        assert Alert.objects.count() == 2

    def test_of_a_server_without_a_key_is_refused(self, server):
        answer = server.post(PATH + "/of-servers", BODY, content_type="application/json")

        assert (answer.status_code, code_of(answer)) == (422, "invalid")
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("Idempotency-Key", "required")
        assert not Alert.objects.exists()

    def test_of_a_server_with_one_hears_the_first_answer(self, server):
        first, second = (
            server.post(PATH + "/of-servers", BODY, content_type="application/json", headers=KEY)
            for _ in range(2)
        )

        assert (second.status_code, second.content) == (201, first.content)
        assert Alert.objects.count() == 1

    def test_needs_a_fresh_signature(self, terminal):
        request = terminal.signed("POST", PATH, body=BODY, headers=KEY)
        terminal.deliver(request)

        assert code_of(terminal.deliver(request)) == "signature_replayed"


@pytest.mark.django_db
class TestAnotherRequestUnderTheKey:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (PATH, {"subject": "cake"}),
            (PATH, b'{"subject":  "loaf"}'),
            (PATH + "?a=1", BODY),
            ("/api/v1/batch", BODY),
        ],
    )
    def test_is_refused(self, terminal, path, body):
        terminal.post(PATH, BODY, headers=KEY)

        answer = terminal.post(path, body, headers=KEY)

        assert (answer.status_code, code_of(answer)) == (422, "idempotency_mismatch")
        assert Alert.objects.count() == 1


@pytest.mark.django_db
class TestAKey:
    @pytest.mark.parametrize("key", ["", "x" * 15, "x" * 256, "tab\there-and-more-of-it"])
    def test_is_16_to_255_characters_of_plain_text(self, terminal, key):
        answer = terminal.post(PATH, BODY, headers={"Idempotency-Key": key})

        assert answer.status_code in {401, 422}
        assert not Alert.objects.exists()

    def test_is_nowhere_in_the_table_nor_is_the_answer(self, terminal):
        terminal.post(PATH, BODY, headers=KEY)

        with connection.cursor() as cursor:
            cursor.execute("SELECT t.*::text, answer::text FROM config_idempotencyrecord t")
            told = str(cursor.fetchall())
        hexed = KEY["Idempotency-Key"].encode().hex()
        assert hexed not in told
        assert b'"count"'.hex() not in told

    def test_answers_are_forgotten_after_thirty_days(self, terminal):
        terminal.post(PATH, BODY, headers=KEY)
        made = IdempotencyRecord.objects.get().created_at

        assert idempotency.forget_older(at=made + timedelta(hours=719), limit=10) == 0
        assert idempotency.forget_older(at=made + timedelta(days=30), limit=10) == 1


def at_once(*acts):
    """Run ``acts`` in threads that start together; return their results in order."""
    barrier = threading.Barrier(len(acts))

    def run(act):
        barrier.wait()
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.django_db(transaction=True)
class TestRepetitionsAtOnce:
    CALLERS = 8

    def _race(self, headers):
        device = enrolled(kind="TERMINAL")
        body = BODY | {"pause_s": "0.3"}
        acts = [
            lambda: of_device(device).post(PATH, body, headers=headers) for _ in range(self.CALLERS)
        ]
        return at_once(*acts)

    def test_have_one_effect(self):
        answers = self._race(KEY)

        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] + [409] * (self.CALLERS - 1)
        waiting = next(answer for answer in answers if answer.status_code == 409)
        assert (code_of(waiting), waiting["Retry-After"]) == ("idempotency_in_progress", "1")
        assert Alert.objects.count() == 1

    def test_without_the_lock_have_many(self, monkeypatch):
        monkeypatch.setattr(idempotency, "_TAKE", "SELECT %s::bigint IS NOT NULL")

        answers = self._race(KEY)

        # The unique key still lets one effect commit; the others ran, and ended as faults.
        assert sorted(answer.status_code for answer in answers) == [201] + [500] * 7

    def test_without_lock_and_key_have_as_many_effects(self):
        self._race({})

        assert Alert.objects.count() == self.CALLERS


@pytest.mark.django_db(transaction=True)
def test_a_key_is_free_again_once_its_holder_died(noon):
    told = {"caller": "device:X", "key": "k" * 16, "fingerprint": bytes(32), "at": noon}

    def dies():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        idempotency.once(**told, act=dies)

    assert idempotency.once(**told, act=lambda: Answer(status=200, body=b"1")).body == b"1"


@pytest.mark.django_db(transaction=True)
def test_a_second_caller_never_waits_for_the_first(noon):
    told = {"caller": "device:X", "key": "k" * 16, "fingerprint": bytes(32), "at": timezone.now()}
    first_runs, second_done = threading.Event(), threading.Event()

    def slow():
        first_runs.set()
        second_done.wait(10)
        return Answer(status=200, body=b"first")

    def second():
        first_runs.wait(10)
        try:
            with pytest.raises(IdempotencyInProgress):
                idempotency.once(**told, act=slow)
        finally:
            second_done.set()

    answers = at_once(lambda: idempotency.once(**told, act=slow), second)
    assert answers[0].body == b"first"

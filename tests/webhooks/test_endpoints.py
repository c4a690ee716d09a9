"""Endpoints set up by services and commands: limits, secrets, replays, the trail."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError
from django.utils import timezone

from config import events, partitions
from config.audit import SYSTEM
from config.models import Audit
from config.refusals import NotFound
from config.states import InvalidTransition
from merchants.models import WebhookDelivery, WebhookEndpoint, WebhookSecret
from merchants.rules.targets import TargetRefused
from merchants.selectors import webhooks
from merchants.services.webhooks import endpoints, replays, spool
from merchants.wire import webhooks as wire
from tests.factories.merchants import MerchantFactory
from tests.webhooks.conftest import happen, states

pytestmark = pytest.mark.django_db

URL = "https://shop.example/hook"


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def endpoint(merchant, now):
    return add(merchant, now).endpoint


def add(merchant, now, url=URL, **told):
    return endpoints.add(merchant=merchant, url=url, actor=SYSTEM, at=now, **told)


def live(endpoint, at):
    rows = endpoints.live_secrets(endpoints=[endpoint.pk], at=at)
    return [endpoints.opened(secret=row) for row in rows]


def run(capsys, *words):
    """Run a command and return its JSON, whether it was refused or not."""
    with suppress(SystemExit):
        call_command(*words, "--json")
    return json.loads(capsys.readouterr().out)


class TestSettingUp:
    @pytest.mark.parametrize("url", ["http://shop.example/", "https://127.0.0.1/"])
    def test_a_forbidden_target_is_refused_when_saved(self, merchant, endpoint, now, url):
        with pytest.raises(TargetRefused):
            add(merchant, now, url)
        with pytest.raises(TargetRefused):
            endpoints.edit(
                endpoint=endpoint, url=url, description="", event_types=[], actor=SYSTEM, at=now
            )

    def test_the_database_takes_https_alone(self, endpoint):
        with pytest.raises(IntegrityError), transaction.atomic():
            WebhookEndpoint.objects.update(url="http://shop.example/")

    def test_an_unknown_event_is_refused(self, merchant, now):
        with pytest.raises(endpoints.EventTypeUnknown):
            add(merchant, now, event_types=["payment.approved", "payment.invented"])

    def test_ten_are_the_most_and_removed_ones_do_not_count(self, merchant, now):
        made = [add(merchant, now).endpoint for _ in range(endpoints.ENDPOINTS_MAX)]
        with pytest.raises(endpoints.TooManyWebhooks):
            add(merchant, now)

        endpoints.remove(endpoint=made[0], actor=SYSTEM, at=now)

        assert add(merchant, now)

    def test_each_act_stands_in_the_trail_without_the_secret(self, merchant, now):
        made = add(merchant, now)
        asked = {"endpoint": made.endpoint, "actor": SYSTEM, "at": now}
        endpoints.edit(**asked, url=f"{URL}/2", description="x", event_types=[])
        endpoints.rotate(**asked, overlap_h=1)
        endpoints.pause(**asked)
        endpoints.resume(**asked)
        endpoints.remove(**asked)

        rows = Audit.objects.filter(subject=made.endpoint.reference).order_by("id")
        acts = ["add", "edit", "rotate", "pause", "resume", "remove"]
        assert [row.action for row in rows] == [f"webhook.{act}" for act in acts]
        assert made.secret[10:] not in str([(row.before, row.after) for row in rows])

    def test_a_removed_one_is_neither_found_nor_changed(self, endpoint, now):
        waiting = replays.send_test(endpoint=endpoint, actor=SYSTEM, at=now)
        endpoints.remove(endpoint=endpoint, actor=SYSTEM, at=now)

        assert states() == {"DROPPED": 1}
        endpoint.refresh_from_db()
        with pytest.raises(NotFound):
            webhooks.webhook_named(reference=endpoint.reference)
        with pytest.raises(endpoints.WebhookRemoved):
            endpoints.rotate(endpoint=endpoint, overlap_h=0, actor=SYSTEM, at=now)
        with pytest.raises(replays.NotReplayable):
            replays.replay(endpoint=endpoint, webhook_id=waiting.webhook_id, actor=SYSTEM, at=now)

    def test_only_a_paused_one_is_resumed(self, endpoint, now):
        with pytest.raises(InvalidTransition):
            endpoints.resume(endpoint=endpoint, actor=SYSTEM, at=now)


class TestSecrets:
    def test_are_sealed_for_their_place(self, merchant, endpoint, now):
        other = add(merchant, now).endpoint
        sealed = {row.endpoint_id: bytes(row.sealed) for row in WebhookSecret.objects.all()}
        assert b"whsec_" not in b"".join(sealed.values())

        WebhookSecret.objects.filter(endpoint=other).update(sealed=sealed[endpoint.pk])

        with pytest.raises(InvalidTag):
            live(other, now)

    def test_a_new_one_signs_beside_the_old_until_that_ends(self, endpoint, now):
        (old,) = live(endpoint, now)
        new = endpoints.rotate(endpoint=endpoint, overlap_h=24, actor=SYSTEM, at=now).secret

        headers = wire.headers(
            secrets=live(endpoint, now), webhook_id="evt", timestamp=0, body=b"{}"
        )

        for secret in (old, new):
            assert wire.verify(secrets=[secret], headers=headers, body=b"{}", now=0) == "evt"
        assert live(endpoint, now + timedelta(hours=24)) == [new]

    def test_one_that_leaked_ends_at_once(self, endpoint, now):
        new = endpoints.rotate(endpoint=endpoint, overlap_h=0, actor=SYSTEM, at=now).secret

        assert live(endpoint, now) == [new]

    def test_no_more_than_three_sign(self, endpoint, now):
        for _again in range(2):
            endpoints.rotate(endpoint=endpoint, overlap_h=24, actor=SYSTEM, at=now)
        with pytest.raises(endpoints.TooManySecrets):
            endpoints.rotate(endpoint=endpoint, overlap_h=24, actor=SYSTEM, at=now)

        endpoints.rotate(endpoint=endpoint, overlap_h=0, actor=SYSTEM, at=now)

        assert len(live(endpoint, now)) == 1


class TestSpool:
    def test_writes_each_event_once_in_its_own_month(self, merchant, endpoint, now):
        happen(merchant, 3)
        while spool.write_due(at=now):
            pass

        rows = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("seq")
        seqs = events.after(scope=merchant.reference, seq=0, limit=9)
        assert [(row.seq, row.at) for row in rows] == [(event.seq, event.at) for event in seqs]

    def test_a_cursor_set_back_writes_nothing_twice(self, merchant, endpoint, now):
        happen(merchant, 3)
        spool.write_due(at=now)
        WebhookEndpoint.objects.update(cursor=0)

        spool.write_due(at=now)

        assert WebhookDelivery.objects.count() == 3

    def test_retired_events_do_not_hold_it_up(self, merchant, endpoint, now):
        happen(merchant, 3)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("DELETE FROM config_event")
            cursor.execute("SET LOCAL session_replication_role = origin")

        spool.write_due(at=now)

        endpoint.refresh_from_db()
        assert endpoint.cursor == 3


class TestReplay:
    def test_of_all_given_up_since_a_time(self, merchant, endpoint, now):
        happen(merchant, 4)
        spool.write_due(at=now)
        WebhookDelivery.objects.filter(seq__lte=3).update(state="FAILED")

        count = replays.replay_failed(
            endpoint=endpoint, since=now - timedelta(hours=1), actor=SYSTEM, at=now
        )

        assert count == 3
        assert states() == {"PENDING": 4}

    def test_of_what_was_never_sent_is_not_found(self, endpoint, now):
        with pytest.raises(NotFound):
            replays.replay(endpoint=endpoint, webhook_id="evt_x_1", actor=SYSTEM, at=now)


class TestTheDatabase:
    def test_refuses_other_facts_of_a_delivery(self, merchant, endpoint, now):
        happen(merchant)
        spool.write_due(at=now)
        for changed in ({"body": "{}"}, {"seq": 9}, {"webhook_id": "evt_other"}):
            with pytest.raises(DatabaseError), transaction.atomic():
                WebhookDelivery.objects.update(**changed)

    def test_a_month_with_what_waits_stays(self, merchant, endpoint, now):
        month = partitions.Month.of(now)
        asked = {"first": month.first, "until": month.until, "at": now}
        assert webhooks.pending_in(**asked) == ""
        replays.send_test(endpoint=endpoint, actor=SYSTEM, at=now)

        assert webhooks.pending_in(**asked)

    def test_both_tables_are_split_by_month(self):
        month = partitions.Month.of(timezone.now())
        for table in ("merchants_webhookdelivery", "merchants_webhookattempt"):
            assert month in partitions.months_of(table=table)


class TestCommands:
    def test_webhook_add_tells_the_secret_once(self, merchant, capsys):
        told = run(capsys, "webhook_add", "--merchant", merchant.reference, "--url", URL)

        assert told["secret"].startswith("whsec_")
        assert (told["events"], told["state"]) == (["*"], "ENABLED")
        assert Audit.objects.get(action="webhook.add").actor_kind == "COMMAND"

    def test_webhook_add_refuses_by_code(self, merchant, capsys):
        words = ("webhook_add", "--merchant", merchant.reference)
        refused = run(capsys, *words, "--url", "https://10.0.0.1/")
        unknown = run(capsys, "webhook_add", "--merchant", "MER-NONE", "--url", URL)

        assert refused["error"]["code"] == "webhook_target_refused"
        assert unknown["error"]["code"] == "not_found"

    def test_webhook_replay_takes_one_or_all_given_up(self, merchant, endpoint, now, capsys):
        happen(merchant)
        spool.write_due(at=now)
        WebhookDelivery.objects.update(state="FAILED")
        words = ("webhook_replay", "--webhook", endpoint.reference)

        many = run(capsys, *words, "--failed-since", "2020-01-01T00:00:00Z")
        one = run(capsys, *words, "--id", f"evt_{merchant.reference}_1")
        none = run(capsys, *words, "--id", "evt_other")

        assert (many["replayed_count"], len(one["replayed"])) == (1, 1)
        assert none["error"]["code"] == "not_found"


def test_another_merchants_events_write_nothing(endpoint, now):
    happen(MerchantFactory())

    assert spool.write_due(at=now) == 0

"""Events on their way to real receivers: once each, however many fail, whoever is slow."""

import json
import random

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Alert
from merchants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from merchants.rules import ladder
from merchants.services.webhooks import endpoints, replays, spool
from settlement.selectors import payments
from tests.factories.merchants import MerchantFactory
from tests.webhooks.conftest import deliver, errors, happen, hook, settled, states

pytestmark = pytest.mark.django_db(transaction=True)


class TestOneMessage:
    def test_arrives_signed_with_the_event_as_the_api_tells_it(self, merchant, serve):
        server = serve()
        hook(merchant, server)
        happen(merchant)

        deliver(until=settled)

        (message,) = server.receiver.messages
        told = payments.live_rows(merchant=merchant.reference, after=0, limit=1)
        assert json.loads(message.body) == payments.event_as_told(told[0])
        assert (message.refused, message.webhook_id) == ("", f"evt_{merchant.reference}_1")
        assert errors() == [(204, "")]

    def test_of_a_type_not_asked_for_is_not_sent(self, merchant, serve):
        server = serve()
        hook(merchant, server, event_types=["refund.created"])
        happen(merchant)
        happen(merchant, kind="refund.created")

        deliver(until=settled)

        assert [json.loads(m.body)["type"] for m in server.receiver.messages] == ["refund.created"]

    def test_from_before_the_endpoint_is_not_sent(self, merchant, serve):
        happen(merchant, 3)
        server = serve()
        hook(merchant, server)
        happen(merchant)

        deliver(until=settled)

        assert [json.loads(m.body)["seq"] for m in server.receiver.messages] == [4]

    def test_goes_to_nobody_elses_endpoint(self, merchant, serve):
        ours, theirs = serve(), serve()
        hook(merchant, ours)
        hook(MerchantFactory(), theirs)
        happen(merchant)

        deliver(until=settled)

        assert (len(ours.receiver.messages), len(theirs.receiver.messages)) == (1, 0)

    def test_goes_to_each_endpoint_under_the_same_id(self, merchant, serve):
        servers = [serve(), serve()]
        for server in servers:
            hook(merchant, server)
        happen(merchant)

        deliver(until=settled)

        assert len({server.receiver.messages[0].webhook_id for server in servers}) == 1

    def test_of_a_suspended_merchant_waits(self, merchant, serve):
        server = serve()
        hook(merchant, server)
        merchant.transition("SUSPENDED")
        happen(merchant)
        assert spool.write_due(at=timezone.now()) == 0

        merchant.transition("ACTIVE")
        deliver(until=settled)

        assert len(server.receiver.effects) == 1


class TestFailure:
    def test_is_tried_again_until_it_is_delivered(self, merchant, serve):
        answers = iter([500, 503, 302, 204])
        server = serve(lambda _path, _id: next(answers))
        hook(merchant, server)
        happen(merchant)

        deliver(until=settled)

        assert errors() == [(500, "status"), (503, "status"), (302, "redirect"), (204, "")]
        assert WebhookDelivery.objects.get().attempts == 4
        assert WebhookEndpoint.objects.get().failing_since is None

    def test_is_given_up_after_the_ladder_and_pauses_the_endpoint(self, merchant, serve):
        server = serve(lambda _path, _id: 500)
        endpoint = hook(merchant, server)
        happen(merchant)

        deliver(until=lambda: states() == {"FAILED": 1})

        endpoint.refresh_from_db()
        assert WebhookAttempt.objects.count() == ladder.TRIES_MAX
        assert (endpoint.state, endpoint.paused_because) == ("PAUSED", "FAILING")
        assert Alert.objects.get(kind="webhook_paused").tenant == merchant.reference

    def test_gone_pauses_at_once_and_resuming_loses_nothing(self, merchant, serve):
        answers = iter([410])
        server = serve(lambda _path, _id: next(answers, 204))
        endpoint = hook(merchant, server)
        happen(merchant)
        deliver(until=lambda: WebhookEndpoint.objects.filter(state="PAUSED").exists())
        happen(merchant, 2)

        endpoints.resume(endpoint=endpoint, actor=SYSTEM, at=timezone.now())
        deliver(until=settled)

        assert sorted(told["seq"] for told in server.receiver.effects.values()) == [1, 2, 3]
        assert not Alert.objects.filter(cleared_at=None).exists()

    def test_long_answers_are_cut_and_bytes_kept_as_they_came(self, merchant, serve):
        server = serve()
        hook(merchant, server, path="/nowhere")
        server.secrets.clear()
        happen(merchant)

        deliver(until=WebhookAttempt.objects.exists)

        attempt = WebhookAttempt.objects.get()
        assert (attempt.status, bytes(attempt.answer)) == (401, b"no signature fits")


class TestManyEvents:
    def test_500_with_30_percent_failing_each_arrive_and_act_once(self, merchant, serve):
        rng = random.Random(30)
        server = serve(lambda _path, _id: rng.choice([500] * 3 + [204] * 7))
        hook(merchant, server)
        happen(merchant, 500)

        deliver(until=settled, within_s=60)

        ids = {f"evt_{merchant.reference}_{seq}" for seq in range(1, 501)}
        assert set(server.receiver.effects) == ids
        assert states() == {"DELIVERED": 500}
        assert WebhookAttempt.objects.filter(error="status").count() > 100

    def test_lost_answers_bring_the_message_again_and_it_acts_once(self, merchant, serve):
        server = serve()
        hook(merchant, server)
        happen(merchant)
        deliver(until=settled)
        endpoint = WebhookEndpoint.objects.get()

        for _again in range(3):
            replays.replay(
                endpoint=endpoint,
                webhook_id=f"evt_{merchant.reference}_1",
                actor=SYSTEM,
                at=timezone.now(),
            )
            deliver(until=settled)

        assert [m.first for m in server.receiver.messages] == [True, False, False, False]
        assert len({m.webhook_id for m in server.receiver.messages}) == 1

    def test_a_slow_receiver_delays_no_other_merchant(self, merchant, serve):
        slow, quick = serve(), serve()
        hook(MerchantFactory(), slow, path="/hook?wait=9")
        other = WebhookEndpoint.objects.get().merchant
        hook(merchant, quick)
        happen(other, 100)
        happen(merchant, 20)

        deliver(until=lambda: len(quick.receiver.effects) == 20, within_s=5)

        assert len(slow.receiver.messages) <= 4

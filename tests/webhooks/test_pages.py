"""Pages and API of webhooks: who may, what a secret costs to see, and what is shown."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Audit, SignInSession
from config.roles import Role
from merchants.models import WebhookDelivery, WebhookEndpoint
from merchants.services import api_keys
from merchants.services.webhooks import endpoints, leases, replays
from merchants.services.webhooks.leases import Outcome
from tests.factories.config import code_at, member, signed_in
from tests.factories.merchants import MerchantFactory

pytestmark = pytest.mark.django_db

URL = "https://shop.example/hook"
ONCE = {"Idempotency-Key": "one-two-three-four"}
ACTS = ("pause", "resume", "rotate", "remove")


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def endpoint(merchant, now):
    return endpoints.add(merchant=merchant, url=URL, actor=SYSTEM, at=now).endpoint


@pytest.fixture
def owner(merchant):
    return signed_in(member(Role.MERCHANT_OWNER, tenant=merchant.reference))


@pytest.fixture
def tested(endpoint, now):
    """A test message that was tried once, in vain."""
    sent = replays.send_test(endpoint=endpoint, actor=SYSTEM, at=now)
    (parcel,) = leases.claim(limit=1, busy={}, at=now)
    told = {"status": 500, "error": "status", "answer": b"<script>no\xff</script>"}
    failed = Outcome(parcel=parcel, began_at=now, duration_ms=12, **told)
    leases.settle(outcomes=[failed], at=now, draws=[0.0])
    return sent


def address(name, endpoint, *more):
    return reverse(name, args=[endpoint.merchant.reference, endpoint.reference, *more])


def addresses(endpoint, message="evt_x"):
    """Return every address of the pages of one webhook."""
    pages = [address(name, endpoint) for name in ("webhook", "webhook-edit")]
    pages += [address(name, endpoint) for name in ("webhook-test", "webhook-replay-failed")]
    pages += [address("webhook-act", endpoint, act) for act in ACTS]
    names = ("webhook-delivery", "webhook-replay")
    return pages + [address(name, endpoint, message) for name in names]


def grow_old():
    """Let the second factor of everybody have been shown long ago."""
    SignInSession.objects.update(verified_at=timezone.now() - timedelta(minutes=5, seconds=1))


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.MERCHANT_OWNER, Role.MERCHANT_MANAGER])
    def test_owner_and_manager_add_one_and_see_its_secret_once(self, merchant, role):
        person = signed_in(member(role, tenant=merchant.reference))
        told = {"url": URL, "description": "ERP", "event_types": ["payment.approved"]}

        made = person.post(reverse("webhook-add", args=[merchant.reference]), told)

        endpoint = WebhookEndpoint.objects.get()
        assert "whsec_" in made.text
        assert "no-store" in made["Cache-Control"]
        assert endpoint.event_types == ["payment.approved"]
        for page in (address("webhook", endpoint), address("webhook-edit", endpoint)):
            assert "whsec_" not in person.get(page).text

    @pytest.mark.parametrize("role", [Role.MERCHANT_CASHIER, Role.ISSUER_RISK, Role.SPONSOR])
    def test_others_may_not(self, merchant, endpoint, role):
        tenant = merchant.reference if role == Role.MERCHANT_CASHIER else "ISS-X"
        other = signed_in(member(role, tenant=tenant))

        answers = [ask(page) for page in addresses(endpoint) for ask in (other.get, other.post)]

        assert {answer.status_code for answer in answers} <= {403, 405}
        assert WebhookEndpoint.objects.get().state == "ENABLED"

    def test_another_shop_is_not_there(self, endpoint):
        other = MerchantFactory()
        stranger = signed_in(member(Role.MERCHANT_OWNER, tenant=other.reference))

        ours = addresses(endpoint)
        through = [a.replace(endpoint.merchant.reference, other.reference) for a in ours]
        answers = [ask(a) for a in ours + through for ask in (stranger.get, stranger.post)]

        assert {answer.status_code for answer in answers} <= {404, 405}
        assert WebhookEndpoint.objects.get().state == "ENABLED"


class TestTheSecondFactor:
    DANGEROUS = ("webhook-add", "webhook-edit", *ACTS)

    def page(self, name, endpoint):
        if name == "webhook-add":
            return reverse(name, args=[endpoint.merchant.reference])
        if name in ACTS:
            return address("webhook-act", endpoint, name)
        return address(name, endpoint)

    @pytest.mark.parametrize("name", DANGEROUS)
    def test_shown_six_minutes_ago_is_asked_for_again(self, owner, endpoint, name):
        grow_old()
        page = self.page(name, endpoint)

        answers = [owner.get(page), owner.post(page, {"url": "https://thief.example/"})]

        for answer in answers:
            assert answer.url.startswith(reverse("second-factor-again"))
        endpoint.refresh_from_db()
        assert (endpoint.state, endpoint.url) == ("ENABLED", URL)
        assert WebhookEndpoint.objects.count() == endpoint.secrets.count() == 1

    def test_a_code_opens_the_act_for_five_minutes(self, owner, endpoint):
        grow_old()
        page = address("webhook-act", endpoint, "pause")
        asked = owner.get(page).url

        answer = owner.post(asked, {"proof": code_at(timezone.now())})

        assert answer.url == page
        assert owner.post(page).status_code == 302
        assert WebhookEndpoint.objects.get().state == "PAUSED"

    def test_a_wrong_code_opens_nothing(self, owner, endpoint):
        grow_old()
        page = address("webhook-act", endpoint, "pause")

        assert owner.post(owner.get(page).url, {"proof": "000000"}).status_code == 422
        assert owner.post(page).url.startswith(reverse("second-factor-again"))
        assert WebhookEndpoint.objects.get().state == "ENABLED"

    def test_asked_again_it_never_leads_elsewhere(self, owner):
        asked = reverse("second-factor-again") + "?next=https://thief.example/"

        assert owner.get(asked).url == reverse("home")

    def test_seeing_testing_and_replaying_need_no_code(self, owner, endpoint):
        grow_old()

        assert owner.get(address("webhook", endpoint)).status_code == 200
        assert owner.post(address("webhook-test", endpoint)).status_code == 302
        assert WebhookDelivery.objects.count() == 1


class TestActs:
    def test_edited_paused_resumed_rotated_removed(self, owner, endpoint):
        told = {"url": f"{URL}/2", "description": "new"}
        owner.post(address("webhook-edit", endpoint), told)
        owner.post(address("webhook-act", endpoint, "pause"))
        assert "Nothing is sent" in owner.get(address("webhook", endpoint)).text
        owner.post(address("webhook-act", endpoint, "resume"))
        rotated = owner.post(address("webhook-act", endpoint, "rotate"), {"overlap_h": "1"})
        owner.post(address("webhook-act", endpoint, "remove"))

        endpoint.refresh_from_db()
        assert (endpoint.url, endpoint.state) == (f"{URL}/2", "REMOVED")
        assert "whsec_" in rotated.text
        by = Audit.objects.filter(action__startswith="webhook.", actor_kind="USER")
        assert by.count() == 5

    def test_a_forbidden_target_is_told_above_the_form(self, owner, merchant):
        page = owner.post(
            reverse("webhook-add", args=[merchant.reference]), {"url": "https://10.0.0.1/"}
        )

        assert page.status_code == 422
        assert "There is a problem" in page.text

    def test_an_act_that_is_none_is_not_found(self, owner, endpoint):
        assert owner.post(address("webhook-act", endpoint, "add")).status_code == 404

    def test_a_message_shows_its_attempts_and_escapes_answers(self, owner, endpoint, tested):
        page = owner.get(address("webhook-delivery", endpoint, tested.webhook_id)).text

        assert "answered with an error" in page
        assert "&lt;script&gt;no" in page
        assert "<script>no" not in page

    def test_a_message_is_replayed_and_so_is_all_given_up(self, owner, endpoint, tested):
        WebhookDelivery.objects.update(state="FAILED")
        owner.post(address("webhook-replay", endpoint, tested.webhook_id))
        assert WebhookDelivery.objects.get().state == "PENDING"

        WebhookDelivery.objects.update(state="FAILED")
        owner.post(address("webhook-replay-failed", endpoint), {"hours": "1"})

        assert WebhookDelivery.objects.get().state == "PENDING"
        assert Audit.objects.filter(action="webhook.replay").count() == 2

    def test_one_that_was_paused_by_itself_is_on_the_first_page(self, owner, endpoint, now):
        because = WebhookEndpoint.PausedBecause.FAILING
        endpoints.pause(endpoint=endpoint, because=because, actor=SYSTEM, at=now)

        assert "Webhooks paused" in owner.get(reverse("home")).text

    def test_lists_take_a_fixed_number_of_queries(
        self, owner, merchant, endpoint, now, django_assert_max_num_queries
    ):
        for place in range(3):
            endpoints.add(merchant=merchant, url=f"{URL}/{place}", actor=SYSTEM, at=now)
            replays.send_test(endpoint=endpoint, actor=SYSTEM, at=now)

        with django_assert_max_num_queries(12):
            owner.get(reverse("webhook-list", args=[merchant.reference]))
        with django_assert_max_num_queries(16):
            owner.get(address("webhook", endpoint))


class TestApi:
    @pytest.fixture
    def server(self, merchant, now, client):
        token = api_keys.make(merchant=merchant, name="erp", actor=SYSTEM, at=now)
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def test_lists_webhooks_and_messages_without_a_secret(self, server, endpoint, tested):
        hooks = server.get("/api/v1/merchant/webhooks")
        base = f"/api/v1/merchant/webhooks/{endpoint.reference}/messages"
        messages = server.get(base)

        assert hooks.json()["webhooks"][0]["url"] == URL
        assert "whsec_" not in hooks.text
        assert messages.json()["messages"][0]["webhook_id"] == tested.webhook_id
        assert server.get(base, {"state": "DELIVERED"}).json() == {"messages": []}

    def test_replays(self, server, endpoint, tested):
        base = f"/api/v1/merchant/webhooks/{endpoint.reference}/messages"

        answer = server.post(
            f"{base}/{tested.webhook_id}/replay",
            content_type="application/json",
            data={},
            headers=ONCE,
        )

        assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")
        assert Audit.objects.get(action="webhook.replay").actor_kind == "KEY"

    def test_another_merchants_are_not_found(self, server, now):
        theirs = endpoints.add(merchant=MerchantFactory(), url=URL, actor=SYSTEM, at=now).endpoint
        sent = replays.send_test(endpoint=theirs, actor=SYSTEM, at=now)
        base = f"/api/v1/merchant/webhooks/{theirs.reference}/messages"

        assert server.get("/api/v1/merchant/webhooks").json() == {"webhooks": []}
        assert server.get(base).status_code == 404
        again = server.post(
            f"{base}/{sent.webhook_id}/replay", content_type="application/json", headers=ONCE
        )
        assert again.status_code == 404

    def test_a_key_sets_nothing_up(self, server, endpoint):
        answer = server.post(
            "/api/v1/merchant/webhooks", {"url": URL}, content_type="application/json"
        )

        assert answer.status_code == 405

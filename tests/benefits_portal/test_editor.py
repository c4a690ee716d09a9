"""A campaign from the first word typed to its end: drafted, tried, published, paused, ended."""

import pytest
from django.utils import timezone

from benefits.models import Definition
from benefits.portal import choices
from benefits.services import catalogue
from config.audit import SYSTEM
from config.models import Audit
from config.roles import Role
from merchants.models import Store
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db

TYPED = {
    "name": "Autumn bread",
    "kind": "COUPON_PERCENT",
    "percent": "10",
    "cap": "5,000",
    "min_purchase": "10000",
    "uses_each": "1",
    "grace_days": "7",
    "priority": "0",
    "budget": "2,000,000",
    "ends": "2099-12-31",
}


@pytest.fixture
def draft(manager, at):
    """Return a function that drafts what is typed, and gives the definition."""

    def write(**changes):
        answer = manager.post(at("campaign-add"), TYPED | changes)
        assert answer.status_code == 302, answer.context["form"].errors
        return Definition.objects.get(state=Definition.State.DRAFT)

    return write


def act(browser, at, campaign, name, **data):
    url = at("campaign-act", campaign.reference, name)
    answer = browser.post(url, data, follow=True)
    campaign.refresh_from_db()
    return [str(message) for message in answer.context["messages"]]


def tried(browser, at, campaign, **basket):
    asked = {"amount": "34,000", "store": campaign_store(campaign)} | basket
    return browser.get(at("campaign-basket", campaign.reference), asked)


def campaign_store(campaign):
    return Store.objects.get(merchant__reference__in=campaign.merchants).reference


def test_what_was_typed_is_drafted(draft, scene):
    made_of = draft()
    assert (made_of.percent_bps, made_of.cap_minor, made_of.budget_minor) == (
        1_000,
        5_000,
        2_000_000,
    )
    assert made_of.merchants == [scene.owner]
    assert made_of.ends_at.isoformat() == "2099-12-31T15:00:00+00:00"  # midnight after it in Seoul
    assert [share.sponsor for share in made_of.shares.all()] == [scene.sponsor]
    assert Audit.objects.get(subject=made_of.reference).tenant == scene.owner


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"percent": "0"}, "percent"),
        ({"percent": "100.01"}, "percent"),
        ({"percent": ""}, "percent"),
        ({"cap": "1.5"}, "cap"),
        ({"budget": "-1"}, "budget"),
        ({"amount": "500"}, "amount"),
        ({"kind": "COUPON_FIXED", "percent": ""}, "amount"),
        ({"kind": "POINTS"}, "percent"),
        ({"begins": "2100-01-01"}, "ends"),
        ({"step": "10"}, "step"),
        ({"name": ""}, "name"),
        ({"stores": "STO-ELSEWHERE"}, "stores"),
    ],
)
def test_a_fault_stands_beside_its_field(changes, field, manager, at):
    answer = manager.post(at("campaign-add"), TYPED | changes)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert not Definition.objects.filter(state="DRAFT").exists()


def test_a_draft_is_written_anew(draft, manager, at):
    campaign = draft()
    shown = manager.get(at("campaign-edit", campaign.reference)).context["form"].initial
    assert (shown["percent"], shown["cap"], str(shown["ends"])) == ("10", "5,000", "2099-12-31")
    manager.post(at("campaign-edit", campaign.reference), TYPED | {"percent": "12.5", "cap": ""})
    campaign.refresh_from_db()
    assert (campaign.percent_bps, campaign.cap_minor) == (1_250, None)


def test_rules_read_back_as_sentences_while_one_types(manager, at):
    answer = manager.post(at("campaign-reads"), TYPED).content.decode()
    assert "Take 10 % off everything, but never more than 5,000 KRW." in answer
    assert "When at least 10,000 KRW of the purchase is left as its turn comes." in answer
    assert not Definition.objects.filter(state="DRAFT").exists()


def test_the_basket_shows_what_the_customer_pays_and_saves_nothing(draft, manager, at):
    answer = tried(manager, at, draft(), others="")
    assert (answer.context["pays"], answer.context["skips"]) == (30_600, [])
    low = tried(manager, at, Definition.objects.get(state="DRAFT"), amount="9,999", others="")
    assert low.context["skips"][0].why == "less than 10,000 KRW is left"


def test_the_basket_takes_the_better_of_two_that_clash_and_says_so(draft, manager, at):
    answer = tried(manager, at, draft(stack_group="welcome"), others="on")
    (line,), (skip,) = answer.context["lines"], answer.context["skips"]
    assert (line.name, line.takes) == ("Autumn bread", "\N{MINUS SIGN}3,400")
    assert skip.why == "it does not go together with “Autumn bread”"


def test_a_clash_is_named(draft, manager, at):
    made.definition(name="Far away", stack_group="welcome", merchants=("MER-ELSEWHERE",))
    campaign = draft(stack_group="welcome", excluded_kinds="GRADE")
    made.definition("GRADE", name="Gold", percent_bps=500)
    found = manager.get(at("campaign", campaign.reference)).context["clashes"]
    assert [(clash.other.name, clash.group) for clash in found] == [
        ("Gold", ""),
        ("Welcome", "welcome"),
    ]


def test_nobody_elses_draft_is_named(scene, desk, bank, manager, at):
    elsewhere = desk(Role.ISSUER_OPERATIONS, bank.reference)
    typed = TYPED | {"name": "Secret", "currency": "KRW", "stack_group": "welcome"}
    elsewhere.post(at("campaign-add", owner=bank.reference), typed)
    secret = Definition.objects.get(name="Secret")
    url = at("campaign", scene.coupon.reference)
    assert manager.get(url).context["clashes"] == []

    catalogue.publish(definition=secret, actor=SYSTEM, at=timezone.now())
    assert [clash.other for clash in manager.get(url).context["clashes"]] == [secret]


def test_publishing_needs_a_look_at_these_very_terms(draft, manager, at):
    campaign = draft()
    assert "Try it on a basket" in act(manager, at, campaign, "publish")[0]
    seen = tried(manager, at, campaign).context["previewed"]
    manager.post(at("campaign-edit", campaign.reference), TYPED | {"percent": "90"})
    assert "Try it on a basket" in act(manager, at, campaign, "publish", previewed=seen)[-1]
    assert campaign.state == "DRAFT"


def test_out_paused_resumed_and_ended(draft, manager, at):
    campaign = draft()
    seen = tried(manager, at, campaign).context["previewed"]
    states = []
    for name in ("publish", "pause", "resume", "end"):
        act(manager, at, campaign, name, previewed=seen)
        states.append(campaign.state)
    assert states == ["PUBLISHED", "PAUSED", "PUBLISHED", "ENDED"]
    assert act(manager, at, campaign, "resume") == ["The state does not allow this"]


def test_a_draft_is_not_resumed_past_its_preview(draft, manager, at):
    campaign = draft()
    act(manager, at, campaign, "resume")
    assert campaign.state == "DRAFT"


def test_what_is_out_is_not_written_anew(scene, manager, at):
    url = at("campaign-edit", scene.coupon.reference)
    assert (manager.get(url).status_code, manager.post(url, TYPED).status_code) == (409, 409)


def test_only_the_platform_lets_another_sponsor_pay(draft, scene, desk, at):
    shared = {"partner": scene.brand.reference, "partner_share": "40"}
    campaign = draft(**shared)
    assert campaign.shares.count() == 1
    platform = desk(Role.PLATFORM_ADMIN)
    platform.post(at("campaign-edit", campaign.reference), TYPED | shared)
    assert [share.bps for share in campaign.shares.order_by("-bps")] == [6_000, 4_000]
    half = platform.post(
        at("campaign-edit", campaign.reference), TYPED | shared | {"partner_share": "50"}
    )
    assert list(half.context["form"].errors) == ["partner_share"]


def test_an_issuers_discount_is_for_its_own_cards(desk, bank, at):
    browser = desk(Role.ISSUER_OPERATIONS, bank.reference)
    typed = TYPED | {"kind": "CARD_DISCOUNT", "currency": "USD", "cap": "2.50", "budget": "1,000"}
    browser.post(at("campaign-add", owner=bank.reference), typed | {"min_purchase": ""})
    campaign = Definition.objects.get(state="DRAFT")
    assert (campaign.issuers, campaign.merchants) == ([bank.reference], [])
    assert (campaign.cap_minor, campaign.budget_minor) == (250, 100_000)


class TestMoreNamesThanAreShown:
    @pytest.fixture
    def platform(self, desk, monkeypatch):
        monkeypatch.setattr(choices, "SHOWN_MAX", 3)
        for name in "ABCDE":
            made.definition(name=f"Shop {name}'s", shares=[(made.sponsor(f"Brand {name}"), 10_000)])
        return desk(Role.PLATFORM_ADMIN)

    def partners(self, answer):
        field = answer.context["form"].fields["partner"]
        return [name for _reference, name in field.choices]

    def test_the_first_are_shown_and_a_search_beside_them(self, platform, at):
        answer = platform.get(at("campaign-add"))
        assert self.partners(answer) == ["nobody", "Brand A", "Brand B", "Brand C"]
        assert 'name="find_partner"' in answer.content.decode()

    def test_a_search_finds_the_others_and_keeps_what_was_typed(self, platform, at):
        typed = TYPED | {"look": "partner", "find_partner": "brand e"}
        answer = platform.post(at("campaign-add"), typed)
        assert self.partners(answer) == ["nobody", "Brand E"]
        assert answer.context["form"]["name"].value() == "Autumn bread"
        assert (answer.status_code, answer.context["form"].errors) == (200, {})
        assert not Definition.objects.filter(state="DRAFT").exists()

    def test_what_was_chosen_stays_and_is_saved_whatever_its_place(self, platform, at):
        last = made.sponsor("Brand E").reference
        shared = {"partner": last, "partner_share": "40"}
        looked = platform.post(at("campaign-add"), TYPED | shared | {"look": "partner"})
        assert self.partners(looked)[1] == "Brand E"
        platform.post(at("campaign-add"), TYPED | shared)
        shares = Definition.objects.get(state="DRAFT").shares
        assert shares.filter(sponsor__reference=last).exists()

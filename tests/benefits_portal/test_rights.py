"""Each page under each role, and what belongs to another sponsor."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benefits.portal.urls import urlpatterns
from benefits.selectors.campaigns import Owner, fingerprint
from benefits.services import campaigns as keeping
from config.roles import KIND_OF, MATRIX, Right, Role, TenantKind
from tests.factories import benefits as made
from tests.factories.merchants import SYSTEM, MerchantFactory

pytestmark = pytest.mark.django_db

SEE, EDIT, GRANT = Right.SEE_BENEFITS, Right.EDIT_BENEFITS, Right.GRANT_BENEFITS
# What a page asks for, and what it answers a GET of who may.
PAGES = {
    "campaign-list": (SEE, 200),
    "campaign": (SEE, 200),
    "campaign-basket": (SEE, 200),
    "campaign-add": (EDIT, 200),
    "campaign-reads": (EDIT, 405),
    "campaign-edit": (EDIT, 409),  # it is out
    "campaign-act": (EDIT, 405),
    "earning-list": (SEE, 200),
    "earning": (SEE, 200),
    "earning-add": (EDIT, 200),
    "earning-reads": (EDIT, 405),
    "earning-end": (EDIT, 405),
    "redemption-list": (SEE, 200),
    "redemption-file": (SEE, 200),
    "sponsor-statement": (SEE, 200),
    "statement-file": (SEE, 200),
    "holder-find": (GRANT, 200),
    "holder": (GRANT, 200),
}


def owner_of(sponsor):
    return Owner(
        kind=sponsor.kind,
        reference=sponsor.owner,
        name=sponsor.name,
        currency="KRW",
        time_zone="Asia/Seoul",
    )


def publish_as_tried(*, definition, **more):
    seen = fingerprint(definition=definition)
    return keeping.publish(definition=definition, previewed=seen, **more)


def address(scene, name, owner):
    given = {
        "owner": owner,
        "campaign": scene.coupon.reference,
        "customer": scene.customer.reference,
        "rule": scene.rule.reference,
        "act": "pause",
    }
    pattern = next(each for each in urlpatterns if each.name == name)
    return reverse(name, kwargs={key: given[key] for key in pattern.pattern.converters})


def test_every_page_has_a_row():
    assert {pattern.name for pattern in urlpatterns} == {*PAGES, "sponsor-list"}


@pytest.mark.parametrize("role", [role for role in Role if KIND_OF[role] != TenantKind.ISSUER])
def test_each_page_answers_a_role_as_the_matrix_says(role, scene, desk):
    owner = scene.brand.reference if role == Role.SPONSOR else scene.owner
    browser = desk(role)
    found = {name: browser.get(address(scene, name, owner)).status_code for name in PAGES}
    wanted = {
        name: allowed if right in MATRIX[role] else 403 for name, (right, allowed) in PAGES.items()
    }
    if role == Role.SPONSOR:
        wanted["campaign-edit"] = 403  # the shop bears more
        # Customers earn at merchants alone.
        wanted |= dict.fromkeys(("earning-list", "earning", "earning-add"), 404)
    assert found == wanted


@pytest.mark.parametrize("role", [Role.ISSUER_OPERATIONS, Role.ISSUER_AUDITOR])
def test_an_issuer_has_pages_of_its_own(role, scene, desk, bank):
    browser = desk(role, bank.reference)
    assert browser.get(reverse("campaign-list", args=[bank.reference])).status_code == 200
    edits = browser.get(reverse("campaign-add", args=[bank.reference])).status_code
    assert edits == (200 if EDIT in MATRIX[role] else 403)


@pytest.mark.parametrize("name", PAGES)
def test_another_shops_pages_look_absent(name, scene, desk):
    stranger = desk(Role.MERCHANT_OWNER, MerchantFactory().reference)
    url = address(scene, name, scene.owner)
    method = stranger.post if PAGES[name][1] == 405 else stranger.get
    assert method(url).status_code == 404


@pytest.mark.parametrize("name", ["campaign", "campaign-basket", "campaign-edit", "campaign-act"])
def test_a_campaign_of_others_looks_absent_under_ones_own_address(name, scene, manager, at):
    foreign = made.definition(name="Foreign").reference
    args = [foreign, "pause"] if name == "campaign-act" else [foreign]
    method = manager.post if name == "campaign-act" else manager.get
    assert method(at(name, *args)).status_code == 404


def test_only_the_platform_lists_all_sponsors(scene, desk, manager):
    assert manager.get(reverse("sponsor-list")).status_code == 403
    assert desk(Role.MERCHANT_CASHIER).get(reverse("sponsor-list")).status_code == 403
    page = desk(Role.PLATFORM_ADMIN).get(reverse("sponsor-list"))
    assert {row.owner for row in page.context["page"].rows} == {scene.owner, scene.brand.owner}


@pytest.mark.parametrize("act", [keeping.pause, keeping.resume, keeping.end, publish_as_tried])
def test_the_service_lets_only_its_keeper_act(scene, act):
    shop, brand = (owner_of(each) for each in (scene.sponsor, scene.brand))
    with pytest.raises(keeping.NotItsKeeper):
        act(definition=scene.coupon, owner=brand, actor=SYSTEM, at=timezone.now())
    scene.coupon.refresh_from_db()
    assert scene.coupon.state == "PUBLISHED"

    keeping.pause(definition=scene.coupon, owner=shop, actor=SYSTEM, at=timezone.now())
    scene.coupon.refresh_from_db()
    assert scene.coupon.state == "PAUSED"


def test_who_bears_less_sees_a_campaign_and_does_not_end_it(scene, desk, at):
    browser = desk(Role.SPONSOR)
    args = [scene.coupon.reference]
    page = browser.get(at("campaign", *args, owner=scene.brand.reference))
    ended = browser.post(at("campaign-act", *args, "end", owner=scene.brand.reference))
    assert (page.context["edits"], ended.status_code) == (False, 403)


def test_without_a_sign_in_all_pages_lead_there(scene):
    for name in PAGES:
        answer = Client().get(address(scene, name, scene.owner))
        assert answer.status_code == 302, name
        assert "/sign-in" in answer.url

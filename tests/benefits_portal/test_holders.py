"""What a customer holds, as support sees it, and one benefit granted by hand."""

import pytest

from benefits.models import Holding
from config.models import Audit
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(scene, manager, at):
    return at("holder", scene.customer.reference)


def test_names_are_masked_and_others_benefits_not_shown(scene, manager, at, page):
    made.held(scene.customer, of=scene.coupon)
    made.held(scene.customer, name="Foreign")
    answer = manager.get(page)
    assert [row[0].definition for row in answer.context["listed"]] == [scene.coupon]
    text = answer.content.decode()
    assert scene.customer.name not in text
    assert answer.context["masked"][1:2] == "•"


def test_a_reference_leads_to_the_customer(scene, manager, at, page):
    held = made.held(scene.customer, of=scene.coupon)
    for typed in (scene.customer.reference, held.reference):
        assert manager.get(at("holder-find", query=f"?q={typed}")).url == page
    assert manager.get(at("holder-find", query="?q=nobody")).status_code == 200


def test_one_benefit_is_granted_once_however_often_it_is_sent(scene, manager, page):
    key = manager.get(page).context["form"].initial["key"]
    typed = {"benefit": scene.coupon.reference, "reason": "Promised on the phone", "key": key}
    for _ in range(2):
        assert manager.post(page, typed).status_code == 302
    holding = Holding.objects.get()
    told = Audit.objects.filter(action="benefit.grant").earliest("pk")
    assert (told.subject, told.tenant) == (holding.reference, scene.owner)
    assert told.reason == "Promised on the phone"


def test_points_need_an_amount_and_coupons_none(scene, manager, page):
    points = made.definition("POINTS", name="Points", shares=[(scene.sponsor, 10_000)])
    typed = {"benefit": points.reference, "reason": "x", "key": "k"}
    assert list(manager.post(page, typed).context["form"].errors) == ["amount"]
    assert manager.post(page, typed | {"amount": "2,500"}).status_code == 302
    coupon = typed | {"benefit": scene.coupon.reference, "amount": "1"}
    assert list(manager.post(page, coupon).context["form"].errors) == ["amount"]
    assert Holding.objects.get().balance_minor == 2_500


def test_what_others_lead_is_not_ones_to_grant(scene, desk, manager, page):
    brands = made.definition(name="Brand's", shares=[(scene.brand, 9_000), (scene.sponsor, 1_000)])
    typed = {"benefit": brands.reference, "reason": "x", "key": "k"}
    assert list(manager.post(page, typed).context["form"].errors) == ["benefit"]


def test_a_spent_budget_is_told(scene, manager, page):
    shares = [(scene.sponsor, 10_000)]
    gift = made.definition("GIFT_CARD", name="Voucher", shares=shares, budget_minor=1_000)
    typed = {"benefit": gift.reference, "reason": "x", "key": "k", "amount": "1,001"}
    errors = manager.post(page, typed).context["form"].errors
    assert errors["benefit"] == ["The budget of this benefit is spent"]
    assert not Audit.objects.filter(action="benefit.grant").exists()

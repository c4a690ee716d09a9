"""Agreements: they begin on a date, the past stays, the desk agrees and the merchant sees."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Audit
from config.roles import MATRIX, Right, Role
from merchants.models import Agreement
from merchants.services import agreements, onboarding
from merchants.services.agreements import AgreementInThePast, FeeOutOfRange
from tests.factories.config import member, signed_in
from tests.factories.merchants import MerchantFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
TERMS = {"online_fee_minor": 100, "offline_fee_minor": 0, "fee_bps": 25}


@pytest.fixture
def merchant():
    return MerchantFactory()


def agree(merchant, at=NOW, **changes):
    asked = {"effective_from": at} | TERMS | changes
    return agreements.agree(merchant=merchant, **asked, actor=SYSTEM, at=NOW)


def test_a_new_merchant_begins_with_the_usual_terms():
    told = {"name": "Corner", "time_zone": "Asia/Seoul", "actor": SYSTEM, "at": NOW}
    korean = onboarding.add(currency="KRW", **told).merchant.agreements.get()
    other = onboarding.add(currency="USD", **told).merchant.agreements.get()

    assert korean.effective_from == other.effective_from == NOW
    assert (korean.online_fee_minor, korean.offline_fee_minor, korean.fee_bps) == (100, 20, 80)
    assert (other.online_fee_minor, other.offline_fee_minor, other.fee_bps) == (10, 2, 80)


def test_what_is_agreed_is_kept_and_audited(merchant):
    agreed = agree(merchant, at=NOW + timedelta(days=9))

    assert Agreement.objects.get() == agreed
    row = Audit.objects.get(action="agreement.agree")
    assert (row.tenant, row.subject) == (merchant.reference, merchant.reference)


def test_the_past_is_refused(merchant):
    with pytest.raises(AgreementInThePast):
        agree(merchant, at=NOW - timedelta(microseconds=1))
    assert agree(merchant, at=NOW).pk


def test_the_same_moment_again_replaces_it(merchant):
    ahead = NOW + timedelta(days=9)
    agree(merchant, at=ahead)
    agree(merchant, at=ahead, fee_bps=30)

    assert Agreement.objects.get().fee_bps == 30
    changed = Audit.objects.filter(action="agreement.agree").latest("pk")
    assert (changed.before["fee_bps"], changed.after["fee_bps"]) == (25, 30)


@pytest.mark.parametrize(
    "wrong", [{"online_fee_minor": -1}, {"offline_fee_minor": 10**9 + 1}, {"fee_bps": 10_001}]
)
def test_what_is_no_fee_is_refused(merchant, wrong):
    with pytest.raises(FeeOutOfRange):
        agree(merchant, **wrong)


class TestPage:
    TYPED = {"begins": "2099-12-01", "online_fee": "0", "offline_fee": "15", "fee_bps": "80"}

    @pytest.fixture
    def clerk(self):
        return signed_in(member(Role.SETTLEMENT_CLERK, tenant=""))

    @pytest.fixture
    def page(self, merchant):
        return reverse("agreement-list", args=[merchant.reference])

    def test_is_looked_at_before_it_is_agreed(self, clerk, page, merchant):
        shown = clerk.post(page, self.TYPED)

        assert shown.context["preview"] == (
            "From 1 Dec 2099 00:00 (Asia/Seoul): 0 KRW per online approval, "
            "15 KRW per offline record, and 0.80 % of each amount."
        )
        assert not Agreement.objects.exists()
        as_shown = shown.context["form"].shown()
        assert clerk.post(page, self.TYPED | {"agreed": as_shown}).status_code == 302
        agreed = Agreement.objects.get()
        begins = datetime(2099, 12, 1, tzinfo=ZoneInfo("Asia/Seoul"))
        assert (agreed.effective_from, agreed.offline_fee_minor) == (begins, 15)

    def test_other_fees_than_shown_are_shown_again(self, clerk, page):
        as_shown = clerk.post(page, self.TYPED).context["form"].shown()

        again = clerk.post(page, self.TYPED | {"offline_fee": "99", "agreed": as_shown})

        assert "99 KRW per offline record" in again.context["preview"]
        assert not Agreement.objects.exists()

    @pytest.mark.parametrize(
        "wrong",
        [{"begins": "2001-01-01"}, {"online_fee": "-1"}, {"offline_fee": "1.5"}, {"fee_bps": "x"}],
    )
    def test_what_would_be_refused_is_said(self, clerk, page, wrong):
        answer = clerk.post(page, self.TYPED | wrong | {"agreed": "1"})

        assert "There is a problem" in answer.text
        assert not Agreement.objects.exists()

    def test_empty_is_at_once(self, clerk, page):
        typed = self.TYPED | {"begins": ""}
        as_shown = clerk.post(page, typed).context["form"].shown()
        clerk.post(page, typed | {"agreed": as_shown})

        age = timezone.now() - Agreement.objects.get().effective_from
        assert timedelta() <= age < timedelta(minutes=1)

    def test_says_which_one_is_in_force(self, clerk, page, merchant):
        now = timezone.now()
        for begins in (-9, -5, 3, 6):
            Agreement.objects.create(merchant=merchant, effective_from=now + timedelta(days=begins))

        rows = clerk.get(page).context["rows"]

        assert [standing for _row, standing, _words in rows] == ["ahead", "ahead", "force", "past"]

    @pytest.mark.parametrize("role", Role)
    def test_each_role_as_the_matrix_says(self, role, merchant, page):
        kind = role.split("_")[0]
        tenants = {"MERCHANT": merchant.reference, "ISSUER": "ISS-1", "SPONSOR": "SPO-1"}
        tenant = "" if role == Role.SETTLEMENT_CLERK else tenants.get(kind, "")
        browser = signed_in(member(role, tenant))
        sees, edits = (
            right in MATRIX[role] for right in (Right.SEE_PAYOUTS, Right.EDIT_AGREEMENTS)
        )

        answer = browser.get(page)

        assert answer.status_code == (200 if sees else 403)
        if sees:
            assert (answer.context["form"] is not None) == edits
        assert browser.post(page, self.TYPED).status_code == (200 if edits else 403)

    def test_another_merchants_is_not_there(self, page):
        stranger = signed_in(member(Role.MERCHANT_OWNER, MerchantFactory().reference))

        assert stranger.get(page).status_code == 404

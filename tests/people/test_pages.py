"""What every page has: an id, its refusals, few queries, the time zone of its reader."""

import re

import pytest
from django.urls import reverse

from config.models import Alert
from config.people.access import require, tenants_with
from config.refusals import Forbidden
from config.roles import Right, Role
from tests.factories.config import MembershipFactory, member, signed_in

pytestmark = pytest.mark.django_db
LISTS = ["home", "profile", "sessions", "staff", "audit", "second-factor", "recovery-codes"]


@pytest.fixture
def browser():
    return signed_in(member(Role.PLATFORM_ADMIN))


class TestRequestId:
    def test_each_answer_has_its_own(self, client):
        ids = {client.get(reverse("sign-in"))["X-Request-Id"] for _n in range(3)}

        assert len(ids) == 3

    def test_a_sane_one_is_kept(self, client):
        answer = client.get(reverse("sign-in"), headers={"X-Request-Id": "till-7.2026_x"})

        assert answer["X-Request-Id"] == "till-7.2026_x"

    @pytest.mark.parametrize("sent", ["short", "x" * 65, "with space!", "<script>", "ünïcödë-id"])
    def test_any_other_is_replaced(self, client, sent):
        answer = client.get(reverse("sign-in"), headers={"X-Request-Id": sent})

        assert re.fullmatch(r"[a-z]{24}", answer["X-Request-Id"])

    def test_an_error_page_shows_it(self, client):
        answer = client.get("/no/such/page", headers={"X-Request-Id": "till-7.2026_x"})

        assert answer.status_code == 404
        assert "till-7.2026_x" in answer.content.decode()


class TestRefusals:
    def test_a_refusal_is_a_page(self, browser):
        answer = browser.get(reverse("staff-member", args=[9999]))

        assert answer.status_code == 404
        assert "error/404.html" in [t.name for t in answer.templates]

    def test_or_a_notice_inside_the_page(self, browser):
        answer = browser.get(reverse("staff-member", args=[9999]), headers={"HX-Request": "true"})

        assert answer.status_code == 404
        assert "<html" not in answer.content.decode()
        assert answer["X-Request-Id"] in answer.content.decode()

    def test_a_form_without_its_token_is_refused(self):
        from django.test import Client

        answer = Client(enforce_csrf_checks=True).post(reverse("sign-in"), {})

        assert answer.status_code == 403


@pytest.mark.parametrize("name", LISTS)
def test_a_page_takes_few_queries_however_many_rows(name, browser, django_assert_max_num_queries):
    MembershipFactory.create_batch(30)

    with django_assert_max_num_queries(12):
        assert browser.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_a_page_has_a_csp_and_no_inline_code(name, browser):
    answer = browser.get(reverse(name))

    assert "default-src 'none'" in answer["Content-Security-Policy"]
    body = answer.content.decode()
    assert not re.search(r'\sstyle="|<style|\son[a-z]+="|<script(?![^>]*\bsrc=)', body)


class TestTimeZone:
    def test_times_are_the_reader_s(self, browser):
        page = browser.get(reverse("sessions"))

        assert page.context["time_zone"] == "Asia/Seoul"

    def test_it_is_changed_on_the_profile(self, browser):
        told = {"name": "Mina Park", "time_zone": "Europe/Berlin", "theme": "dark"}

        answer = browser.post(reverse("profile"), told)

        assert answer.status_code == 302
        page = browser.get(reverse("profile"))
        assert page.context["time_zone"] == "Europe/Berlin"
        assert 'data-theme="dark"' in page.content.decode()
        assert 'data-keys="off"' in page.content.decode()

    def test_the_business_day_is_named_to_who_shares_its_zone(self, merchant):
        here = signed_in(member(Role.MERCHANT_OWNER, merchant.reference))
        abroad = signed_in(
            member(Role.MERCHANT_OWNER, merchant.reference, time_zone="Europe/Berlin")
        )

        assert here.get(reverse("profile")).context["business_day"] is not None
        assert abroad.get(reverse("profile")).context["business_day"] is None


class TestHome:
    def test_says_that_nothing_is_wrong(self, browser):
        assert "Nothing needs you" in browser.get(reverse("home")).content.decode()

    def test_leads_with_an_open_alert_of_the_own_tenant(self, merchant, noon):
        for tenant, detail in [(merchant.reference, "A record was forged"), ("MER-X", "Not yours")]:
            Alert.objects.create(
                kind="record_forged", tenant=tenant, subject=detail, detail=detail, raised_at=noon
            )

        page = signed_in(member(Role.MERCHANT_OWNER, merchant.reference)).get(reverse("home"))

        assert [item.title for item in page.context["waiting"]] == ["A record was forged"]


class TestTenantsWith:
    def test_platform_roles_reach_everywhere(self):
        found = tenants_with(user=member(Role.SETTLEMENT_CLERK), right=Right.SEE_PAYMENTS)

        assert found.everything

    def test_a_tenant_s_role_reaches_the_tenant(self, merchant):
        person = member(Role.MERCHANT_CASHIER, merchant.reference)

        assert tenants_with(user=person, right=Right.SEE_PAYMENTS).references == {
            merchant.reference
        }
        assert not tenants_with(user=person, right=Right.SEE_BATCHES).references

    def test_an_ended_membership_reaches_nothing(self, merchant, noon):
        row = MembershipFactory(role=Role.MERCHANT_OWNER, tenant=merchant.reference, ended_at=noon)

        assert not tenants_with(user=row.user, right=Right.SEE_PAYMENTS).references

    def test_nobody_reaches_nothing(self):
        from django.contrib.auth.models import AnonymousUser

        assert not tenants_with(user=AnonymousUser(), right=Right.SEE_PAYMENTS).everything


def test_require_refuses_a_request_without_a_membership(rf):
    with pytest.raises(Forbidden):
        require(request=rf.get("/"), right=Right.SEE_AUDIT)


def test_a_one_time_token_is_not_written_to_the_log(client, caplog):
    from config.logs import without_secrets
    from config.people import tokens

    token, _hash = tokens.new()
    client.get(reverse("accept-invitation", args=[token]))

    paths = [record.msg["path"] for record in caplog.records if isinstance(record.msg, dict)]
    assert [without_secrets(path) for path in paths] == ["/invitation/once_[redacted]"]

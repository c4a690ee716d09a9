"""The doors: what a leaver left ajar, what a refusal tells, and what an act leaves written."""

from base64 import b32decode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Audit
from config.people import invitations, links, memberships, resets, second_factor
from config.roles import Role
from tests.factories import issuers as make
from tests.factories.config import code_at, member, signed_in, with_password
from tests.factories.merchants import MerchantFactory, StoreFactory, enrolled

pytestmark = pytest.mark.django_db
HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options")


@pytest.fixture
def no_mail_server(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there


def test_who_leaves_the_platform_left_no_invitation_at_an_issuer(noon):
    issuer = make.issuer()
    leaver, colleague = member(Role.PLATFORM_ADMIN), member(Role.PLATFORM_ADMIN)
    sent = invitations.invite(
        by=leaver,
        actor=SYSTEM,
        email="private@example.com",
        name="Another self",
        role=Role.ISSUER_RISK,
        tenant=issuer.reference,
        at=noon,
    )

    row = leaver.memberships.get()
    memberships.end(membership_id=row.pk, by=colleague, actor=SYSTEM, at=noon)

    sent.refresh_from_db()
    assert sent.withdrawn_at == noon


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_mail_server")
def test_a_mail_server_that_fails_tells_nobody_who_is_known():
    known = with_password(member(Role.PLATFORM_ADMIN)).email
    browser = Client()

    found = [
        browser.post(reverse("password-forgotten"), {"email": email})
        for email in (known, "nobody@example.com")
    ]

    assert [answer.status_code for answer in found] == [200, 200]
    shown = [{template.name for template in answer.templates} for answer in found]
    assert all("account/password_asked.html" in names for names in shown)
    assert resets.send_asked(at=timezone.now(), limit=9) == 2, "one lost mail holds up no other"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/sign-in?next=%00", {}),
        ("/no%00where", {}),
        ("/sign-in", {"host": "elsewhere.example"}),
        ("/nowhere", {}),
    ],
)
def test_a_refusal_is_as_well_guarded_as_a_page(path, headers):
    answer = Client(raise_request_exception=False).get(path, headers=headers)

    assert answer.status_code in {400, 404}
    assert [name for name in HEADERS if name not in answer.headers] == []


@pytest.mark.parametrize("reason", ["a\0b", "x" * 201])
def test_a_reason_that_no_field_takes_is_refused(reason):
    merchant = MerchantFactory()
    desk = signed_in(member(Role.PLATFORM_ADMIN), Client(raise_request_exception=False))

    answer = desk.post(reverse("merchant-suspend", args=[merchant.reference]), {"reason": reason})

    assert answer.status_code == 400
    merchant.refresh_from_db()
    assert merchant.state == merchant.State.ACTIVE


@pytest.mark.parametrize("ids", ["9" * 5000, "9" * 30, "1." * 5000, "٣.x.-1"])
def test_odd_ids_of_the_polled_blacklist_are_nobodys(ids):
    issuer = make.issuer()
    risk = signed_in(member(Role.ISSUER_RISK, issuer.reference), Client())

    answer = risk.get(reverse("blacklist-reach", args=[issuer.reference]), {"ids": ids})

    assert answer.status_code == 200


def test_changed_limits_stand_in_the_audit_trail():
    store = StoreFactory()
    device, _key = enrolled(store=store)
    owner = signed_in(member(Role.MERCHANT_OWNER, store.merchant.reference))
    shop = store.merchant.reference
    limits = {"capacity": 7, "floor": "30000", "max_unsent": "90000"}
    place = {"name": "Till", "store": store.reference}
    settings = {"name": "Shop", "mcc": "5462", "time_zone": "Asia/Seoul", "blacklist_max_age_h": 72}

    owner.post(reverse("equipment-edit", args=[shop, device.reference]), place | limits)
    owner.post(reverse("merchant-edit", args=[shop]), settings)

    told = {row.action: row.after for row in Audit.objects.filter(tenant=shop)}
    limits_told = {key: told["equipment.edit"][key] for key in ("floor_minor", "max_unsent_minor")}
    assert limits_told == {"floor_minor": 30000, "max_unsent_minor": 90000}
    assert told["merchant.edit"]["blacklist_max_age_s"] == 72 * 3600


def test_a_mailed_link_goes_round_no_factor_set_up_since():
    person, at = member(Role.PLATFORM_ADMIN), timezone.now()
    purpose = links.Purpose.SECOND_FACTOR
    token = links.issue(user=person, purpose=purpose, at=at)
    device = second_factor.pending(user=person)
    seed = b32decode(second_factor.secret_of(device=device).replace(" ", ""))
    second_factor.confirm(user=person, code=code_at(at, seed), actor=SYSTEM, at=at)

    with pytest.raises(links.LinkSpent):
        links.find(token=token, purpose=purpose, at=at)

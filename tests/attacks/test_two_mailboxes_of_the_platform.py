"""One person behind two mailboxes of the platform: no two people who decide suspense."""

import pytest
from django.utils import timezone

from config.audit import SYSTEM, Actor
from config.people import invitations, second_person
from config.roles import KIND_OF, Role, TenantKind
from settlement.models import Redemption
from settlement.rules.redeeming import Report
from settlement.services import redemptions
from tests.factories import preapprovals as made
from tests.factories.config import code_at, member, with_authenticator

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def parked(now):
    machine = made.atm()
    word = made.approved(made.payer(), at=now)
    return machine.reports(machine.takes(word, at=now), "UNKNOWN", at=now)


@pytest.fixture
def issuer(parked):
    return parked.preapproval.card.issuer.reference


@pytest.fixture
def admin():
    return member(Role.PLATFORM_ADMIN)


@pytest.fixture
def brought(issuer, now, monkeypatch):
    """Return a function that has somebody invite a mailbox, which takes it up."""

    def bring(email, *, by, role=Role.SETTLEMENT_CLERK):
        tokens = []
        monkeypatch.setattr(invitations.mails, "send", lambda **told: tokens.append(told["token"]))
        told = {"email": email, "name": email, "role": role}
        told["tenant"] = issuer if KIND_OF[role] == TenantKind.ISSUER else ""
        invitations.invite(by=by, actor=SYSTEM, at=now, **told)
        password = "violet tractor under the bridge"
        accepted = {"token": tokens[0], "name": email, "password": password}
        return invitations.accept(**accepted, actor=SYSTEM, at=now)[0]

    return bring


def decided(maker, second, parked, now):
    """Return the state after one person proposed and the other one tried to agree."""
    one, two = (Actor(kind="USER", name=str(person.pk)) for person in (maker, second))
    said = redemptions.propose(
        reference=parked.reference, report=Report("FULL"), evidence="Counted", actor=one, at=now
    )
    with_authenticator(second)
    told = {"reference": said.reference, "person": second, "code": code_at(now), "at": now}
    redemptions.agree_proved(**told, actor=two)
    return Redemption.objects.get(pk=parked.pk).state


def refused(maker, second, parked, now):
    with pytest.raises(second_person.NotIndependent):
        decided(maker, second, parked, now)
    return Redemption.objects.get(pk=parked.pk).state == "SUSPENSE"


@pytest.mark.parametrize("turned", [False, True])
def test_who_invited_the_other_to_the_platform_is_no_second_person(
    admin, brought, parked, now, turned
):
    pair = (admin, brought("clerk@own.example", by=admin))

    assert refused(*(reversed(pair) if turned else pair), parked, now)


def test_nor_are_two_whom_one_invited_to_the_platform(admin, brought, parked, now):
    one, two = (brought(f"{name}@own.example", by=admin) for name in ("one", "two"))

    assert refused(one, two, parked, now)


def test_nor_one_whom_a_mailbox_of_the_platform_invited_to_the_issuer(admin, brought, parked, now):
    helper = brought("helper@own.example", by=admin, role=Role.PLATFORM_ADMIN)
    risk = brought("risk@own.example", by=helper, role=Role.ISSUER_RISK)

    assert refused(admin, risk, parked, now)


def test_control_two_who_came_by_different_people_decide(admin, brought, parked, now):
    clerk = brought("clerk@else.example", by=None)

    assert decided(admin, clerk, parked, now) == "COMPLETED"

"""One person behind two mailboxes: no maker and second person of a bulk unblock."""

import pytest
from django.utils import timezone

from config.audit import SYSTEM, Actor
from config.models import Membership
from config.people import invitations, second_person
from config.roles import Role
from issuers.models import UnblockRequest
from issuers.services import unblocking
from tests.factories.config import code_at, member, with_authenticator
from tests.issuers_portal.scene import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def ours(now):
    scene = build(at=now, cards=1, readers=1)
    scene.block(0, at=now)
    return scene


@pytest.fixture
def brought(ours, now, monkeypatch):
    """Return a function that has somebody invite a mailbox as risk staff, who takes it up."""

    def bring(email, *, by, role=Role.ISSUER_RISK):
        tokens = []
        monkeypatch.setattr(invitations.mails, "send", lambda **told: tokens.append(told["token"]))
        told = {"email": email, "name": email, "role": role, "tenant": ours.issuer.reference}
        invitations.invite(by=by, actor=SYSTEM, at=now, **told)
        password = "violet tractor under the bridge"
        accepted = {"token": tokens[0], "name": email, "password": password}
        return invitations.accept(**accepted, actor=SYSTEM, at=now)[0]

    return bring


@pytest.fixture
def operations(ours):
    return member(Role.ISSUER_OPERATIONS, ours.issuer.reference)


def asked_by(maker, ours, now):
    return unblocking.request(
        issuer=ours.issuer,
        source=f"card\n{ours.cards[0].reference}".encode(),
        reason="Found",
        at=now,
        actor=Actor(kind="USER", name=str(maker.pk)),
    )


def agree(person, asked, now):
    with_authenticator(person)
    return unblocking.agree(
        asked=asked,
        list_hash=bytes(asked.list_hash).hex(),
        person=person,
        code=code_at(now),
        at=now,
        actor=Actor(kind="USER", name=str(person.pk)),
    )


def refused(person, maker, ours, now):
    with pytest.raises(second_person.NotIndependent):
        agree(person, asked_by(maker, ours, now), now)
    return UnblockRequest.objects.get().state == "PENDING"


def test_two_whom_one_invited_do_not_agree(ours, operations, brought, now):
    one, two = (brought(f"{name}@own.example", by=operations) for name in ("one", "two"))

    assert refused(two, one, ours, now)


@pytest.mark.parametrize("turned", [False, True])
def test_nor_one_whom_the_other_invited(ours, operations, brought, now, turned):
    pair = (operations, brought("one@own.example", by=operations))

    assert refused(*(reversed(pair) if turned else pair), ours, now)


def test_nor_one_whom_a_mailbox_of_theirs_invited(ours, operations, brought, now):
    helper = brought("helper@own.example", by=operations, role=Role.ISSUER_OPERATIONS)
    one, two = brought("one@own.example", by=helper), brought("two@own.example", by=operations)

    assert refused(two, one, ours, now)


def test_nor_after_the_inviter_left(ours, operations, brought, now):
    one, two = (brought(f"{name}@own.example", by=operations) for name in ("one", "two"))
    Membership.objects.filter(user=operations).update(ended_at=now)

    assert refused(two, one, ours, now)


@pytest.mark.parametrize("platform", [True, False], ids=["platform", "operator"])
def test_two_who_came_by_different_people_agree(ours, operations, brought, now, platform):
    one = brought("one@own.example", by=operations)
    two = brought("two@else.example", by=member(Role.PLATFORM_ADMIN) if platform else None)

    assert agree(two, asked_by(one, ours, now), now).state == "QUEUED"


def test_nobody_of_the_platform_brings_both_either(ours, brought, now):
    admin = member(Role.PLATFORM_ADMIN)
    one, two = (brought(f"{name}@own.example", by=admin) for name in ("one", "two"))

    assert refused(two, one, ours, now)


def test_control_without_the_rule_one_person_frees_the_cards(
    ours, operations, brought, now, monkeypatch
):
    one, two = (brought(f"{name}@own.example", by=operations) for name in ("one", "two"))
    monkeypatch.setattr(second_person.lines, "share_one", lambda **_told: False)

    assert agree(two, asked_by(one, ours, now), now).state == "QUEUED"

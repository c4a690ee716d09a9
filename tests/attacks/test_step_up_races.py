"""One authentication used twenty times at once, one agreement asked for twenty times at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from config.audit import SYSTEM
from config.refusals import Refused
from config.wire.keys import SigningKey
from issuers.models import CertificateRequest, Credential
from issuers.services import blacklist, certificate_requests, wipes
from tests.factories import issuers as made
from tests.factories.wallets import CustomerFactory, enrolled_phone
from wallets.models import Authentication
from wallets.services import authentications, certificates

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 20


def together(act, times=AT_ONCE):
    """Run ``act(number)`` on so many connections at once; return each one's code, "" for none."""

    def run(number):
        try:
            act(number)
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(max_workers=times) as pool:
        return list(pool.map(run, range(times)))


def scene(rule):
    customer = CustomerFactory()
    programme = made.programme(certificate_rule=rule)
    card = made.card(of=programme, holder=customer.reference)
    device, _key = enrolled_phone(customer=customer)
    return card, device


def proof_of(device, at):
    """Return an authentication as :func:`authentications.prove` leaves it."""
    Authentication.objects.create(
        token_hash=authentications._hash(b"proof"),
        device=device,
        made_at=at,
        expires_at=at + authentications.CHALLENGE_LIFE,
    )
    return "proof"


def asking(card, device, proof, at):
    def ask(_number):
        certificates.ask(
            card=card,
            device=device,
            public_key=SigningKey.generate().public,
            authentication=proof,
            at=at,
        )

    return ask


def test_twenty_uses_of_one_authentication_make_one_certificate(settings):
    settings.CERTIFICATES_PER_HOUR = 100
    at = timezone.now()
    card, device = scene("STEP_UP")

    codes = together(asking(card, device, proof_of(device, at), at))

    assert sorted(codes) == ["", *["authentication_required"] * (AT_ONCE - 1)]
    assert Credential.objects.count() == 1


def test_control_a_use_that_looks_before_it_marks_makes_more(settings, monkeypatch):
    settings.CERTIFICATES_PER_HOUR = 100
    at = timezone.now()
    card, device = scene("STEP_UP")
    proof = proof_of(device, at)
    monkeypatch.setattr(authentications, "consume", _look_then_mark)

    together(asking(card, device, proof, at))

    assert Credential.objects.count() > 1


def _look_then_mark(*, device, authentication, at):
    import time

    found = Authentication.objects.filter(device=device, used_at=None).first()
    time.sleep(0.2)
    if found is None:
        raise authentications.AuthenticationRequired
    Authentication.objects.filter(pk=found.pk).update(used_at=at)


def test_one_agreement_asked_for_at_once_makes_one_credential(settings):
    settings.CERTIFICATES_PER_HOUR = 100
    at, key = timezone.now(), SigningKey.generate().public
    card, device = scene("STAFF")
    request = certificate_requests.ask(card=card, device=device, public_key=key, at=at)
    certificate_requests.agree(request=request, at=at, actor=SYSTEM)

    codes = together(
        lambda _n: certificates.ask(
            card=card, device=device, public_key=key, authentication="", at=at
        ),
        times=8,
    )

    assert codes == [""] * 8
    assert Credential.objects.count() == 1


def test_of_people_who_decide_at_once_one_alone_does():
    at, key = timezone.now(), SigningKey.generate().public
    card, device = scene("STAFF")
    request = certificate_requests.ask(card=card, device=device, public_key=key, at=at)

    def decide(number):
        mine = CertificateRequest.objects.select_related("card", "device", "issuer").get(
            pk=request.pk
        )
        if number % 2:
            certificate_requests.agree(request=mine, at=at, actor=SYSTEM)
        else:
            certificate_requests.refuse(request=mine, reason="No", at=at, actor=SYSTEM)

    codes = together(decide, times=6)

    assert sorted(codes) == ["", *["request_decided"] * 5]


def test_a_phone_revoked_while_it_asks_ends_with_no_live_credential():
    from config import devices

    at = timezone.now()
    card, device = scene("AUTO")

    def act(number):
        if number == 3:
            devices.revoke(reference=device.reference, actor=SYSTEM, at=at)
        elif number == 4:
            blacklist.block(card=card, reason="LOST", at=at, actor=SYSTEM)
        else:
            certificates.ask(
                card=card,
                device=device,
                public_key=SigningKey.generate().public,
                authentication="",
                at=at,
            )

    codes = together(act, times=8)

    assert set(codes) <= {"", "device_revoked"}
    assert not Credential.objects.filter(state="ACTIVE").exists()
    listed = {row.list_number for row in _listed()}
    withdrawn = Credential.objects.exclude(withdrawn_at=None)
    assert {row.list_number for row in withdrawn} <= listed


def test_a_wipe_and_a_certificate_at_once_leave_one_of_the_two_orders():
    at = timezone.now()
    card, device = scene("AUTO")
    asking(card, device, "", at)(0)

    def act(number):
        if number:
            asking(card, device, "", at)(number)
        else:
            wipes.wipe(card=card, device=device, reason="LOST", at=at, actor=SYSTEM)

    assert together(act, times=2) == ["", ""]
    listed = {row.list_number for row in _listed()}
    live = Credential.objects.filter(state="ACTIVE").values_list("list_number", flat=True)
    assert not set(live) & listed


def _listed():
    from issuers.models import ListedNumber

    return ListedNumber.objects.filter(removed_in=None)

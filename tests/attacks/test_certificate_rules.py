"""A certificate needs what the programme's rule asks for; nothing is reserved before."""

import pytest

from config.wire import b64
from config.wire.keys import SigningKey
from issuers.models import Credential
from tests.api.caller import of_device
from tests.factories.issuers import card as issued_card
from tests.factories.wallets import CustomerFactory, enrolled_phone

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("rule", "status", "told"),
    [
        ("AUTO", 201, {}),
        ("STEP_UP", 403, {"code": "authentication_required"}),
        ("STAFF", 202, {"state": "PENDING"}),
    ],
)
def test_the_programmes_rule_decides(rule, status, told):
    customer = CustomerFactory()
    card = issued_card(holder=customer.reference)
    type(card.programme).objects.update(certificate_rule=rule)
    phone = of_device(enrolled_phone(customer=customer))
    body = {"public_key": b64.encode(SigningKey.generate().public)}

    answer = phone.post(f"/api/v1/wallet/cards/{card.reference}/certificate", body=body)

    assert answer.status_code == status
    assert told.items() <= answer.json().items()
    assert Credential.objects.exists() == (status == 201)

"""A phone with its calls to the portal, over HTTP with signed requests."""

from config.wire.trust import TrustList
from tests.clients import session_of
from tests.factories.wallets import CustomerFactory, enrolled_phone
from wallets.devices.phone import Phone
from wallets.devices.portal import PhonePortal
from wallets.models import Customer


def handset_of(card=None, *, client=None):
    """Return the calls of a new phone of the card's holder, or of somebody else."""
    customer = (
        Customer.objects.get_or_create(
            reference=card.account.holder, defaults={"name": "Kim Holder"}
        )[0]
        if card
        else CustomerFactory()
    )
    device, key = enrolled_phone(customer=customer)
    session = session_of(key=key, device=device, client=client)
    config = session.get("/device/config").json()
    phone = Phone(
        device_key=key, trusted=TrustList.of_config(config["trust"]), save=lambda _state: None
    )
    portal = PhonePortal(session=session, phone=phone)
    portal.session, portal.phone, portal.device = session, phone, device
    return portal


def authenticated(handset, *, verified=True, app_serial="APP-1"):
    """Let the holder prove who they are; return the authentication."""
    return handset.authenticate(
        device=handset.device.reference, app_serial=app_serial, verified=verified
    )

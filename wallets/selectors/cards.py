"""What a phone may see: its customer's cards, and the certificate it holds for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from config.models import Device
from config.refusals import NotFound
from config.wire import b64
from config.wire.errors import WireError
from issuers.models import Card, Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCard:
    """A card of the phone's customer with this phone's credential, if it has one."""

    card: Card
    credential: Credential | None

    @property
    def state(self) -> str:
        """Return ACTIVE, BLOCKED or CLOSED, or FROZEN where only the owner froze it."""
        if self.card.state == Card.State.ACTIVE and self.card.frozen_by_owner_at:
            return "FROZEN"
        return str(self.card.state)


def cards_of(*, device: Device) -> Sequence[WalletCard]:
    """Return every card of the phone's customer, in two queries."""
    cards = (
        Card.objects.filter(account__holder=device.owner)
        .select_related("account", "programme", "issuer")
        .order_by("id")
    )
    held = {
        credential.card_id: credential
        for credential in Credential.objects.filter(device=device, state=Credential.State.ACTIVE)
    }
    return [WalletCard(card=card, credential=held.get(card.pk)) for card in cards]


def card_of(*, device: Device, reference: str) -> Card:
    """Return the customer's card named by ``reference`` (base64url of its token).

    :raises NotFound: no such card, or another customer's
    """
    try:
        token = b64.decode(reference)
    except WireError:
        raise NotFound from None
    card = (
        Card.objects.filter(token=token, account__holder=device.owner)
        .select_related("account", "programme", "issuer")
        .first()
    )
    if card is None:
        raise NotFound
    return card

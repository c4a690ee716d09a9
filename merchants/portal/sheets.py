"""What a shop's lists hold as CSV, column by column; states are the codes of the API."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from config.exports import Cell, amount
from config.portal.sheets import Sheet, each
from issuers.selectors.downloads import versions_held
from merchants.models import Agreement, ApiKey, Equipment, Merchant, Store, WebhookDelivery
from merchants.selectors.relays import pairings_at
from merchants.selectors.webhooks import latest_attempts

MERCHANTS: Final = Sheet[Merchant](
    heads=[_("Merchant"), _("Name"), _("Currency"), _("Time zone"), _("State"), _("Added")],
    lines=each(
        lambda row: [
            *(row.reference, row.name, row.currency, row.time_zone, row.state, row.created_at)
        ]
    ),
)

STORES: Final = Sheet[Store](
    heads=[_("Store"), _("Name"), _("Address"), _("Closed")],
    lines=each(lambda row: [row.reference, row.name, row.address, row.closed_at]),
)


def _equipment(rows: Sequence[Equipment]) -> Iterable[list[Cell]]:
    held = versions_held(devices=[row.device_id for row in rows])
    for row in rows:
        device, lists = row.device, held.get(row.device_id, [])
        yield [
            *(device.reference, device.name, device.kind, device.state, row.store.name),
            *(device.enrolled_at, device.seen_at, row.unsent_count),
            ", ".join(f"{issuer} v{version}" for issuer, version in lists),
        ]


EQUIPMENT: Final = Sheet[Equipment](
    heads=[
        *(_("Device"), _("Name"), _("Kind"), _("State"), _("Store"), _("Enrolled")),
        *(_("Last seen"), _("Unsent records"), _("Blacklist held")),
    ],
    lines=_equipment,
)


def _relays(rows: Sequence[Equipment]) -> Iterable[list[Cell]]:
    paired = pairings_at(relays=[row.device_id for row in rows])
    for row in rows:
        device = row.device
        yield [
            *(device.reference, device.name, device.state, row.store.name, device.seen_at),
            ", ".join(each.terminal.name for each in paired[row.device_id]),
        ]


RELAYS: Final = Sheet[Equipment](
    heads=[_("Relay"), _("Name"), _("State"), _("Store"), _("Last seen"), _("Terminals")],
    lines=_relays,
)

KEYS: Final = Sheet[ApiKey](
    heads=[_("Name"), _("Begins with"), _("Made"), _("Revoked")],
    lines=each(lambda row: [row.name, row.prefix, row.created_at, row.revoked_at]),
)


def agreements_in(currency: str) -> Sheet[Agreement]:
    """Return the sheet of a merchant's agreements, fees in its ``currency``."""
    return Sheet(
        heads=[
            *(_("From"), _("Currency"), _("An online approval"), _("An offline record")),
            _("Share, basis points"),
        ],
        lines=each(
            lambda row: [
                *(row.effective_from, currency, amount(row.online_fee_minor, currency)),
                *(amount(row.offline_fee_minor, currency), row.fee_bps),
            ]
        ),
    )


def _messages(rows: Sequence[WebhookDelivery]) -> Iterable[list[Cell]]:
    latest = latest_attempts(deliveries=rows)
    for row in rows:
        last = latest.get(row.pk)
        yield [
            *(row.webhook_id, row.seq, row.type, row.at, row.state, row.attempts),
            *(last.at if last else None, last.status if last else None),
            *(last.error if last else "", row.delivered_at),
        ]


MESSAGES: Final = Sheet[WebhookDelivery](
    heads=[
        *(_("Message"), _("Number"), _("Event"), _("Happened"), _("State"), _("Attempts")),
        *(_("Last attempt"), _("Last answer"), _("Fault"), _("Delivered")),
    ],
    lines=_messages,
)

"""Relays and the terminals whose bills they take (protocol §4.1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from config import audit
from config.audit import Actor
from config.models import Device
from config.models.devices import DeviceKind
from config.pipeline import Answer, Statement
from config.refusals import NotFound, Refused
from merchants.models import Equipment, RelayPairing


class NotARelay(Refused):
    code = "wrong_kind"
    status = 403
    title = "A relay is paired with a terminal"


class NotPaired(Refused):
    code = "not_paired"
    status = 409
    title = "The relay does not work with this terminal"


class Standing(NamedTuple):
    """What there is to know of a bill's relay: ``owner`` is a merchant's reference, "" unknown."""

    owner: str
    is_revoked: bool
    is_paired: bool

    @classmethod
    def of(cls, answer: Answer) -> "Standing":
        """Return what :func:`standing` found."""
        return cls("", False, False) if answer.row is None else cls(*answer.row)


def standing(*, relay: str, terminal: str, parameters: Sequence[Any]) -> Statement:
    """Return the statement that reads a relay's standing with a terminal.

    ``relay``: its reference; ``terminal``: SQL that gives the terminal's device id, from
    ``parameters``.
    """
    sql = f"""
        SELECT d.owner, d.state <> 'ACTIVE', EXISTS (
               SELECT FROM merchants_relaypairing p
                WHERE p.relay_id = d.id AND p.terminal_id = {terminal} AND p.ended_at IS NULL)
          FROM config_device d WHERE d.reference = %s AND d.kind = 'RELAY'
    """  # noqa: S608
    return Statement(sql, [*parameters, relay])


@transaction.atomic
def pair(*, relay: Device, terminal: Device, actor: Actor, at: datetime) -> RelayPairing:
    """
    Let ``terminal`` leave its bills at ``relay``; paired already, they stay so.

    :raises NotARelay: one is of another kind
    :raises NotFound: they are two merchants', or out of service
    """
    if (relay.kind, terminal.kind) != (DeviceKind.RELAY, DeviceKind.TERMINAL):
        raise NotARelay
    _refuse_strangers(relay, terminal)
    found = RelayPairing.objects.filter(relay=relay, terminal=terminal, ended_at=None).first()
    if found is not None:
        return found
    made = RelayPairing.objects.create(
        relay=relay, terminal=terminal, paired_by=f"{actor.kind} {actor.name}"[:64], paired_at=at
    )
    _record("relay.pair", relay, terminal, actor, at)
    return made


@transaction.atomic
def part(*, relay: Device, terminal: Device, actor: Actor, at: datetime) -> None:
    """End a pairing: bills of the terminal at this relay are refused from now on.

    :raises NotPaired: they do not work together
    """
    paired = RelayPairing.objects.filter(relay=relay, terminal=terminal, ended_at=None)
    if not paired.update(ended_at=at):
        raise NotPaired
    _record("relay.part", relay, terminal, actor, at)


class Paired(NamedTuple):
    """A terminal as its relay is told of it."""

    device: str
    number: int
    merchant: str
    merchant_name: str
    public_key: bytes


def terminals_of(*, relay: Device) -> list[Paired]:
    """Return the terminals in service that ``relay`` takes bills of."""
    paired = RelayPairing.objects.filter(relay=relay, ended_at=None).values("terminal")
    rows = Equipment.objects.filter(device__in=paired, device__state=Device.State.ACTIVE)
    return [
        Paired(
            row.device.reference,
            row.number or 0,
            row.merchant.reference,
            row.merchant.name,
            bytes(row.device.public_key),
        )
        for row in rows.select_related("device", "merchant").order_by("number")
    ]


def _refuse_strangers(relay: Device, terminal: Device) -> None:
    """:raises NotFound: they are two merchants', or out of service"""
    active = {relay.state, terminal.state} == {Device.State.ACTIVE}
    if relay.owner != terminal.owner or not active:
        raise NotFound


def _record(action: str, relay: Device, terminal: Device, actor: Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="device",
        subject=relay.reference,
        tenant=relay.owner,
        at=at,
        after={"terminal": terminal.reference},
    )

"""Customers who have amounts approved beforehand, and machines that pay out, by the services."""

from dataclasses import dataclass

from config.audit import SYSTEM, Actor
from config.models import Device
from config.wire.keys import SigningKey
from issuers.models import PreapprovalPolicy
from merchants.models import Equipment
from settlement.models import Preapproval
from settlement.rules.redeeming import Report
from settlement.services import preapprovals, redemptions
from settlement.services.preapprovals import Approved, Bound, Wish
from settlement.services.redemptions import Asked
from tests.factories import requests
from tests.factories.merchants import StoreFactory, enrolled
from tests.factories.requests import Payer
from wallets.services import authentications
from wallets.wire import Assertion

CODE = "4711"
SECOND = Actor(kind="USER", name="second")


def proof_of(payer: Payer, *, at):
    """Let the phone's holder prove to be there; return the authentication."""
    challenge = authentications.challenge(device=payer.phone, at=at)
    told = {"device": payer.phone.reference, "app_serial": "APP-1", "verified": True}
    assertion = Assertion(challenge=challenge, **told).sign(key=payer.key)
    return authentications.prove(
        device=payer.phone, app_serial="APP-1", challenge=challenge, assertion=assertion, at=at
    ).authentication


def wish_of(payer: Payer, amount=10_000, *, at, **changes):
    """Return what the phone asks for, with a fresh proof."""
    said = {
        "authentication": proof_of(payer, at=at),
        "kind": "CASH",
        "card": bytes(payer.held.card.token),
        "amount_minor": amount,
        "currency": "KRW",
        "pickup_code": CODE if changes.get("kind", "CASH") == "CASH" else "",
    }
    return Wish(**said | changes)


def approved(payer: Payer, amount=10_000, *, at, **changes) -> Approved:
    """Have an amount approved."""
    return preapprovals.approve(
        device=payer.phone, wish=wish_of(payer, amount, at=at, **changes), at=at
    )


@dataclass
class Machine:
    """An ATM or a terminal."""

    device: Device
    key: SigningKey

    @property
    def merchant(self):
        return Equipment.objects.select_related("merchant").get(device=self.device).merchant

    def takes(self, made: Approved, *, at, **changes):
        """Present the number of a pre-approval."""
        kind = made.preapproval.kind
        said = {"number": made.number, "kind": kind, "pickup_code": CODE if kind == "CASH" else ""}
        return redemptions.begin(device=self.device, asked=Asked(**said | changes), at=at)

    def reports(self, redemption, outcome="FULL", *, at, **said):
        """Say what it paid out."""
        return redemptions.complete(
            device=self.device,
            reference=redemption.reference,
            report=Report(outcome, **said),
            at=at,
        )


def atm(*, store=None):
    device, key = enrolled(kind="ATM", store=store or StoreFactory())
    return Machine(device, key)


def till(*, store=None):
    device, key = enrolled(kind="TERMINAL", store=store or StoreFactory())
    return Machine(device, key)


def decided(redemption, report, *, at, evidence="as the journal says"):
    """Have two people of the desk decide what came out; return the redemption."""
    made = redemptions.propose(
        reference=redemption.reference, report=report, evidence=evidence, actor=SYSTEM, at=at
    )
    return redemptions.agree(reference=made.reference, actor=SECOND, at=at)


def payer(**options):
    return requests.payer(**options)


def bound(**where):
    return Bound(**where)


def policy(payer: Payer, **terms):
    """Give the programme of the payer's card terms of its own, in the database alone."""
    house = {
        "cash_allowed": True,
        "gift_allowed": True,
        "lottery_allowed": True,
        "valid_default_s": 1800,
        "valid_max_s": 86_400,
        "pickup_code_needed": True,
        "partial_allowed": True,
        "delegated_allowed": True,
        "outstanding_max": 10,
        "daily_count_max": 50,
        "daily_sum_max_minor": 10_000_000,
    }
    PreapprovalPolicy.objects.update_or_create(
        programme=payer.held.card.programme, defaults=house | terms
    )


def state_of(made: Approved):
    return Preapproval.objects.get(pk=made.preapproval.pk).state

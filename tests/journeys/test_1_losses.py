"""Mission §1, 1.10, 1.11 and 1.14: what can be lost, who bears it, and who is told."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config.wire import cbor, cose
from config.wire.keys import SigningKey
from tests.journeys.books import Books
from tests.journeys.counter import Counter, now
from tests.journeys.desk import Desk
from tests.journeys.portal import Portal
from tests.journeys.street import Handset, Shop, Street, tap
from tests.journeys.waiting import eventually
from wallets.devices.phone import Phone

type Desks = Callable[[str], Desk]
BACK_OFF_S = (30, 60, 120)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def books(portal: Portal) -> Iterator[Books]:
    books = Books(portal)
    yield books
    books.close()


class TestDuplicateAtc:
    """1.10: the first valid record stands; another payload under its ATC is a clone's."""

    def test_1_10_another_payload_is_rejected_disputed_and_listed(
        self,
        desks: Desks,
        street: Street,
        card: dict[str, Any],
        handset: Handset,
        token: bytes,
        new_counter: Callable[..., Counter],
    ) -> None:
        first, second = new_counter(), new_counter()
        before = handset.at_the_portal(card["card"])["balance"]
        stolen = Phone.from_state(handset.phone.to_state(), save=lambda _state: None)
        assert tap(handset, token, first, 7_000).state == "approved"
        assert tap(replace(handset, phone=stolen), token, second, 9_000).state == "approved"

        held = newest_version(street, card)

        kept, rejected = first.upload(), second.upload()

        assert first.answer(sequence=kept.sequence)["results"][0]["state"] == "POSTED"
        told = second.answer(sequence=rejected.sequence)["results"][0]
        assert (told["state"], told["reason"]) == ("REJECTED", "duplicate_atc")
        assert before - handset.at_the_portal(card["card"])["balance"] == 7_000
        disputes = desks("issuer risk").page(f"/issuer/{card['issuer']}/disputes").text
        assert f"•••• {card['last4']}" in disputes
        eventually(lambda: standing(street, card) == "BLOCKED", within_s=60, every_s=0.5)
        eventually(lambda: newest_version(street, card) > held, within_s=60, every_s=0.5)
        first.refresh(issuer=card["issuer"], version=held + 1)
        assert tap(handset, token, first, 1_000).code == "blacklisted"

    def test_1_10_the_same_payload_signed_again_harms_nobody(
        self, street: Street, card: dict[str, Any], handset: Handset, token: bytes, counter: Counter
    ) -> None:
        tap(handset, token, counter, 6_000)
        kept = counter.reader.known.store.records[0]
        certificate = handset.phone.credential(token).certificate
        assert counter.upload().deleted == 1
        before = handset.at_the_portal(card["card"])

        key = handset.phone.credential(token).key
        assert key is not None
        signed_again = signed_otherwise(kept.record, key)
        counter.reader.known.store.add(replace(kept, record=signed_again), certificate=certificate)
        again = counter.upload()

        assert signed_again != kept.record, "another signature over the same payload"
        told = counter.answer(sequence=again.sequence)["results"]
        assert told == [{"index": 0, "state": "POSTED", "reason": "already_posted"}]
        assert handset.at_the_portal(card["card"]) == before
        assert standing(street, card) == "ACTIVE"


class TestUndelivered:
    """1.11: a command for a phone that is away: back-off, UNDELIVERED, what could be lost."""

    def test_1_11_attempts_back_off_and_end_undelivered_with_the_exposure(
        self,
        desks: Desks,
        street: Street,
        books: Books,
        card: dict[str, Any],
        handset: Handset,
        token: bytes,
    ) -> None:
        street.block(card["card"])

        for attempts, wait_s in enumerate(BACK_OFF_S, 1):
            command = eventually(lambda n=attempts: tried(books, card, times=n), within_s=15)
            left_s = (command["next_attempt_at"] - datetime.now(UTC)).total_seconds()
            assert wait_s - 10 < left_s <= wait_s
            assert command["state"] == "PENDING"
            books.try_now(command)
        books.let_pass(command, hours=24)
        given_up = eventually(lambda: in_state(books, card, "UNDELIVERED"), within_s=15)

        assert given_up["next_attempt_at"] is None
        reserve = handset.at_the_portal(card["card"])["offline_reserve"]
        assert exposure_on_screen(desks("issuer risk"), card) == f"{reserve:,}"

        # It keeps trying at every contact: the phone that is back hears of it at once.
        handset.portal.pull_commands(at=now())
        assert handset.phone.credential(token).blocked
        assert books.command(card=card["card"])["state"] == "APPLIED"
        assert exposure_on_screen(desks("issuer risk"), card) is None


class TestExposureWindow:
    """1.14: after the listing, before the phone applied it, at a reader that kept its rules."""

    def test_1_14_it_posts_and_the_issuer_bears_it(
        self,
        desks: Desks,
        street: Street,
        shop: Shop,
        books: Books,
        card: dict[str, Any],
        handset: Handset,
        token: bytes,
        counter: Counter,
    ) -> None:
        street.block(card["card"], reason="STOLEN")
        listed = now()
        eventually(lambda: now() > listed)  # a record's time has no fractions of a second
        before = handset.at_the_portal(card["card"])["balance"]

        paid = tap(handset, token, counter, 8_200)
        sent = counter.upload()

        assert paid.state == "approved"
        assert counter.answer(sequence=sent.sequence)["results"][0]["state"] == "POSTED"
        assert handset.at_the_portal(card["card"])["balance"] == before, "not the cardholder's"
        moved = books.moved(approval_code=paid.code)
        assert net(moved, "ISSUER_LOSS", card["issuer"]) == -8_200
        assert net(moved, "MERCHANT", shop.merchant) == 8_200
        assert not [one for one in moved if "MERCHANT_LOSS" in (one["debit"], one["credit"])]
        payment = next(one for one in shop.payments() if one["approval_code"] == paid.code)
        page = desks("issuer risk").page(f"/payments/{payment['id']}").text
        assert "Who bears it" in page
        assert "issuer" in page.partition("Who bears it")[2][:600].lower()

    def test_1_14_after_the_application_the_phone_pays_nothing_more(
        self, street: Street, card: dict[str, Any], handset: Handset, token: bytes, counter: Counter
    ) -> None:
        """The negative control: the window is open only until the phone has applied the block."""
        street.block(card["card"], reason="STOLEN")
        handset.portal.pull_commands(at=now())

        assert tap(handset, token, counter, 8_200).code == "card_blocked"
        assert counter.stored() == 0


def signed_otherwise(record: bytes, key: SigningKey) -> bytes:
    """Return the same payload under another good signature: ours repeat, ECDSA's need not."""
    private = load_pem_private_key(key.to_pem(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    parts = cose.parse(record)
    protected = cbor.encode({1: -7, 4: parts.kid})
    signed = cbor.encode(["Signature1", protected, b"", parts.payload])
    r, s = decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
    return record[:-64] + r.to_bytes(32) + min(s, P256_ORDER - s).to_bytes(32)


def standing(street: Street, card: dict[str, Any]) -> str:
    told = street.portal.manage("blacklist", "status", "--card", card["card"])
    return str(told["state"])


def newest_version(street: Street, card: dict[str, Any]) -> int:
    """Return the newest version of the issuer's list, 0 before the first."""
    told = street.portal.manage("blacklist", "versions", "--issuer", card["issuer"])["versions"]
    return int(told[-1]["version"]) if told else 0


def tried(books: Books, card: dict[str, Any], *, times: int) -> dict[str, Any]:
    command = books.command(card=card["card"])
    return command if command["attempts"] == times else {}


def in_state(books: Books, card: dict[str, Any], state: str) -> dict[str, Any]:
    command = books.command(card=card["card"])
    return command if command["state"] == state else {}


def exposure_on_screen(desk: Desk, card: dict[str, Any]) -> str | None:
    """Return what the page of undelivered commands says could be lost by this card's."""
    page = desk.page(f"/issuer/{card['issuer']}/undelivered?view=undelivered").text
    rows = [row for row in page.split("<tr") if f"/cards/{card['card']}" in row]
    if not rows:
        return None
    found = re.search(r"\d[\d,]*", re.sub(r"<[^>]+>", "", rows[0].partition("amount-cell")[2]))
    return found and found[0]


def net(moved: list[dict[str, Any]], kind: str, owner: str) -> int:
    """Return what an account of that kind got, less what it gave."""
    got = sum(
        one["amount_minor"] for one in moved if (one["credit"], one["credited"]) == (kind, owner)
    )
    gave = sum(
        one["amount_minor"] for one in moved if (one["debit"], one["debited"]) == (kind, owner)
    )
    return int(got - gave)

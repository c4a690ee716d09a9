"""The money paths under attack: copies of a phone, odd figures, work that comes too late."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DataError

from config.models import Device
from config.wire.errors import WireError
from issuers.models import Account, Card, Credential, Debt, Programme
from issuers.services import authorise, closings, profiles, renewals
from issuers.services.cards import OpeningInvalid
from issuers.services.profiles import CapsOutOfOrder
from settlement.models import AtcSeen, Dispute, Payment
from settlement.rules.facts import Genuine
from settlement.services import batches, ledger, online
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM
from tests.factories.wallets import enrolled_phone
from tests.settlement.test_debts import pay_in
from tests.settlement.test_online import CAPS, OVER_CAP, ask, card_with

pytestmark = pytest.mark.django_db

CAP = CAPS.cumulative_cap_minor
MOST = 2**53 - 1
DUPLICATE = ("REJECTED", "duplicate_atc")


@pytest.fixture
def till(db, noon):
    return factory.till(now=noon)


@pytest.fixture
def card(db):
    return factory.card_on_phone()


def post(till, *records):
    till.upload(*records)
    batches.post_waiting(limit=20, at=till.now)
    return till.result()


def account_of(card):
    return Account.objects.get(pk=card.card.account_id)


def renewed(card, at):
    """Return the card with the certificate that renews its own: the same key, the same counter."""
    Device.objects.filter(pk=card.phone.pk).update(seen_at=at)
    Credential.objects.filter(pk=card.credential.pk).update(
        contact_by=at + timedelta(days=1), issued_at=at - timedelta(days=6)
    )
    assert renewals.renew_due(at=at) == 1
    fresh = Credential.objects.get(card=card.card, state="ACTIVE")
    return factory.CardOnPhone(card=card.card, credential=fresh, key=card.key, phone=card.phone)


def on_another_phone(card, at):
    """Return the card on a second phone of its holder."""
    phone, _key = enrolled_phone(at=at)
    Device.objects.filter(pk=phone.pk).update(owner=card.phone.owner)
    phone.refresh_from_db()
    other = factory.CardOnPhone(card=card.card, credential=None, key=card.key, phone=phone)
    return factory.renew(other, at=at)


class TestOneAtcUnderTwoCertificates:
    """A copy of a phone holds the key, and after a renewal two certificates that state it."""

    def test_is_one_payment(self, till, card, noon):
        newer = renewed(card, noon)

        assert post(till, card.sale(till, 1000, atc=5)) == [("POSTED", "")]
        assert post(till, newer.sale(till, 2000, atc=5)) == [DUPLICATE]
        assert Payment.objects.get().amount_minor == 1000
        assert Dispute.objects.get().bearer == "ISSUER"
        assert ledger.check() == []

    def test_is_one_payment_within_one_batch_too(self, till, card, noon):
        newer = renewed(renewed(card, noon), noon)

        verdicts = post(till, newer.sale(till, 2000, atc=5), card.sale(till, 1000, atc=5))

        assert verdicts == [("POSTED", ""), DUPLICATE]

    def test_of_a_new_key_is_its_own(self, till, noon):
        card = card_with()
        newer = factory.renew(card, at=noon)

        assert post(till, card.sale(till, 1000, atc=5)) == [("POSTED", "")]
        assert post(till, newer.sale(till, 2000, atc=5)) == [("POSTED", "")]

    def test_is_refused_online(self, till, card, noon):
        newer = renewed(card, noon)
        post(till, card.sale(till, 1000, atc=5))

        with pytest.raises(online.TapDuplicate):
            ask(till, newer, newer.sale(till, 2000, atc=5))

    def test_of_another_phone_with_the_card_is_its_own(self, till, noon):
        card = card_with()
        other = on_another_phone(card, noon)

        assert post(till, card.sale(till, 1000, atc=5)) == [("POSTED", "")]
        assert post(till, other.sale(till, 2000, atc=5)) == [("POSTED", "")]

    def test_a_record_of_the_old_certificate_that_comes_late_posts(self, till, card, noon):
        late = card.sale(till, 1000)
        newer = renewed(card, noon)

        assert post(till, newer.sale(till, 2000, atc=2)) == [("POSTED", "")]
        assert post(till, late) == [("POSTED", "")]
        assert set(AtcSeen.objects.values_list("credential", "atc")) == {
            (card.credential.pk, 1),
            (card.credential.pk, 2),
        }

    def test_negative_control_counted_by_certificate_it_is_paid_twice(
        self, till, card, noon, monkeypatch
    ):
        def by_certificate(genuine):
            return (genuine.credential.credential_id, genuine.record.atc)

        monkeypatch.setattr(Genuine, "used_atc", property(by_certificate))
        newer = renewed(card, noon)

        for each in (card, newer):
            assert post(till, each.sale(till, 1000, atc=5)) == [("POSTED", "")]
        assert Payment.objects.count() == 2


class TestVoids:
    def test_of_a_tap_approved_online_gives_the_money_back_once(self, till):
        card = card_with()
        before = account_of(card).available_minor
        record = card.sale(till, OVER_CAP)
        ask(till, card, record)

        assert post(till, card.void(till, OVER_CAP, 1), card.void(till, OVER_CAP, 1)) == [
            ("POSTED", ""),
            ("REJECTED", "sale_voided"),
        ]
        assert account_of(card).available_minor == before
        assert post(till, record) == [("POSTED", "already_posted")]
        assert Payment.objects.get().state == "REVERSED"
        assert ledger.check() == []

    def test_by_another_reader_is_of_no_sale(self, till, card, noon):
        post(till, card.sale(till, 1000))
        other = factory.till(now=noon)

        assert post(other, card.void(other, 1000, 1)) == [("REJECTED", "sale_unknown")]

    def test_of_more_than_the_sale_is_of_no_sale(self, till, card):
        assert post(till, card.sale(till, 1000), card.void(till, 1001, 1)) == [
            ("POSTED", ""),
            ("REJECTED", "sale_unknown"),
        ]

    def test_of_a_void_is_of_no_sale(self, till, card):
        records = [card.sale(till, 1000), card.void(till, 1000, 1), card.void(till, 1000, 2)]

        assert post(till, *records)[-1] == ("REJECTED", "sale_unknown")


class TestFiguresOutOfBounds:
    def test_a_phone_that_claims_the_highest_sum_moves_no_more_than_its_account_has(self, till):
        card = card_with(balance=CAP + 3 * OVER_CAP)
        claimed = {"uses": 2**31 - 1, "cumulative": MOST}

        ask(till, card, card.sale(till, OVER_CAP, **claimed))
        held = account_of(card)
        assert (held.available_minor, held.offline_reserve_minor) == (0, CAP + 2 * OVER_CAP)
        pay_in(card, OVER_CAP, till.now)
        ask(till, card, card.sale(till, OVER_CAP, **claimed))

        assert account_of(card).available_minor == 0
        assert ledger.check() == []

    @pytest.mark.parametrize("opening", [{"balance": MOST}, {"balance": 0, "limit_minor": MOST}])
    def test_a_card_that_begins_with_the_most_posts_and_resets(self, till, opening):
        of = factory.programme(kind="CREDIT")
        Programme.objects.update(reset_on_posting=True)
        card = factory.card_on_phone(of=of, **opening)

        assert post(till, card.sale(till, 1000)) == [("POSTED", "")]
        assert ledger.check() == []

    @pytest.mark.parametrize("name", ["balance", "limit_minor"])
    def test_a_card_cannot_begin_with_more(self, name):
        with pytest.raises(OpeningInvalid):
            factory.card_on_phone(of=factory.programme(kind="CREDIT"), **{name: MOST + 1})

    def test_negative_control_such_a_card_would_stop_every_reset(self, till, card):
        Programme.objects.update(reset_on_posting=True)
        Account.objects.update(limit_minor=2**63 - 1)

        with pytest.raises(DataError, match="out of range"):
            post(till, card.sale(till, 1000))

    @pytest.mark.parametrize(
        "changes", [{"cumulative_cap_minor": MOST + 1}, {"upper_uses": 2**31}], ids=str
    )
    def test_limits_that_no_certificate_can_state_are_refused(self, changes):
        with pytest.raises(CapsOutOfOrder):
            factory.programme(caps=replace(CAPS, **changes))

    def test_negative_control_such_limits_would_stop_every_renewal(self, card, noon, monkeypatch):
        monkeypatch.setattr(type(CAPS), "check", lambda _caps: None)
        profiles.change(
            programme=card.card.programme,
            caps=replace(CAPS, per_payment_cap_minor=MOST + 1, cumulative_cap_minor=MOST + 1),
            effective_from=noon,
            at=noon,
            actor=SYSTEM,
        )

        with pytest.raises(WireError):
            renewed(card, noon)


class TestRecordsThatComeLate:
    def test_a_closed_account_that_still_owes_by_them_adds_up(self, till, noon):
        card = card_with(balance=0)
        record = card.sale(till, 1000, cumulative=0)
        Card.objects.filter(pk=card.card.pk).update(state="CLOSED")
        closings.close_account(
            account=account_of(card), reason="The holder left.", at=noon, actor=SYSTEM
        )

        assert post(till, record) == [("POSTED", "")]
        assert Debt.objects.get().outstanding_minor == 1000
        assert ledger.check() == []

    def test_a_void_of_an_account_that_closed_meanwhile_adds_up(self, till, noon):
        card = factory.card_on_phone(balance=1000)
        post(till, card.sale(till, 1000))
        Card.objects.filter(pk=card.card.pk).update(state="CLOSED")
        closings.close_account(
            account=account_of(card), reason="The holder left.", at=noon, actor=SYSTEM
        )

        assert post(till, card.void(till, 1000, 1)) == [("POSTED", "")]
        assert account_of(card).balance_minor == 0  # due to the holder, and told so
        assert ledger.check() == []


class TestDeclinesOfTheOtherPhone:
    def test_do_not_hide_what_this_one_spent(self, till, noon):
        card = card_with(balance=2 * CAP + 100_000)
        other = on_another_phone(card, noon)
        ask(till, other, other.sale(till, 10_000_000))  # declined
        unsent = card.sale(till, 35_000)

        assert ask(till, card, card.sale(till, 1_000)).state == "APPROVED"

        held = Credential.objects.get(pk=card.credential.pk)
        assert held.reserve_minor == CAP + 35_000
        post(till, unsent)
        assert Credential.objects.get(pk=card.credential.pk).reserve_minor == CAP

    def test_negative_control_counted_by_card_they_do(self, till, noon, monkeypatch):
        def of_the_card(*, card, phone_id, document):
            refused = card.authorisations.exclude(decline_reason="")
            return sum(refused.values_list("amount_minor", flat=True))

        monkeypatch.setattr(authorise, "declined_since_approval", of_the_card)

        with pytest.raises(AssertionError):
            self.test_do_not_hide_what_this_one_spent(till, noon)

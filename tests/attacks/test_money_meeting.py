"""The money paths at the same moment: real transactions that meet where they could go wrong."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from config.models import Device
from issuers.models import Account, Card, Credential, Programme
from issuers.services import counters, renewals
from settlement.models import Dispute, Payment, Payout, PayoutLine
from settlement.services import (
    batches,
    contacts,
    debts,
    disputes,
    ledger,
    online,
    payouts,
)
from tests.factories import settlement as factory
from tests.settlement.test_online import OVER_CAP, ask, at_once, card_with
from tests.settlement.test_payouts import DAY, SOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till(db, noon):
    return factory.till(now=noon)


class TestADisputeListedWhileItsAtcIsAsked:
    """Posting, listing and a tap in a circle: the dispute, the card, the ATC."""

    def test_listing_waits_for_the_card_with_nothing_in_hand(self, till, noon, monkeypatch):
        card = card_with()
        ask(till, card, card.sale(till, OVER_CAP))
        with pytest.raises(online.TapDuplicate):
            ask(till, card, card.sale(till, 2000, atc=1))
        dispute = Dispute.objects.get()
        asked, held = [], Card.objects.all().__class__.select_for_update

        def noted(rows, **options):
            asked.append(rows.model)
            return held(rows, **options)

        monkeypatch.setattr("django.db.models.query.QuerySet.select_for_update", noted)
        updates = []
        update = Dispute.objects.all().__class__.update

        def noted_update(rows, **changes):
            updates.append((rows.model, list(asked)))
            return update(rows, **changes)

        monkeypatch.setattr("django.db.models.query.QuerySet.update", noted_update)
        disputes.list_cards(at=noon)

        first = next(before for model, before in updates if model is Dispute)
        assert first == [Card]
        dispute.refresh_from_db()
        assert dispute.card_listed_at == noon


class TestEverythingAtOnce:
    """One card's offline records, taps, debts, resets, renewals and payouts from all sides."""

    @pytest.mark.parametrize("balance", [60_000, 1_000_000])
    def test_the_books_hold(self, noon, balance):
        card = card_with(balance=balance)
        Programme.objects.update(reset_on_posting=True, list_on_debt=False, velocity_count=999)
        Device.objects.filter(pk=card.phone.pk).update(seen_at=noon)
        Credential.objects.update(
            contact_by=noon + timedelta(days=1), issued_at=noon - timedelta(days=6)
        )
        tills = [factory.till(now=noon) for _ in range(4)]
        taps = []
        for till in tills:
            sales = [card.sale(till, 9_000, uses=1, cumulative=9_000) for _ in range(3)]
            void = card.void(till, 9_000, card.atc)
            tap = card.sale(till, 4_000, uses=1, cumulative=4_000)
            copy = card.sale(till, 4_100, atc=card.atc)
            till.upload(*sales, void, tap, copy)
            till.upload(card.sale(till, 500, uses=1, cumulative=500))
            taps.append((till, tap))

        failures = at_once(
            *[guarded(lambda: batches.post_waiting(limit=2, at=noon))] * 3,
            *[guarded(lambda each=each: ask(each[0], card, each[1])) for each in taps],
            guarded(lambda: renewals.renew_due(at=noon)),
            guarded(lambda: contacts.pull(device=card.phone, after=0, at=noon)),
            guarded(lambda: counters.reset_posted(at=noon)),
            guarded(lambda: debts.collect(account_ids=[card.card.account_id], at=noon)),
        )
        assert [each for each in failures if each] == []
        later = noon + timedelta(minutes=10)
        for _ in range(20):
            batches.post_waiting(limit=9, at=later)
            later += timedelta(minutes=30)

        assert [till.result(1)[4][0] for till in tills] == ["POSTED"] * 4
        sold = Payment.objects.filter(amount_minor=4_000)
        assert sold.count() == 4
        assert Payment.objects.count() == 4 * 5
        assert Payment.objects.filter(state="REVERSED").count() == 4
        assert ledger.check() == []
        reserved = sum(Credential.objects.values_list("reserve_minor", flat=True))
        account = Account.objects.get()
        assert account.offline_reserve_minor == reserved
        assert account.available_minor >= 0


def guarded(act):
    """Return an act that answers with the database's complaint, and with no refusal."""

    def run():
        try:
            act()
        except OperationalError as wrong:
            return str(wrong)
        except online.TapDuplicate:
            return ""
        return ""

    return run


class TestPayoutsWhileSalesAndVoidsPost:
    def test_hold_each_sale_and_each_reversal_once(self, till, noon):
        card = card_with()
        for _ in range(3):
            till.upload(*[card.sale(till, 1_000, uses=1, cumulative=1_000) for _ in range(3)])
            till.upload(card.void(till, 1_000, card.atc), card.void(till, 1_000, card.atc - 2))
        draw = guarded(lambda: payouts.draw_up(merchant=till.merchant, day=DAY, at=SOON))
        post = guarded(lambda: batches.post_waiting(limit=1, at=noon))

        for _ in range(6):
            assert at_once(post, draw, draw) == ["", "", ""]
        batches.post_waiting(limit=9, at=noon)
        next_day = DAY + timedelta(days=1)
        payouts.draw_up(merchant=till.merchant, day=next_day, at=SOON + timedelta(days=1))

        sold = set(Payment.objects.values_list("pk", flat=True))
        back = set(Payment.objects.filter(state="REVERSED").values_list("pk", flat=True))
        assert sorted(PayoutLine.objects.values_list("payment", "reversal")) == sorted(
            [*((pk, False) for pk in sold), *((pk, True) for pk in back)]
        )
        assert len(back) == 6
        assert sum(Payout.objects.values_list("net_minor", flat=True)) == 3_000
        assert ledger.check() == []

"""Counter resets as they follow from real batches: acceptance 1.15 from the till to the pull."""

from dataclasses import replace
from datetime import timedelta

import pytest

from issuers.models import Account, Credential, OtaCommand, Programme
from issuers.services import renewals
from issuers.wire import Action, Command
from settlement.models import Payment
from settlement.services import batches, contacts, ledger
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db

CAPS = replace(factory.GENEROUS, cumulative_cap_minor=200_000)


@pytest.fixture
def card(db):
    """A card whose account holds more than it may spend offline."""
    return factory.card_on_phone(of=factory.programme(caps=CAPS))


def configured():
    Programme.objects.update(reset_on_posting=True)


def pulled(card, at):
    """Return the commands the phone gets at its next contact."""
    waiting = contacts.pull(device=card.phone, after=0, at=at)
    return [Command.peek(each.command) for each in waiting]


def reserve_of(card):
    return Account.objects.get(pk=card.card.account_id).offline_reserve_minor


def test_1_15_a_posted_batch_alone_resets_nothing(till, card, noon):
    till.upload(card.sale(till, 3000))

    batches.post_waiting(limit=20, at=noon)

    assert pulled(card, noon) == []
    assert reserve_of(card) == 200_000 - 3000


def test_a_contact_takes_two_statements_while_nothing_was_posted(
    till, card, noon, django_assert_num_queries
):
    configured()

    with django_assert_num_queries(2):
        assert pulled(card, noon) == []


def test_1_15_the_next_contact_resets_what_was_posted(till, card, noon):
    sold = [card.sale(till, 3000), card.sale(till, 4000)]
    till.upload(*sold, card.void(till, 3000, 1))
    batches.post_waiting(limit=20, at=noon)

    configured()
    (reset,) = pulled(card, noon)

    assert (reset.action, reset.body) == (Action.RESET, {1: 3, 2: 2, 3: 7000})
    assert pulled(card, noon) == [reset]
    assert ledger.check() == []


def test_1_15_a_contact_before_the_batch_resets_nothing(till, card, noon):
    configured()
    till.upload(card.sale(till, 3000))

    assert pulled(card, noon) == []


def test_1_15_the_posting_resets_where_the_programme_says_so(till, noon):
    programme = factory.programme()
    programme.reset_on_posting = True
    programme.save()
    card = factory.card_on_phone(of=programme)
    till.upload(card.sale(till, 3000))

    batches.post_waiting(limit=20, at=noon)

    command = OtaCommand.objects.get()
    assert (command.action, command.device) == (OtaCommand.Action.RESET, card.phone)


def test_1_15_a_rejected_record_is_no_part_of_a_reset(till, card, noon):
    till.upload(card.sale(till, 3000), card.sale(till, 60_000))
    batches.post_waiting(limit=20, at=noon)

    configured()
    (reset,) = pulled(card, noon)

    assert Payment.objects.count() == 1
    assert reset.body == {1: 1, 2: 1, 3: 3000}


def test_a_record_of_the_renewed_certificate_posts_on_the_new_reserve(till, card, noon):
    record = card.sale(till, 3000)
    before = reserve_of(card)
    Credential.objects.update(contact_by=noon + timedelta(hours=1))
    type(card.phone).objects.update(seen_at=noon)
    assert renewals.renew_due(at=noon) == 1
    till.upload(record)

    batches.post_waiting(limit=20, at=noon)

    assert till.result() == [("POSTED", "")]
    fresh = Credential.objects.get(state="ACTIVE")
    assert reserve_of(card) == fresh.reserve_minor == before - 3000
    configured()
    assert [each.action for each in pulled(card, noon)] == [Action.CERTIFICATE, Action.RESET]

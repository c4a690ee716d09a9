"""Two at once: what each locks, who wins, and what neither may lose."""

import pytest
from django.db import transaction

from config.audit import SYSTEM
from issuers.models import Account, BlacklistVersion, Card, Credential, Issuer
from issuers.services import blacklist, commands
from tests.factories import issuers as made
from tests.issuers.providers import WatchedKeys

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_block_locks_the_cards_row_and_neither_account_nor_issuer(noon, elsewhere):
    credential = made.credential(at=noon)

    def free(rows):
        with transaction.atomic():
            return bool(list(rows.select_for_update(skip_locked=True, no_key=True)))

    with transaction.atomic():
        blacklist.block(card=credential.card, reason="LOST", at=noon, actor=SYSTEM)
        seen = [
            elsewhere(lambda model=model: free(model.objects.all())).result()
            for model in (Account, Issuer, Credential, Card)
        ]

    assert seen == [True, True, True, False]


def test_two_publishers_make_one_version(noon, elsewhere):
    programme = made.programme(at=noon)
    for _ in range(5):
        card = made.credential(of=made.card(of=programme, at=noon), at=noon).card
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)

    both = [
        elsewhere(lambda: blacklist.publish(issuer=programme.issuer, at=noon)) for _ in range(2)
    ]

    assert sorted(one.result() is None for one in both) == [False, True]
    assert BlacklistVersion.objects.get().added == 5


def test_parallel_certificates_take_dense_numbers_and_never_reserve_more_than_there_is(
    noon, elsewhere
):
    card = made.card(balance_minor=500_000, at=noon)
    phones = [made.phone()[0] for _ in range(4)]

    asked = [
        elsewhere(lambda phone=phone: made.credential(of=card, device=phone, at=noon))
        for phone in phones
    ]
    assert [one.exception() for one in asked] == [None] * 4

    caps = sorted(Credential.objects.values_list("cumulative_cap_minor", flat=True))
    assert caps == [0, 100_000, 200_000, 200_000]
    assert sorted(Credential.objects.values_list("list_number", flat=True)) == [0, 1, 2, 3]
    assert Account.objects.get().available_minor == 0


def test_parallel_certificates_of_many_cards_do_not_stand_in_each_others_way(noon, elsewhere):
    programme = made.programme(at=noon)
    cards = [made.card(of=programme, at=noon) for _ in range(8)]

    asked = [elsewhere(lambda card=card: made.credential(of=card, at=noon)) for card in cards]

    assert sorted(one.result().list_number for one in asked) == list(range(8))


def test_one_of_two_blocks_wins(noon, elsewhere):
    card = made.credential(at=noon).card

    both = [
        elsewhere(lambda: blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM))
        for _ in range(2)
    ]
    failures = [one.exception() for one in both]

    assert [type(one) for one in failures if one] == [blacklist.CardBlockedAlready]
    assert card.blacklist_entries.count() == 1


def test_a_publication_leaves_a_running_block_to_the_next_version(noon, elsewhere):
    programme = made.programme(at=noon)
    slow, quick = (
        made.credential(of=made.card(of=programme, at=noon), at=noon).card for _ in range(2)
    )
    blacklist.block(card=quick, reason="LOST", at=noon, actor=SYSTEM)
    publish = lambda: blacklist.publish(issuer=programme.issuer, at=noon)  # noqa: E731

    with transaction.atomic():
        blacklist.block(card=slow, reason="LOST", at=noon, actor=SYSTEM)
        first = elsewhere(publish).result(timeout=5)
    second = publish()

    assert (first.version, first.added) == (1, 1)
    assert (second.version, second.added) == (2, 1)


def test_nothing_is_locked_while_the_issuers_key_signs(noon, settings):
    settings.KEY_PROVIDER = "tests.issuers.providers.WatchedKeys"
    WatchedKeys.uses.clear()

    credential = made.credential(at=noon)
    blacklist.block_and_publish(card=credential.card, reason="LOST", at=noon, actor=SYSTEM)
    blacklist.file_for(issuer=credential.issuer, have=0, at=noon)
    commands.pending_for(device=credential.device, after=0, at=noon)

    assert WatchedKeys.uses == [False, False, False]

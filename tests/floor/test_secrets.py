"""Sealed values and signing keys: bound to their row, kept outside the database."""

import pytest
from cryptography.exceptions import InvalidTag
from django.utils import timezone

from config import keys, sealing
from config.models.keys import PLATFORM
from config.wire.keys import verify_raw


def test_a_sealed_value_opens_only_where_it_belongs():
    sealed = sealing.seal(b"secret", context="phone.psn_key.PHN-1")

    assert sealing.unseal(sealed, context="phone.psn_key.PHN-1") == b"secret"
    with pytest.raises(InvalidTag):
        sealing.unseal(sealed, context="phone.psn_key.PHN-2")


@pytest.mark.django_db
def test_a_rolled_key_signs_while_the_older_one_stays_trusted():
    now = timezone.now()
    old = keys.current(holder=PLATFORM, at=now)
    new = keys.roll(holder=PLATFORM, at=now)

    signature = keys.signer(holder=PLATFORM, at=now).sign_raw(b"told")

    verify_raw(public_key=bytes(new.public_key), data=b"told", signature=signature, low_s=True)
    assert {key.pk for key in keys.trusted(holder=PLATFORM, at=now)} == {old.pk, new.pk}


@pytest.mark.django_db
def test_private_keys_are_readable_by_their_owner_alone(data_folder):
    name = keys.current(holder=PLATFORM, at=timezone.now()).name

    assert (data_folder / "keys" / f"{name}.pem").stat().st_mode & 0o077 == 0

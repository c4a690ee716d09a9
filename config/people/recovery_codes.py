"""Recovery codes: ten on paper, each good once, kept as hashes."""

import secrets
from datetime import datetime

from argon2.low_level import Type, hash_secret_raw
from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from config import audit
from config.audit import Actor
from config.models import RecoveryCode, RecoveryCodes, User
from config.people.second_factor import NoAuthenticator, WrongCode, require_no_wait, tell_if_locked
from config.wire import base32

COUNT, DIGITS = 10, 10  # 50 random bits each, hence the slow hash


@transaction.atomic
def renew(*, user: User, actor: Actor, at: datetime) -> list[str]:
    """Make ten codes and return them, to be shown once; those from before are good no more."""
    salt = secrets.token_bytes(16)
    codes, _made = RecoveryCodes.objects.update_or_create(
        user=user,
        defaults={"name": "Recovery codes", "salt": salt, "created_at": at}
        | {"failed_tries": 0, "failed_at": None},
    )
    codes.each.all().delete()
    told = [base32.encode(secrets.randbits(50), digits=DIGITS) for _n in range(COUNT)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(codes=codes, hash=_hash(code, salt=salt)) for code in told
    )
    audit.record(
        actor=actor, action="recovery_codes.renew", subject_kind="User", subject=str(user.pk), at=at
    )
    return [f"{code[:5]}-{code[5:]}" for code in told]


def left(*, user: User) -> int | None:
    """Return how many codes the person has not used; None for who never had any."""
    unused = Count("each", filter=Q(each__used_at=None))
    return (
        RecoveryCodes.objects.filter(user=user)
        .annotate(left=unused)
        .values_list("left", flat=True)
        .first()
    )


def check(*, user: User, code: str, actor: Actor, at: datetime) -> RecoveryCodes:
    """Use up one code, typed in any case, with or without its hyphen.

    :raises NoAuthenticator: the person has no codes
    :raises TooManyTries: after wrong codes, with the seconds to wait in ``retry_after_s``
    :raises WrongCode: wrong, or used before
    """
    with transaction.atomic():
        codes = RecoveryCodes.objects.select_for_update().filter(user=user).first()
        if codes is None:
            raise NoAuthenticator(_("There are no recovery codes for you."))
        require_no_wait(wait_s=codes.wait_s(at=at))
        right = _take(codes, code=code, at=at)
        tell_if_locked(factor=codes, user=user, at=at)
        if right:
            audit.record(
                actor=actor,
                action="recovery_codes.use",
                subject_kind="User",
                subject=str(user.pk),
                at=at,
            )
    if not right:  # raised out here, or the counted failure would be rolled back
        raise WrongCode(_("That recovery code was not right, or it was used before."))
    return codes


def _take(codes: RecoveryCodes, *, code: str, at: datetime) -> bool:
    hashed = _hash(base32.tidy(code), salt=bytes(codes.salt))
    if codes.each.filter(hash=hashed, used_at=None).update(used_at=at) != 1:
        codes.count_failure(at=at)
        return False
    codes.failed_tries, codes.failed_at = 0, None
    codes.save(update_fields=["failed_tries", "failed_at"])
    return True


def _hash(code: str, *, salt: bytes) -> bytes:
    """Return Argon2id with OWASP's smallest setting, 19 MiB and two passes (ASVS 11.4.2)."""
    return hash_secret_raw(
        code.encode(),
        salt,
        time_cost=2,
        memory_cost=19_456,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )

"""What came again about a payment: each request that somebody sent more than once over HTTPS."""

from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import Exists, OuterRef

from config import repetitions
from config.models import Repetition
from config.repetitions import Call
from config.wire import b64
from settlement.models import AtcSeen, Batch, Payment, Preapproval, Redemption
from settlement.selectors.traced import Audience, Traced

REPEATED: Final = "REPEATED"

# A shop's wires are no issuer's business, nor what a phone sends its issuer a shop's.
_FOR_ISSUER: Final = frozenset({Call.COPIES, Call.PREAPPROVAL})
_FOR_ALL: Final = frozenset(
    {Call.TAP, Call.CLAIM, Call.RELEASE, Call.DECLINE, Call.APPROVE, Call.CONSENT}
)
_AT_MACHINE: Final = frozenset({Call.REDEMPTION, Call.COMPLETE, Call.REVERSE})


def of(*, payment: Payment) -> Iterator[Traced]:
    """Yield each repetition; at most three queries."""
    own = {payment.reference}
    if hasattr(payment, "request"):
        own.add(payment.request.tid)
    elsewhere: set[str] = set()
    if payment.channel == Payment.Channel.OFFLINE:
        own.update(_batches(payment))
    if payment.atc is not None:
        own.update(_taps(payment.credential_id, payment.atc))
    if payment.channel == Payment.Channel.PREAPPROVAL:
        at_machine, elsewhere = _ahead(payment)
        own.update(at_machine)
    for row in repetitions.about(subjects=sorted(own | elsewhere)):
        yield from _told(row, elsewhere=row.subject in elsewhere)


def of_ahead(*, preapproval: Preapproval, redemptions: Iterable[Redemption]) -> Iterator[Traced]:
    """Yield each repetition about a pre-approval and these of its redemptions; one query."""
    redeemed = [redemption.reference for redemption in redemptions]
    for row in repetitions.about(subjects=[preapproval.reference, *redeemed]):
        yield from _told(row, elsewhere=False)


def _told(row: Repetition, *, elsewhere: bool) -> Iterator[Traced]:
    """Yield the repetition; and, where more were counted with it, the last of those."""
    audience = Audience.ISSUER if elsewhere else _audience(Call(row.call))
    said = {"call": row.call, "by_server": row.caller.startswith("key:"), "number": row.number}
    facts = said | {"more": 0}
    yield Traced(at=row.first_at, step=REPEATED, audience=audience, facts=facts)
    if row.times > 1:
        facts = said | {"more": row.times - 1}
        yield Traced(at=row.last_at, step=REPEATED, audience=audience, facts=facts)


def _audience(call: Call) -> Audience:
    if call in _FOR_ISSUER:
        return Audience.ISSUER
    return Audience.ALL if call in _FOR_ALL | _AT_MACHINE else Audience.SHOP


def _batches(payment: Payment) -> list[str]:
    """Return the uploads under the numbers of its batches, by their bytes, refused ones too."""
    under = payment.batch_records.filter(
        batch__device=OuterRef("device"), batch__sequence=OuterRef("sequence")
    )
    rows = Batch.objects.filter(Exists(under))
    return [b64.encode(bytes(digest)) for digest in rows.values_list("digest", flat=True)]


def _taps(credential_id: int | None, atc: int) -> list[str]:
    seen = AtcSeen.objects.filter(credential=credential_id, atc=atc)
    return [b64.encode(bytes(each)) for each in seen.values_list("payload_digest", flat=True)]


def _ahead(payment: Payment) -> tuple[list[str], set[str]]:
    """Return the redemption that paid it; and its pre-approval with what else was tried."""
    rows = Redemption.objects.filter(preapproval__redemptions__payment=payment)
    named = rows.values_list("reference", "payment", "preapproval__reference").distinct()
    own, others = [], set()
    for reference, paid, preapproval in named:
        others.add(preapproval)
        if paid == payment.pk:
            own.append(reference)
        else:
            others.add(reference)
    return own, others

"""A file of gift certificates and lottery tickets: taken in at once, what was not is kept."""

from datetime import datetime
from typing import Final

from django.db import transaction

from config import references
from config.audit import Actor
from config.models import Job
from merchants.models import Merchant
from settlement.services import stock
from settlement.services.stock import FileMalformed

KIND: Final = "stock.load"
BYTES_MAX: Final = 2 * 1024 * 1024


@transaction.atomic
def take_in(*, merchant: Merchant, source: bytes, actor: Actor, at: datetime) -> Job:
    """
    Take the items of a CSV file (see :func:`stock.load_file`) in, and return what became of it.

    The job has ended when it is returned: a file of the largest size takes under two seconds. Its
    errors are the lines that were not taken, with their number in the file.

    :raises FileMalformed: larger than 2 MiB, not UTF-8, or no such file
    """
    loaded = stock.load_file(merchant=merchant, text=_text(source), actor=actor, at=at)
    errors = [{"line": each.line, "code": each.code, "text": each.text} for each in loaded.faults]
    total = loaded.count + len(errors)
    return Job.objects.create(
        reference=references.new("JOB"),
        kind=KIND,
        tenant=merchant.reference,
        state=Job.State.DONE_WITH_ERRORS if errors else Job.State.DONE,
        total=total,
        finished=total,
        failed=len(errors),
        errors=errors,
        created_by=actor.name,
        created_at=at,
        ended_at=at,
    )


def _text(source: bytes) -> str:
    if len(source) > BYTES_MAX:
        raise FileMalformed("The file is larger than 2 MiB.")
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError:
        raise FileMalformed("The file is not UTF-8.") from None

"""Search everywhere: one line finds payments, batches, cards and devices the person may see."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from config.people.access import SignedInRequest, may
from config.portal import filters
from config.roles import Right
from settlement.models import Batch
from settlement.portal.live import row_of
from settlement.portal.words import BATCH_LOOKS
from settlement.selectors import found
from settlement.selectors.typed import LOOK_BACK_DAYS


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show what ``?q=`` may mean, in groups; nothing of it is anybody else's."""
    person = cast("SignedInRequest", request)
    typed = filters.typed(request, "q")
    result = found.search(user=person.user, typed=typed, at=timezone.now())
    context = {
        "typed": typed,
        "found": result,
        "payments": [row_of(payment) for payment in result.payments],
        "batches": [(batch, BATCH_LOOKS[Batch.State(batch.state)]) for batch in result.batches],
        "most": found.MOST,
        "days": LOOK_BACK_DAYS,
        "may_edit_shop": may(membership=person.membership, right=Right.EDIT_SHOP),
    }
    return render(request, "settlement/search.html", context)

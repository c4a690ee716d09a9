"""The demo's mailbox: what would have been sent, to be read here."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from config.models import SentMail
from config.paging import newest_first
from config.portal import sheets
from config.portal.own_sheets import MAILS
from config.refusals import NotFound


@require_safe
def mailbox(request: HttpRequest) -> HttpResponseBase:
    """List the mails, newest first.

    :raises NotFound: outside the demo nothing is at this address
    """
    _require_demo()
    if sheets.wanted(request):
        return sheets.download(request, name="mails", rows=SentMail.objects.all(), sheet=MAILS)
    page = newest_first(rows=SentMail.objects.all(), request=request)
    return render(request, "mailbox/mailbox.html", {"page": page})


@require_safe
def mail(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Show one mail; its links work.

    :raises NotFound: outside the demo nothing is at this address
    """
    _require_demo()
    return render(request, "mailbox/mail.html", {"mail": get_object_or_404(SentMail, pk=mail_id)})


def _require_demo() -> None:
    if not settings.DEMO:
        raise NotFound

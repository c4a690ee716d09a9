"""Each file that a person takes away is told in the audit trail."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from config import audit
from config.people.access import SignedInRequest, actor_of


class DownloadTrail:
    """Middleware: one row for each answer that is an attachment, whichever page gave it.

    Here and not in each page, so that none can forget it. The row is written before the first byte
    goes out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        told = response.headers.get("Content-Disposition", "")
        if (
            told.startswith("attachment")
            and request.method == "GET"
            and response.status_code == 200
            and request.user.is_authenticated
        ):
            _tell(request, told)
        return response


def _tell(request: HttpRequest, told: str) -> None:
    membership = cast("SignedInRequest", request).membership
    audit.record(
        actor=actor_of(request),
        action="file.download",
        subject_kind="file",
        subject=told.partition("filename=")[2].strip('"')[:64],
        tenant=membership.tenant if membership else "",
        at=timezone.now(),
        after={"path": request.path},
    )

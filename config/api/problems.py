"""What goes wrong, as RFC 9457 problems: one shape for every refusal under ``/api/``."""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.request import Request

from config.refusals import Forbidden, NotFound, Refused
from config.signatures import SignatureInvalid

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:paydesk:problem:"
REQUEST_ID: Final = "X-Request-Id"
INVALID: Final = "invalid"
_BUSY_S: Final = 1

logger = logging.getLogger(__name__)


class Problem(JsonResponse):
    """
    A refusal as ``application/problem+json``: ``code`` is stable, the texts are for people.

    The request id goes into the header alone, so that a kept answer stays the same answer.
    """

    def __init__(
        self, *, status: int, code: str, title: str, detail: str = "", **extra: object
    ) -> None:
        retry_after_s = extra.pop("retry_after_s", None)
        told = {"type": TYPE + code, "title": title, "status": status}
        super().__init__(
            told | {"detail": detail or title, "code": code} | extra,
            status=status,
            content_type=MEDIA_TYPE,
        )
        self.code = code
        if status == HTTPStatus.UNAUTHORIZED:
            self["WWW-Authenticate"] = 'Bearer realm="paydesk"'
        if retry_after_s is not None:
            self["Retry-After"] = str(retry_after_s)


def handle(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Return the problem of what a view raised; None lets an unknown one become a 500."""
    problem = _problem(exception)
    if problem is not None:
        _identify(problem, context["request"])
    return problem


def _problem(exception: Exception) -> Problem | None:
    problem: Problem | None = None
    match exception:
        case Refused():
            problem = _of_refusal(exception)
        case Http404():
            problem = _of_refusal(NotFound(_("There is no such thing, or it is not yours.")))
        case PermissionDenied():
            problem = _of_refusal(Forbidden())
        case RequestDataTooBig():
            problem = _too_large()
        case UnreadablePostError():
            problem = _malformed(_("The body ended early."))
        case OperationalError() | InterfaceError():
            problem = _unavailable(exception)
        case exceptions.APIException():
            problem = _of_framework(exception)
    return problem


def _of_refusal(refusal: Refused) -> Problem:
    return Problem(
        status=refusal.status,
        code=refusal.code,
        title=_(refusal.title),
        detail=_(refusal.detail),
        **refusal.extra,
    )


def _of_framework(exception: exceptions.APIException) -> Problem:
    match exception:
        case exceptions.ValidationError():
            return invalid(list(_flatten(exception.get_full_details())))
        case exceptions.ParseError():
            return _malformed(str(exception.detail))
        case exceptions.NotAuthenticated():
            return _of_refusal(SignatureInvalid())
        case exceptions.UnsupportedMediaType():
            code = "unsupported_media_type"
        case exceptions.PermissionDenied():
            # Permissions here ask for the kind of caller alone; joined by `|` they lose their code.
            code = "wrong_kind"
        case _:
            code = str(exception.get_codes())
    wait_s = getattr(exception, "wait", None)  # of Throttled
    return Problem(
        status=exception.status_code,
        code=code,
        title=HTTPStatus(exception.status_code).phrase,
        detail=str(exception.detail),
        retry_after_s=None if wait_s is None else int(wait_s) + 1,
    )


def invalid(errors: Sequence[Mapping[str, str]]) -> Problem:
    """Return the 422 of a body that does not validate: ``errors`` of ``{field, code, detail}``."""
    return Problem(
        status=422, code=INVALID, title=_("The request does not validate"), errors=list(errors)
    )


def _malformed(detail: str) -> Problem:
    return Problem(status=400, code="malformed", title=_("Malformed request"), detail=detail)


def _too_large() -> Problem:
    return Problem(status=413, code="too_large", title=_("The body is too large"))


def _unavailable(exception: Exception) -> Problem:
    # A deadlock, or a database that restarts: asking again under the same key is safe.
    logger.warning("database unavailable", exc_info=exception)
    return Problem(
        status=503, code="unavailable", title=_("Try again shortly"), retry_after_s=_BUSY_S
    )


def _flatten(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Yield one error per leaf of a serializer's details, its path dotted from the body on."""
    if isinstance(details, Mapping) and set(details) == {"message", "code"}:
        yield {"field": path, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, Mapping):
        for name, inner in details.items():
            own = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _flatten(inner, own)
    else:
        for inner in details:
            yield from _flatten(inner, path)


def _identify(problem: Problem, request: Request | HttpRequest) -> None:
    problem[REQUEST_ID] = getattr(request, "request_id", "") or uuid.uuid4().hex


def no_such_route(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what no route of the API takes."""
    problem = _of_refusal(NotFound(_("There is no such address.")))
    _identify(problem, request)
    return problem


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what Django itself refused before any view of the API saw it."""
    problem = _too_large() if isinstance(exception, RequestDataTooBig) else _malformed("")
    _identify(problem, request)
    return problem


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault of ours, telling nothing of it."""
    problem = Problem(status=500, code="server_error", title=_("Something went wrong on our side"))
    _identify(problem, request)
    return problem

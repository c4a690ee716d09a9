"""``Idempotency-Key`` on the API's unsafe calls: a decorator of a view's method."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import idempotency
from config.api import problems
from config.api.authentication import caller_of
from config.idempotency import Answer
from config.refusals import Refused

HEADER: Final = "Idempotency-Key"
_REFUSALS: Final = (Refused, APIException, Http404, PermissionDenied)

type Method = Callable[..., HttpResponseBase]


def idempotent(method: Method) -> Method:
    """
    Make an APIView's ``method``, which moves money or state, answer a repetition as at first.

    Without the header (optional for devices) the method simply runs. Refusals become answers here,
    so that they are kept like any other; a fault undoes all and is the framework's to answer.
    """

    @wraps(method)
    def once(view: APIView, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)
        if not idempotency.is_key(key):
            return _bad_key()
        made: list[HttpResponseBase] = []

        def act() -> Answer:
            made.append(_judged(method, view, request, *args, **kwargs))
            return _told(made[0])

        answer = idempotency.once(
            caller=caller_of(request).caller,
            key=key,
            fingerprint=_fingerprint(request),
            at=timezone.now(),
            act=act,
        )
        return made[0] if made else _repeated(answer)

    once.is_idempotent = True  # type: ignore[attr-defined]  # the schema reads it
    return once


def _judged(
    method: Method, view: APIView, request: Request, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    try:
        return method(view, request, *args, **kwargs)
    except _REFUSALS as refusal:
        problem = problems.handle(refusal, {"request": request, "view": view})
        assert problem is not None, "every refusal is a problem"
        return problem


def _fingerprint(request: Request) -> bytes:
    sent = request._request  # noqa: SLF001  (the bytes as they came, before any parser)
    return idempotency.fingerprint(
        method=sent.method or "", path=sent.get_full_path(), body=sent.body
    )


def _told(response: HttpResponseBase) -> Answer:
    if isinstance(response, Response):
        body = b"" if response.data is None else JSONRenderer().render(response.data)
        return Answer(status=response.status_code, body=body)
    assert isinstance(response, HttpResponse), "an answer that is kept does not stream"
    code = response.code if isinstance(response, problems.Problem) else ""
    return Answer(status=response.status_code, body=response.content, code=code)


def _repeated(answer: Answer) -> HttpResponse:
    media_type = problems.MEDIA_TYPE if answer.status >= 400 else "application/json"
    response = HttpResponse(answer.body, status=answer.status, content_type=media_type)
    if not answer.body:
        del response["Content-Type"]
    return response


def _bad_key() -> HttpResponse:
    told = _("Printable ASCII, 16 to 255 characters.")
    return problems.invalid([{"field": HEADER, "code": "invalid", "detail": told}])

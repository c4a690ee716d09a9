"""``Idempotency-Key`` on the API's unsafe calls: a decorator of a view's method."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, NamedTuple

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

from config import idempotency, repetitions
from config.api import problems
from config.api.authentication import KeyPrincipal, caller_of
from config.idempotency import Answer
from config.pipeline import Statement
from config.refusals import Refused
from config.repetitions import Call

HEADER: Final = "Idempotency-Key"
_REFUSALS: Final = (Refused, APIException, Http404, PermissionDenied)

# Whoever hears these has nothing to do with the thing, whose story they do not enter; or it was no
# request, and nobody looked whether there is such a thing.
_OF_STRANGERS: Final = frozenset({401, 403, 404})
_OF_NO_REQUEST: Final = frozenset({400, 413, 415})
_INVALID: Final = 422  # with the code of the same name; other refusals have it too

type Method = Callable[..., HttpResponseBase]


class Again(NamedTuple):
    """A request that came again: its body's bytes, the names in its path, and its first answer."""

    sent: bytes
    path: Mapping[str, Any]
    answer: Answer


type Subjects = Callable[[Again], Sequence[str]]


def repeats(call: Call, subjects: Subjects) -> Callable[[Method], Method]:
    """Say what a repetition of an :func:`idempotent` method is about, so that it is kept."""

    def marked(method: Method) -> Method:
        method.repeats = (call, subjects)  # type: ignore[attr-defined]
        return method

    return marked


def named(name: str) -> Subjects:
    """Return what finds the thing by its ``name`` in the path, else in the first answer."""

    def found(again: Again) -> Sequence[str]:
        subject = again.path.get(name) or json.loads(again.answer.body).get(name, "")
        return [subject] if subject else []

    return found


def idempotent(method: Method) -> Method:
    """
    Make an APIView's ``method``, which moves money or state, answer a repetition as at first.

    Without the header the method simply runs for a device; a server must send it. Refusals become
    answers here, so that they are kept like any other; a fault undoes all and is the framework's to
    answer.
    """

    @wraps(method)
    def once(view: APIView, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get(HEADER)
        if key is None:
            if isinstance(caller_of(request), KeyPrincipal):
                return _no_key()
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
            repeated=lambda answer: _noting(method, request, kwargs, answer),
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


def _noting(
    method: Method, request: Request, path: Mapping[str, Any], answer: Answer
) -> Statement | None:
    """Return what keeps that the request came again; None where there is nothing to tell of."""
    marked: tuple[Call, Subjects] | None = getattr(method, "repeats", None)
    if marked is None or not _is_about_something(answer):
        return None
    call, subjects = marked
    sent = request._request.body  # noqa: SLF001  (as in _fingerprint)
    about = subjects(Again(sent, path, answer))
    if not about:
        return None
    caller = caller_of(request).caller
    return repetitions.noting(subjects=about, call=call, caller=caller, at=timezone.now())


def _is_about_something(answer: Answer) -> bool:
    if answer.status == _INVALID:
        return bool(json.loads(answer.body)["code"] != problems.INVALID)
    return answer.status not in _OF_STRANGERS | _OF_NO_REQUEST


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


def _no_key() -> HttpResponse:
    told = _("A server sends one with every call that moves money or state.")
    return problems.invalid([{"field": HEADER, "code": "required", "detail": told}])

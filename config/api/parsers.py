"""Bodies: strict JSON, and signed objects as they are."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class TooLarge(APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The body is too large."


class StrictJSON(BaseParser):
    """JSON in UTF-8 (RFC 8259) with no name twice and no NaN; all else is 400 ``malformed``."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return loads(stream.read())


class SignedObject(BaseParser):
    """A COSE_Sign1 body (``application/cose``) as its exact bytes, up to ``BATCH_MAX_BYTES``."""

    media_type = "application/cose"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        data: bytes = stream.read(settings.BATCH_MAX_BYTES + 1)
        if len(data) > settings.BATCH_MAX_BYTES:
            raise TooLarge
        return data


def loads(body: bytes) -> Any:
    """
    Return the JSON value of ``body``.

    :raises ParseError: it is not JSON, holds a name twice, NaN, or nests too deeply
    """
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as wrong:
        raise ParseError(_("The body is not JSON.")) from wrong


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("A name comes twice.")
    return made


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON.")

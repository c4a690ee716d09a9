"""What readers upload, what became of it, and what they ask at once (protocol §5)."""

import json
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.once import Again, idempotent, repeats
from config.api.parsers import SignedObject
from config.api.permissions import device_of
from config.models.devices import DeviceKind
from config.repetitions import Call
from config.wire import b64
from merchants.wire import batch_digest
from settlement import tasks
from settlement.api.serializers import (
    AuthorizationAnswer,
    AuthorizationBody,
    BatchAnswer,
    BatchResultAnswer,
)
from settlement.services import batches, online
from wallets.wire import document_of

READER = device_of(DeviceKind.READER)
READER_OR_TERMINAL = device_of(DeviceKind.READER, DeviceKind.TERMINAL)


def _batch(again: Again) -> list[str]:
    """Return the batch by its bytes, taken or refused."""
    return [b64.encode(batch_digest(again.sent))]


def _tap(again: Again) -> list[str]:
    """Return the tap by what the card signed; a request that was refused is of no payment."""
    if again.answer.status >= 400:
        return []
    return [document_of(b64.decode(json.loads(again.sent)["record"]))]


class BatchUpload(APIView):
    """Take in a batch of offline records; it posts soon after."""

    permission_classes = [READER]
    parser_classes = [SignedObject]

    @extend_schema(request={"application/cose": OpenApiTypes.BINARY}, responses={202: BatchAnswer})
    @idempotent
    @repeats(Call.BATCH, _batch)
    def post(self, request: Request) -> Response:
        content = cast("bytes", request.data or b"")  # the one parser's bytes, {} for no body
        received = batches.receive(device=signer_of(request), content=content, at=timezone.now())
        tasks.hint()
        return Response(BatchAnswer(received).data, status=status.HTTP_202_ACCEPTED)


class BatchResult(APIView):
    """Tell a reader what became of a batch of its own, record by record."""

    permission_classes = [READER]

    @extend_schema(responses=BatchResultAnswer)
    def get(self, request: Request, sequence: int, **_kwargs: Any) -> Response:
        result = batches.result_of(device=signer_of(request), sequence=sequence)
        return Response(BatchResultAnswer(result).data)


class Authorizations(APIView):
    """Approve a tap online; a decline is a success that says why."""

    permission_classes = [READER_OR_TERMINAL]

    @extend_schema(request=AuthorizationBody, responses=AuthorizationAnswer)
    @idempotent
    @repeats(Call.TAP, _tap)
    def post(self, request: Request) -> Response:
        tap = AuthorizationBody.read(request)
        answer = online.authorise(device=signer_of(request), at=timezone.now(), **tap)
        return Response(AuthorizationAnswer(answer).data)

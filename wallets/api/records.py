"""The phone's own copies of offline payments, and the payments the portal knows of."""

import json

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.once import Again, idempotent, repeats
from config.api.permissions import device_of
from config.models.devices import DeviceKind
from config.repetitions import Call
from config.wire import b64
from settlement.selectors.customers import payments_of_customer
from wallets.api.serializers import PaymentsAnswer, RecordsAnswer, RecordsBody
from wallets.services import offline_records
from wallets.wire import document_of

PHONE = device_of(DeviceKind.PHONE)


def _copies(again: Again) -> list[str]:
    """Return each record by what the phone signed; of a refused request none was kept."""
    if again.answer.status >= 400:
        return []
    return [document_of(b64.decode(record)) for record in json.loads(again.sent)["records"]]


class OfflineRecords(APIView):
    """Keep the phone's own copies as evidence; nothing is posted from here."""

    permission_classes = [PHONE]

    @extend_schema(request=RecordsBody, responses=RecordsAnswer)
    @idempotent
    @repeats(Call.COPIES, _copies)
    def post(self, request: Request) -> Response:
        records = RecordsBody.read(request)["records"]
        stored = offline_records.keep(device=signer_of(request), records=records, at=timezone.now())
        return Response({"stored": stored})


class PaymentList(APIView):
    """List the customer's own payments, oldest first after ``after``."""

    permission_classes = [PHONE]

    @extend_schema(
        parameters=[OpenApiParameter("after", str, description="the last `next`")],
        responses=PaymentsAnswer,
    )
    def get(self, request: Request) -> Response:
        after = request.query_params.get("after", "")
        payments = payments_of_customer(customer=signer_of(request).owner, after=after)
        newest = payments[-1].payment.reference if payments else after
        return Response(PaymentsAnswer({"payments": payments, "next": newest}).data)

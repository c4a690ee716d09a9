"""Over-the-air commands, pulled and acknowledged by the phone (protocol §5.2)."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.permissions import device_of
from config.api.serializers import NoBody
from config.models.devices import DeviceKind
from settlement.services import contacts
from wallets.api.serializers import (
    AcknowledgementBody,
    CommandsAnswer,
    CommandsQuery,
    TicketAnswer,
)
from wallets.services import commands, phones

PHONE = device_of(DeviceKind.PHONE)


class CommandList(APIView):
    """List what waits for this phone; asking again without acknowledging lists it again."""

    permission_classes = [PHONE]

    @extend_schema(parameters=[CommandsQuery], responses=CommandsAnswer)
    def get(self, request: Request) -> Response:
        after = CommandsQuery.of_query(request)["after"]
        waiting = contacts.pull(device=signer_of(request), after=after, at=timezone.now())
        newest = max([after, *(command.seq for command in waiting)])
        return Response(CommandsAnswer({"commands": waiting, "next": newest}).data)


class CommandAcknowledge(APIView):
    """Take the phone's signed word on what it applied; the same one again is welcome."""

    permission_classes = [PHONE]

    @extend_schema(request=AcknowledgementBody, responses={200: None})
    def post(self, request: Request) -> Response:
        body = AcknowledgementBody.read(request)
        commands.acknowledge(device=signer_of(request), ack=body["ack"], at=timezone.now())
        return Response({"acknowledged": True})


class SocketTicket(APIView):
    """Make a one-time way to open the phone's socket without signing its handshake."""

    permission_classes = [PHONE]

    @extend_schema(request=None, responses={201: TicketAnswer})
    def post(self, request: Request) -> Response:
        NoBody.read(request)
        ticket, expires_at = phones.socket_ticket(device=signer_of(request), at=timezone.now())
        told = TicketAnswer({"ticket": ticket, "expires_at": expires_at})
        return Response(told.data, status=status.HTTP_201_CREATED)

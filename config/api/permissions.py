"""Which kinds of caller a call admits; whose things they see is the selectors' to say."""

from functools import cache

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from config.api.authentication import DevicePrincipal, KeyPrincipal, caller_of
from config.models.devices import DeviceKind


class _Kind(BasePermission):
    """A caller of another kind is known and refused: 403 ``wrong_kind``."""

    message = "A caller of this kind may not do this."


@cache
def device_of(*kinds: str) -> type[BasePermission]:
    """Return the permission that admits devices of ``kinds`` alone; ``|`` joins it with others."""
    admitted = frozenset(DeviceKind(kind) for kind in kinds)

    class DeviceOf(_Kind):
        def has_permission(self, request: Request, view: APIView) -> bool:
            caller = caller_of(request)
            return isinstance(caller, DevicePrincipal) and caller.device.kind in admitted

    return DeviceOf


any_device = device_of(*DeviceKind.values)


class ApiKeyOfMerchant(_Kind):
    """Admits servers with a merchant's API key."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = caller_of(request)
        return isinstance(caller, KeyPrincipal) and bool(caller.merchant_reference)


api_key_of_merchant = ApiKeyOfMerchant

"""How webhooks, their messages and attempts are called on pages."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from merchants.models import WebhookDelivery, WebhookEndpoint


class Look(NamedTuple):
    """A tone of the design and a word."""

    tone: str
    word: str


def of_endpoint(endpoint: WebhookEndpoint) -> Look:
    """Return the state of an endpoint."""
    because = WebhookEndpoint.PausedBecause
    if endpoint.state == WebhookEndpoint.State.ENABLED:
        return Look("warn", _("Failing")) if endpoint.failing_since else Look("ok", _("On"))
    return {
        because.PERSON.value: Look("neutral", _("Paused")),
        because.FAILING.value: Look("bad", _("Paused: it failed for 3 days")),
        because.GONE.value: Look("bad", _("Paused: it answered 410 Gone")),
    }.get(endpoint.paused_because, Look("neutral", _("Removed")))


def of_delivery(delivery: WebhookDelivery) -> Look:
    """Return the state of a message."""
    state = WebhookDelivery.State
    if delivery.state == state.PENDING:
        again = delivery.tries > 0
        return Look("warn", _("Tried, waits")) if again else Look("info", _("Waits"))
    return {
        state.DELIVERED.value: Look("ok", _("Delivered")),
        state.FAILED.value: Look("bad", _("Given up")),
        state.DROPPED.value: Look("neutral", _("Dropped")),
    }[delivery.state]


def of_error(error: str) -> str:
    """Return what an attempt met with, in words."""
    return {
        "": _("taken"),
        "status": _("answered with an error"),
        "redirect": _("answered with a redirect, which is not followed"),
        "timeout": _("no answer within 10 seconds"),
        "target_refused": _("the address leads inside a network"),
        "name_unknown": _("the host is not known"),
        "certificate": _("its certificate is not valid for it"),
        "tls": _("it does not speak TLS"),
        "unreachable": _("no connection"),
        "broken_off": _("the connection broke off"),
    }.get(error, error)

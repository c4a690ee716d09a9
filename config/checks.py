"""What ``check --deploy`` refuses beside Django's own list: the demo's conveniences."""

from typing import Any

from django.conf import settings
from django.core import checks as django_checks
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def demo_is_off(**_options: Any) -> list[CheckMessage]:
    """Refuse the demo: it signs people in by printed links."""
    if not settings.DEMO:
        return []
    return [Error("PAYDESK_DEMO is on.", hint="Set PAYDESK_DEMO=0.", id="paydesk.E001")]


@register(Tags.security, deploy=True)
def lifetimes_are_whole(**_options: Any) -> list[CheckMessage]:
    """Refuse lifetimes that ``up --ttl`` shortened for tests (protocol §9)."""
    if not settings.TTL_SHORTENED:
        return []
    named = ", ".join(f"PAYDESK_TTL_{name}" for name in settings.TTL_SHORTENED)
    return [Error(f"Lifetimes are changed: {named}.", hint="Unset them.", id="paydesk.E002")]


@register(Tags.security, deploy=True)
def webhooks_are_fenced(**_options: Any) -> list[CheckMessage]:
    """Refuse holes in the fence round webhook targets: they are for the demo and for tests."""
    holes = {
        "PAYDESK_WEBHOOK_ALLOW": settings.WEBHOOK_ALLOW,
        "PAYDESK_WEBHOOK_TRUST": settings.WEBHOOK_TRUST,
    }
    named = ", ".join(name for name, given in holes.items() if given)
    if not named:
        return []
    return [Error(f"Webhooks may go inside: {named}.", hint="Unset it.", id="paydesk.E003")]


@register(Tags.security, deploy=True)
def mail_leaves_the_house(**_options: Any) -> list[CheckMessage]:
    """Warn where mails, and the one-time links in them, stay in the database."""
    if settings.MAILED:
        return []
    return [
        django_checks.Warning("Mails are kept, not sent.", hint="Set EMAIL_URL.", id="paydesk.W001")
    ]

"""Logs: one JSON object a line on standard error, with nothing secret in it.

Bodies are never logged. What a name gives away is redacted by name, what a shape gives away (card
and serial numbers, enrolment codes) by shape, in every value and traceback.
"""

import logging.config
import re
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

REDACTED: Final = "[redacted]"

SECRET_WORDS: Final = frozenset(
    {
        *("assertion", "authentication", "authorization", "code", "cookie", "csrf", "key", "nonce"),
        *("number", "passphrase", "password", "pin", "psn", "secret", "session", "signature"),
        *("ticket", "tid", "token", "totp", "tsn"),
    }
)
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

# Twelve digits and more are a card number, an approval number, a TSN with or without its PSN; ten
# characters of base32 standing alone are an enrolment code or a PSN (a reference has its prefix).
_SHAPES: Final = (
    re.compile(r"(?<!\d)\d(?:[ -]?\d){11,}(?!\d)"),
    re.compile(r"(?<![\w-])[0-9A-HJKMNP-TV-Z]{10}(?![\w-])"),
    re.compile(r"(?<![\w-])[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}(?![\w-])"),
    re.compile(r"(?i)(?<=\bbearer )[^\s\"']+"),
    re.compile(r"(?i)(?<=[?&]ticket=)[^\s&\"']+"),
    re.compile(r"(?<=\bonce_)[\w-]+"),  # the token of a one-time link, in a path
)


def configure(options: Mapping[str, Any]) -> None:
    """Set up structlog and the standard library's logging alike: the value of LOGGING_CONFIG."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard(shared, level=options["level"]))


def _standard(shared: list[Any], *, level: str) -> dict[str, Any]:
    final = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(default=str),
    ]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": final,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            "httpx": {"level": "WARNING"},
        },
    }


class RequestLog:
    """Middleware: one line per request with what was asked and how it ended, without its body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.logger = structlog.get_logger("paydesk.requests")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response = self.get_response(request)
        self.logger.info(
            "request",
            method=request.method,
            path=request.path,
            http_status=response.status_code,
            refusal=getattr(response, "code", ""),
            ms=round((time.monotonic() - began) * 1000, 1),
        )
        return response


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the event without its secrets: a structlog processor, the last before rendering."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if _is_secret(name):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(inner): _redacted(str(inner), own) for inner, own in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", own) for own in value]
    if value is None or isinstance(value, bool | float):
        return value
    text = str(value)
    shown = without_secrets(text)
    return value if isinstance(value, int) and shown == text else shown


def without_secrets(text: str) -> str:
    """Return ``text`` with everything redacted that has a secret's shape."""
    for shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    return text


def _is_secret(name: str) -> bool:
    parts = {part.lower() for part in _PARTS.findall(name)}
    return bool(parts & SECRET_WORDS) and not parts & {"status"}

"""Parts of a page that are one element or a frame round the page's own words.

Larger parts with data of their own are includes in ``templates/components/``; each says at its top
what it takes.
"""

from typing import Any

from django import template
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.paging import CURSORS

register = template.Library()

TONES = frozenset({"ok", "warn", "bad", "info", "offline", "neutral"})
THEMES = frozenset({"light", "dark"})
FACES = {
    "ISSUER": _("Issuer back office"),
    "MERCHANT": _("Merchant portal"),
    "PLATFORM": _("Platform"),
    "SPONSOR": _("Sponsor"),
}
LEVELS = {"success": "ok", "error": "bad", "warning": "warn", "info": "info", "debug": "neutral"}


def _toned(tone: str) -> str:
    """Return ``tone`` if the design knows it: a state drawn without its colour would go unseen.

    :raises template.TemplateSyntaxError: no such tone
    """
    if tone not in TONES:
        raise template.TemplateSyntaxError(f"{tone!r} is not a tone; there are {sorted(TONES)}")
    return tone


@register.filter
def face(kind: str) -> object:
    """Return what the product calls itself for a kind of tenant (``config.roles.TenantKind``)."""
    return FACES.get(str(kind), _("Back office"))


@register.filter(name="tone")
def tone_of_level(level: str) -> str:
    """Return the tone of a message's level (``django.contrib.messages``)."""
    return LEVELS.get(level, "info")


@register.filter
def initials(name: object) -> str:
    """Return one or two letters for a person: "Risk desk 2" reads R2, "Mina Park" reads MP."""
    words = str(name).split()
    return "".join(
        word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)
    ).upper()


@register.simple_tag(takes_context=True)
def theme(context: Context) -> SafeString:
    """Return ``data-theme`` when this browser chose light or dark, so that no page flashes."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme") if request else None
    return format_html(' data-theme="{}"', chosen) if chosen in THEMES else SafeString("")


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """Return an icon of ``img/icons.svg``, 16, 20 or 24 px, hidden from screen readers."""
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        "" if size == 16 else f" i-{size}",
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def pill(tone: str, label: object) -> SafeString:
    """Return a status as shape, word and colour together, for tables and heads."""
    return format_html('<span class="pill is-{}">{}{}</span>', _toned(tone), icon(tone), label)


@register.simple_tag
def state(tone: str, label: object) -> SafeString:
    """Return a status in a sentence or a short list: shape, word and colour without a ground."""
    return format_html('<span class="state is-{}">{}{}</span>', _toned(tone), icon(tone), label)


@register.simple_tag
def live_state(tone: str, icon_name: str, label: object) -> SafeString:
    """Return a still picture of the live chip; the working one is ``components/live.html``."""
    return format_html('<span class="live is-{}">{}{}</span>', _toned(tone), icon(icon_name), label)


@register.simple_tag
def copyable(text: object, says: object = "", shown: object = None) -> SafeString:
    """Return ``text`` with a button that copies it; ``says`` names it aloud ("the request id")."""
    return format_html(
        '<span class="copy">{}<button type="button" data-copy="{}">{}'
        '<span class="sr">{}</span></button></span>',
        format_html("<code>{}</code>", text) if shown is None else shown,
        text,
        icon("copy"),
        _("Copy %(what)s") % {"what": says or text},
    )


def _sort_address(request: HttpRequest | None, sort: str) -> str:
    """Return the page's query with ``sort`` and no cursor: a cursor belongs to one order only."""
    query = request.GET.copy() if request else None
    if query is None:
        return f"?sort={sort}"
    for cursor in CURSORS:
        query.pop(cursor, None)
    query["sort"] = sort
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def column(
    context: Context, label: object, sort: str = "", default: str = "", css: str = ""
) -> SafeString:
    """Return one ``<th>`` of a list's head; with ``sort`` it is a link that orders by that field.

    ``default`` is the order of a page without ``?sort=``; a minus in front of a field means newest
    or largest first. ``css``: ``num``, ``opt``, ``sel``. The link keeps every filter.
    """
    classes = format_html(' class="{}"', css) if css else ""
    if not sort:
        return format_html('<th scope="col" role="columnheader"{}>{}</th>', classes, label)
    request = context.get("request")
    asked = (request.GET.get("sort") if request else None) or default
    order = {sort: "ascending", f"-{sort}": "descending"}.get(asked, "")
    mark = {"ascending": "up", "descending": "down"}.get(order, "sort")
    following = sort if asked == f"-{sort}" else f"-{sort}"
    return format_html(
        '<th scope="col" role="columnheader"{}{}><a class="sort" href="{}">{}{}</a></th>',
        classes,
        format_html(' aria-sort="{}"', order) if order else "",
        _sort_address(request, following),
        label,
        icon(mark),
    )


@register.simple_block_tag
def banner(content: SafeString, tone: str, icon_name: str = "", live: bool = False) -> SafeString:
    """Return a notice round its own ``<p>``; ``live``: it came up after the page did."""
    return format_html(
        '<div class="banner is-{}"{}>{}{}</div>',
        _toned(tone),
        SafeString(' role="alert"' if live else ""),
        icon(icon_name or tone, 20),
        content,
    )


@register.simple_block_tag
def dialog(content: SafeString, name: str, title: object) -> SafeString:
    """Return a dialog that only tells; any element with ``data-dialog="name"`` opens it."""
    return SafeString(
        render_to_string("components/dialog.html", {"id": name, "title": title, "content": content})
    )


@register.simple_block_tag(takes_context=True)
def confirm(context: Context, content: SafeString, **parts: Any) -> SafeString:
    """Return a dialog that asks before it posts; the focus starts on the safe button.

    ``id``, ``title`` (verb, object and number), ``action`` (where it posts), ``verb`` (the
    button's words, the same verb), ``keep`` (the safe button's words), ``tone`` (``danger`` or
    ``primary``), ``expect`` (the count to type, for 100 rows or more and for what cannot be
    undone), ``expect_name`` (its field's name).
    """
    request = context.get("request")
    token = get_token(request) if request else ""
    return SafeString(
        render_to_string(
            "components/confirm.html",
            {"tone": "danger", "expect_name": "expected"}
            | parts
            | {"content": content, "token": token},
        )
    )


@register.simple_block_tag
def polled(content: SafeString, name: str, url: str, every: int = 3) -> SafeString:
    """Return a box redrawn every ``every`` seconds from ``url``, which answers with its inside.

    It rests while the tab is hidden, while the page is paused and while the focus is in the box.
    """
    return format_html(
        '<div id="{}" data-polled hx-get="{}" hx-trigger="every {}s" hx-swap="innerHTML">{}</div>',
        name,
        url,
        every,
        content,
    )

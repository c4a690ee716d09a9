"""Fields of a form: label, hint, error and input in one order, tied together for screen readers."""

from django import forms, template
from django.forms.boundfield import BoundField
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

LOOKS = (
    (forms.RadioSelect, "choices"),
    (forms.CheckboxSelectMultiple, "choices"),
    (forms.CheckboxInput, "choice"),
    (forms.ClearableFileInput, "file"),
    (forms.FileInput, "file"),
)


def look(bound: BoundField) -> str:
    """Return the shape a field takes: ``input``, ``choice``, ``choices`` or ``file``."""
    widget = bound.field.widget
    return next((name for kind, name in LOOKS if isinstance(widget, kind)), "input")


def _drawn(bound: BoundField, shape: str, css: str) -> SafeString:
    """Return the widget; Django ties hint and error to it and marks it invalid."""
    classes = {"input": f"input {css}".strip(), "file": "sr"}.get(shape, css)
    return bound.as_widget(attrs={"class": classes} if classes else {})


@register.simple_tag
def field(bound: BoundField, unit: str = "", css: str = "") -> SafeString:
    """Return one field with its label, hint and error above the input, or its hidden input alone.

    ``unit`` sets a currency or another unit after a right-aligned number; ``css`` adds
    ``input-short`` or ``code-input``.
    """
    if bound.is_hidden:
        return bound.as_hidden()
    shape = look(bound)
    return SafeString(
        render_to_string(
            "components/field.html",
            {"field": bound, "shape": shape, "unit": unit, "control": _drawn(bound, shape, css)},
        )
    )


def _faults(bound: BoundField) -> list[tuple[str, str]]:
    """Return where each fault leads and its words; "required" alone would not say what."""
    where = bound.id_for_label or bound.auto_id
    bare = {bound.field.error_messages.get("required")}
    return [
        (where, f"{bound.label}: {fault}" if fault in bare else str(fault))
        for fault in bound.errors
    ]


@register.simple_tag
def error_summary(form: forms.BaseForm | None, live: bool = True) -> SafeString:
    """Return what is wrong with a form as links to its fields, or nothing; first in the form.

    ``live`` takes the focus when the page opens; a sample on the styleguide does not.
    """
    if form is None or not form.is_bound or not form.errors:
        return SafeString("")
    faults: list[tuple[str, str]] = [("", str(fault)) for fault in form.non_field_errors()]
    for name in form.errors:
        if name in form.fields:
            faults += _faults(form[name])
    lines = format_html_join(
        "",
        "<li>{}</li>",
        (
            (format_html('<a href="#{}">{}</a>', where, fault) if where else fault,)
            for where, fault in faults
        ),
    )
    return format_html(
        '<div class="summary"{}><h2>{}</h2><ul>{}</ul></div>',
        SafeString(' role="alert" tabindex="-1"' if live else ""),
        _("There is a problem"),
        lines,
    )

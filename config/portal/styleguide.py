"""The styleguide page: each component in each state, for people, for axe, for picture tests."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

# Token, light, dark, as the design lists them; drawn as SVG, for literal colours are not for CSS.
COLOURS = (
    ("bg", "#F6F7F9", "#0F1318"),
    ("surface", "#FFFFFF", "#171C23"),
    ("raised", "#FFFFFF", "#1F262F"),
    ("sunken", "#EDF0F3", "#0B0E12"),
    ("text", "#161B22", "#E8ECF1"),
    ("muted", "#525C69", "#A3AEBB"),
    ("accent", "#0B57C2", "#82B4FF"),
    ("edge", "#7A8494", "#7C8899"),
    ("line", "#D5DAE1", "#313A46"),
    ("ok", "#136C34", "#6FD08C"),
    ("warn", "#7A4B00", "#F2BE5C"),
    ("bad", "#AE1C2A", "#FF9AA2"),
    ("info", "#0B57C2", "#82B4FF"),
    ("offline", "#5B3CA8", "#BBA6FA"),
    ("neutral", "#474F5B", "#BFC8D3"),
    ("flash", "#FFF7C2", "#3A3410"),
)
STATES = (
    ("ok", gettext_lazy("Approved")),
    ("ok", gettext_lazy("Paid")),
    ("ok", gettext_lazy("Current")),
    ("ok", gettext_lazy("Applied")),
    ("warn", gettext_lazy("Late")),
    ("warn", gettext_lazy("Needs review")),
    ("warn", gettext_lazy("Undelivered")),
    ("bad", gettext_lazy("Declined")),
    ("bad", gettext_lazy("Blocked")),
    ("bad", gettext_lazy("Failed")),
    ("info", gettext_lazy("Pending")),
    ("info", gettext_lazy("Checking")),
    ("info", gettext_lazy("Sent")),
    ("offline", gettext_lazy("Queued offline")),
    ("neutral", gettext_lazy("Expired")),
    ("neutral", gettext_lazy("Cancelled")),
    ("neutral", gettext_lazy("Lifted")),
)
T_ID = "T0M7K2Q02C93CQ643DZVMX2"


class SampleForm(forms.Form):
    """One field of each shape; bound with faults so that the page shows how they read."""

    name = forms.CharField(
        label=gettext_lazy("Text"), help_text=gettext_lazy("A hint sits between label and field.")
    )
    amount = forms.CharField(
        label=gettext_lazy("Amount, wrong"),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Choice"),
        choices=[("LOST", gettext_lazy("Lost")), ("STOLEN", gettext_lazy("Stolen"))],
    )
    way = forms.ChoiceField(
        label=gettext_lazy("One of few"),
        widget=forms.RadioSelect,
        choices=[("PUSH", gettext_lazy("Push at once")), ("PULL", gettext_lazy("Wait for a pull"))],
    )
    locked = forms.CharField(
        label=gettext_lazy("Disabled"), disabled=True, initial=gettext_lazy("Set by the programme")
    )
    shortcuts = forms.BooleanField(
        label=gettext_lazy("Single-key shortcuts"),
        help_text=gettext_lazy("Turn them off if you dictate"),
        required=False,
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("Up to 100,000 rows. Nothing changes until you confirm."),
        required=False,
    )

    def clean_amount(self) -> str:
        raise forms.ValidationError(_("Won has no decimals: type 12,500"))


@dataclass(frozen=True)
class Row:
    """One payment of the sample table."""

    tid: str
    look: str
    tone: str
    state: str
    seconds: int
    amount_minor: int | None


def _rows() -> list[Row]:
    return [
        Row("T0M7K2Q02C93CQ643DZVD25M", "flash", "ok", _("Paid"), 4, 12_500),
        Row("T0M7K2Q02C93CQ643DZVE3SV", "selected", "info", _("Checking"), 21, 38_000),
        Row("T0M7K2Q02C93CQ643DZVKB67", "", "offline", _("Queued offline"), 70, -4_800),
        Row("T0M7K2Q02C93CQ643DZV9ZTX", "", "neutral", _("Expired"), 200, None),
    ]


def _jobs() -> list[dict[str, Any]]:
    return [
        {"id": 215, "title": _("Import 215"), "tone": "info", "state": _("Running"), "value": 41}
        | {"max": 100, "rate": _("2,036 of 4,963, 2,150 rows/s"), "left": _("about 2 s left")},
        {"id": 214, "title": _("Import 214"), "tone": "warn", "state": _("Done with errors")}
        | {"value": 100, "max": 100, "rate": _("4,963 done, 37 faulty")}
        | {"url": "#file", "action": _("Error file")},
        {"id": 88, "title": _("Export 88"), "tone": "ok", "state": _("Done"), "value": 100}
        | {"max": 100, "rate": _("1,000,000 rows, 84 MB"), "url": "#get", "action": _("Download")},
        {"id": 209, "title": _("Import 209"), "tone": "bad", "state": _("Failed"), "value": 63}
        | {"max": 100, "rate": _("Stopped at row 63,000"), "url": "#on", "action": _("Go on")},
    ]


def _figures() -> dict[str, Any]:
    """Return the samples of what shows numbers: tiles, facts, bars, limits."""
    return {
        "tiles": [
            {"label": _("Coverage"), "value": "98.1", "unit": "%", "trend": [91, 95, 96, 97, 98.1]}
            | {"note": _("4,131 of 4,210 devices")},
            {"label": _("Approval rate"), "value": "97.3", "unit": "%", "trend": [97, 95, 98, 97]}
            | {"note": _("18,204 asked, ± 0.2 points")},
            {"label": _("Too few to say"), "value": None, "note": _("12 asked, shown from 30")},
        ],
        "facts": [
            {"label": _("Cards"), "value": "48,210", "note": _("frozen")},
            {"label": _("Behind"), "value": "79", "note": _("more than 24 h")},
        ],
        "bars": [
            {"label": _("87, current"), "value": 4131, "max": 4210, "tone": "ok"},
            {"label": "86", "value": 38, "max": 4210, "tone": "info"},
            {"label": "85", "value": 23, "max": 4210, "tone": "warn"},
            {"label": _("Never had one"), "value": 18, "max": 4210, "tone": "neutral"},
        ],
    }


def _history(now: datetime) -> list[dict[str, Any]]:
    return [
        {"tone": "ok", "what": _("Paid"), "who": _("till 2"), "at": now - timedelta(seconds=4)},
        {"tone": "bad", "what": _("Declined"), "who": _("card company")}
        | {"at": now - timedelta(seconds=6), "detail": _("Over the daily limit")},
        {"tone": "offline", "what": _("Queued"), "who": _("reader 3")}
        | {"at": now - timedelta(days=1)},
    ]


def _attention() -> list[dict[str, Any]]:
    return [
        {"tone": "warn", "title": _("79 devices have been behind for more than 24 hours")}
        | {"detail": _("The oldest was last seen 6 days ago."), "url": "#a"}
        | {"action": _("Open them")},
        {"tone": "bad", "title": _("Batch 118 was refused: the sum does not match its records")}
        | {"detail": _("24 records, 310,400 KRW."), "url": "#b", "action": _("Take it")},
    ]


def _lists(now: datetime) -> dict[str, Any]:
    """Return the samples of a list and of what stands round it."""
    return {
        "rows": [(row, now - timedelta(seconds=row.seconds)) for row in _rows()],
        "tabs": [
            {"url": "?view=all", "label": _("All"), "count": 48_210, "current": True},
            {"url": "?view=late", "label": _("Undelivered"), "count": 79, "current": False},
        ],
        "chips": [{"key": _("Status"), "value": _("Declined"), "remove_url": "?"}],
        "pairs": [(_("Card"), "•••• 4417"), (_("Till"), _("Till 2")), (_("Note"), None)],
        "money_pairs": [(_("Basket"), "34,000"), (_("Coupon, 10%"), "\N{MINUS SIGN}3,400")],
        "money_total": (_("Paid, KRW"), "30,600"),
    }


def samples(*, at: datetime) -> dict[str, Any]:
    """Return the sample data of every component as the page takes it; times lie round ``at``."""
    faulty = SampleForm({"name": _("Weekly run"), "amount": "12,500.50", "reason": "LOST"})
    tones = groupby(STATES, lambda state: state[0])
    return {
        "now": at,
        "colours": COLOURS,
        "states": [(tone, [label for _tone, label in group]) for tone, group in tones],
        "sample": faulty,
        "tid_sample": T_ID,
        "steps": [_("Upload"), _("Check"), _("Confirm"), _("Apply")],
        "bar_heads": (_("Version"), _("Devices")),
        "jobs": _jobs(),
        "history": _history(at),
        "attention": _attention(),
        **_lists(at),
        **_figures(),
    }


@login_not_required
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component in every state; it shows no one's data, so it needs no sign-in."""
    return render(request, "styleguide.html", samples(at=timezone.now()))

"""Figures, fields and small parts as a page shows them."""

from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone

from config.money import UnknownCurrency
from config.templatetags import figures, ui

NOON = datetime(2026, 11, 22, 3, 0, 5, tzinfo=UTC)  # noon in Seoul


@pytest.fixture(autouse=True)
def static_from_source(settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


def draw(source: str, **context: object) -> str:
    return Template(source).render(Context({"time_zone": "Asia/Seoul"} | context))


class Card(forms.Form):
    secret = forms.CharField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(label="Name", help_text="As on the card")
    reason = forms.ChoiceField(label="Reason", choices=[("A", "Lost")], widget=forms.RadioSelect)
    agreed = forms.BooleanField(label="Agreed", required=False)
    file = forms.FileField(label="File", required=False)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (12_500, "KRW", "12,500 <small>KRW</small>"),
        (-12_500, "KRW", "\N{MINUS SIGN}12,500 <small>KRW</small>"),
        (1_250, "USD", "12.50 <small>USD</small>"),
        (1_500, "KWD", "1.500 <small>KWD</small>"),
        (0, "JPY", "0 <small>JPY</small>"),
    ],
)
def test_amounts_keep_the_digits_of_their_currency(minor, currency, shown):
    assert draw("{% amount minor currency %}", minor=minor, currency=currency) == shown


def test_no_amount_is_a_word_not_a_dash():
    assert draw("{% amount None %}") == '<span class="muted">none</span>'


def test_an_unknown_currency_is_never_shown():
    with pytest.raises(UnknownCurrency):
        figures.amount(1, "XXQ")


@pytest.mark.parametrize(
    ("number", "shown"), [(48_210, "48,210"), (0, "0"), (-1_000, "\N{MINUS SIGN}1,000")]
)
def test_counts_are_grouped(number, shown):
    assert figures.grouped(number) == shown


def test_a_moment_names_its_zone_and_stands_in_it():
    shown = draw('{% when at "full" %}', at=NOON)
    assert 'datetime="2026-11-22T12:00:05+09:00"' in shown
    assert 'title="22 Nov 2026 12:00:05 Asia/Seoul"' in shown
    assert ">22 Nov 2026 12:00:05 Asia/Seoul<" in shown


@pytest.mark.parametrize(("style", "words"), [("day", ">22 Nov 2026<"), ("clock", ">12:00:05<")])
def test_a_moment_has_shorter_shapes(style, words):
    assert words in draw("{% when at style %}", at=NOON, style=style)


def test_a_moment_of_today_is_a_clock_and_an_old_one_has_its_year():
    today = timezone.now()
    assert (
        f">{today.astimezone(figures.zone_of(Context({'time_zone': 'Asia/Seoul'}))):%H:%M:%S}<"
        in draw("{% when at %}", at=today)
    )
    assert ">1 Feb 2020 09:00<" in draw("{% when at %}", at=datetime(2020, 2, 1, tzinfo=UTC))


def test_without_a_page_the_active_zone_counts():
    with timezone.override("America/New_York"):
        assert "-05:00" in Template("{% when at %}").render(Context({"at": NOON}))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (12, "12 s"), (60, "1 min"), (3_600, "1 h"), (172_800, "2 days")],
)
def test_durations_are_in_their_largest_unit(seconds, words):
    assert figures.span(seconds) == words


def test_ago_keeps_the_moment_in_its_title():
    shown = draw("{% ago at %}", at=timezone.now() - timedelta(minutes=22, seconds=5))
    assert ">22 min ago<" in shown
    assert "Asia/Seoul" in shown
    assert "never" in draw("{% ago None %}")


def test_a_long_id_shows_its_ends_and_keeps_itself_as_title():
    shown = draw("{% short_id text %}", text="T0M7K2Q02C93CQ643DZVD25M")
    assert shown == '<span class="mono" title="T0M7K2Q02C93CQ643DZVD25M">T0M7K2Q…D25M</span>'
    assert figures.shortened("RDR-1") == "RDR-1"


def test_a_tid_is_read_in_fours():
    assert figures.tid("T0M7K2Q02C") == (
        '<span class="tid"><span>T0M7</span><span>K2Q0</span><span>2C</span></span>'
    )


def test_a_trend_ends_at_its_last_value():
    shown = draw("{% spark values %}", values=[1, 3])
    assert 'd="M0.0 25.0L72.0 3.0"' in shown
    assert 'cx="72.0" cy="3.0"' in shown
    assert figures.spark([7]) == ""
    assert 'd="M0.0 14.0L72.0 14.0"' in figures.spark([5, 5])


def test_a_state_is_shape_word_and_colour():
    shown = draw('{% pill "bad" "Declined" %}')
    assert shown.startswith('<span class="pill is-bad"><svg class="i" aria-hidden="true">')
    assert "icons.svg#bad" in shown
    assert shown.endswith("Declined</span>")


def test_a_tone_the_design_does_not_know_is_refused():
    with pytest.raises(TemplateSyntaxError):
        ui.pill("red", "Declined")


def test_what_people_typed_is_escaped():
    shown = draw("{% pill 'ok' words %}{% copyable words %}{% short_id words %}", words="<b>\"'")
    assert "<b>" not in shown


@pytest.mark.parametrize(
    ("query", "href", "order"),
    [
        ("", "?sort=created", "descending"),
        ("?sort=created", "?sort=-created", "ascending"),
        ("?sort=tid", "?sort=-created", ""),
        ("?status=PAID&sort=tid&after=abc", "?status=PAID&amp;sort=-created", ""),
    ],
)
def test_a_column_sorts_keeps_filters_and_drops_the_cursor(query, href, order):
    request = RequestFactory().get(f"/payments{query}")
    shown = draw('{% column "Time" sort="created" default="-created" %}', request=request)
    assert f'href="{href}"' in shown
    assert (f'aria-sort="{order}"' in shown) if order else ("aria-sort" not in shown)


def test_a_column_without_an_order_is_plain():
    assert draw('{% column "State" css="opt" %}') == (
        '<th scope="col" role="columnheader" class="opt">State</th>'
    )


def test_a_field_ties_hint_and_fault_to_its_input():
    shown = draw("{% field form.name %}", form=Card({}))
    assert '<p class="hint" id="id_name_helptext">As on the card</p>' in shown
    assert 'aria-describedby="id_name_helptext id_name_error"' in shown
    assert 'id="id_name_error"' in shown
    assert 'aria-invalid="true"' in shown
    assert 'class="input"' in shown


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("reason", "<legend>Reason</legend>"),
        ("agreed", '<label for="id_agreed">Agreed</label>'),
        ("file", 'class="drop" for="id_file"'),
        ("secret", 'type="hidden"'),
    ],
)
def test_each_shape_of_field(name, part):
    assert part in draw("{% field bound %}", bound=Card()[name])


def test_an_amount_names_its_unit():
    assert '<span class="unit">KRW</span>' in draw("{% field form.name unit='KRW' %}", form=Card())


def test_the_summary_leads_to_the_faults():
    form = Card({"name": ""})
    form.add_error(None, "The two do not fit")
    shown = draw("{% error_summary form %}", form=form)
    assert "<li>The two do not fit</li>" in shown
    assert '<a href="#id_name">Name: This field is required.</a>' in shown
    assert 'role="alert"' in shown


def test_no_summary_without_faults():
    assert draw("{% error_summary form %}", form=Card()) == ""
    assert draw("{% error_summary None %}") == ""


def test_a_confirmation_posts_with_a_token_and_asks_for_the_count():
    shown = draw(
        '{% confirm id="u" title="Unblock 1,204 cards?" action="/go" verb="Unblock" expect=1204 %}'
        "<p>Why</p>{% endconfirm %}",
        request=RequestFactory().get("/"),
    )
    assert 'name="csrfmiddlewaretoken"' in shown
    assert 'data-expect="1204"' in shown
    assert "data-close autofocus" in shown
    assert "<p>Why</p>" in shown


def test_a_banner_interrupts_only_when_it_came_up_live():
    assert 'role="alert"' in draw('{% banner "warn" live=True %}<p>Down</p>{% endbanner %}')
    still = draw('{% banner "warn" "lock" %}<p>Down</p>{% endbanner %}')
    assert "role" not in still
    assert "icons.svg#lock" in still


def test_a_polled_box_says_where_and_how_often():
    shown = draw('{% polled "reach" "/reach" 5 %}<b>1</b>{% endpolled %}')
    assert shown == (
        '<div id="reach" data-polled hx-get="/reach" hx-trigger="every 5s" hx-swap="innerHTML">'
        "<b>1</b></div>"
    )


@pytest.mark.parametrize(
    ("name", "letters"), [("Risk desk 2", "R2"), ("Mina Park", "MP"), ("ops", "O"), ("", "")]
)
def test_initials(name, letters):
    assert ui.initials(name) == letters


@pytest.mark.parametrize(
    ("cookie", "shown"), [("dark", ' data-theme="dark"'), ("auto", ""), ('"><script>', "")]
)
def test_only_a_known_theme_reaches_the_page(cookie, shown):
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = cookie
    assert draw("{% theme %}", request=request) == shown

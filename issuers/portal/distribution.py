"""Distribution: who holds which version of the list, what waits for phones, and each version."""

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from config.paging import newest_first
from config.people.access import right_required
from config.portal import sheets
from config.refusals import NotFound
from config.roles import Right
from issuers.models import BlacklistVersion, Issuer
from issuers.portal import charts, words
from issuers.portal.devices import Line, lines_of
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import VERSIONS
from issuers.selectors import coverage, fleet, limits, versions
from issuers.selectors.coverage import Coverage, Waiting
from issuers.services import blacklist

LAGGARDS_SHOWN = 5
OLDER_SHOWN = 2
COSE = "application/cose"


@right_required(Right.SEE_BLACKLIST)
@require_GET
def distribution(request: HttpRequest, issuer: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    covered = coverage.coverage_of(issuer=row)
    waiting = coverage.waiting_of(issuer=row, at=timezone.now())
    context = {
        "issuer": row,
        "covered": covered,
        "share": words.percent(covered.current, covered.readers),
        "phones": coverage.phones_of(issuer=row),
        "waiting": waiting,
        "by_version": _by_version(covered),
        "by_age": _by_age(waiting),
        "version_heads": (_("Version"), _("Readers")),
        "age_heads": (_("Age"), _("Commands")),
        "laggards": _laggards(row),
        "may_see_cards": offers(request, Right.SEE_CARDS),
    }
    return render(request, "issuers/distribution.html", context)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def version_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    if sheets.wanted(request):
        return sheets.download(
            request, name="blacklist-versions", rows=versions.of_issuer(issuer=row), sheet=VERSIONS
        )
    covered = coverage.coverage_of(issuer=row)
    page = newest_first(rows=versions.of_issuer(issuer=row), request=request)
    told = versions.told_by(issuer=row, versions=[version.version for version in page.rows])
    lines = [
        {
            "version": version,
            "holding": covered.holding(version.version),
            "told": told.get(version.version, versions.Told()),
            "digest": bytes(version.digest).hex(),
        }
        for version in page.rows
    ]
    context = {"issuer": row, "covered": covered, "page": page, "lines": lines}
    return render(request, "issuers/version_list.html", context)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def version_page(request: HttpRequest, issuer: str, version: int) -> HttpResponse:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    published = _version(row, version)
    covered = coverage.coverage_of(issuer=row)
    holding = covered.holding(version)
    context = {
        "issuer": row,
        "version": published,
        "covered": covered,
        "holding": holding,
        "share": words.percent(holding, covered.readers),
        "told": versions.told_by(issuer=row, versions=[version]).get(version, versions.Told()),
        "worst_cases": limits.worst_cases_of(
            issuer=row, readers=covered.readers - holding, at=timezone.now()
        ),
        "curve": charts.curve_of(
            delays=coverage.spread_of(version=published),
            readers=covered.readers,
            age=timezone.now() - published.published_at,
        ),
        "files": versions.files_of(version=published),
        "digest": bytes(published.digest).hex(),
        "changes": [
            (entry, words.reasons()[entry.reason])
            for entry in versions.changes_in(version=published)
        ],
        "may_see_cards": offers(request, Right.SEE_CARDS),
    }
    return render(request, "issuers/version.html", context)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def version_file(request: HttpRequest, issuer: str, version: int) -> HttpResponse:
    """Hand out a signed file as readers get it; ``?base=`` asks for a change, not the full list."""
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    published = _version(row, version)
    typed = request.GET.get("base", "0")
    base = int(typed) if typed.isdecimal() and len(typed) < 19 else 0
    if not base and published.newer is None:  # type: ignore[attr-defined]  # annotated
        blacklist.prepare(issuer=row, at=timezone.now())
    file = versions.file_of(version=published, base=base)
    if file is None:
        raise NotFound
    name = f"{row.reference}-v{base}-v{version}.cose"
    return HttpResponse(
        bytes(file.content),
        content_type=COSE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _version(issuer: Issuer, number: int) -> BlacklistVersion:
    found = versions.version_of(issuer=issuer, number=number)
    if found is None:
        raise NotFound
    return found


def _laggards(issuer: Issuer) -> list[Line]:
    behind = fleet.in_view(issuer=issuer, rows=fleet.fleet_of(issuer=issuer), view="behind")
    rows = fleet.with_standing(issuer=issuer, rows=behind)
    return lines_of(list(rows.order_by("seen_at", "id")[:LAGGARDS_SHOWN]), at=timezone.now())


def _by_version(covered: Coverage) -> list[dict[str, Any]]:
    """Return a bar for the newest version, for two before it, for all older and for none."""
    if covered.newest is None:
        return []
    counted = Counter(covered.held)
    never = counted.pop(0, 0)
    current = counted.pop(covered.newest.version, 0)
    older = sorted(counted.items(), reverse=True)
    bars = [(_("%(version)s, current") % {"version": covered.newest.version}, current, "ok")]
    bars += [
        (str(version), count, tone)
        for (version, count), tone in zip(older[:OLDER_SHOWN], ("info", "warn"), strict=False)
    ]
    if rest := older[OLDER_SHOWN:]:
        label = _("%(version)s and older") % {"version": rest[0][0]}
        bars.append((label, sum(count for _version, count in rest), "bad"))
    if never:
        bars.append((_("Never had one"), never, "neutral"))
    return [
        {"label": label, "value": count, "max": max(covered.readers, 1), "tone": tone}
        for label, count, tone in bars
    ]


def _by_age(waiting: Waiting) -> list[dict[str, Any]]:
    labels = (
        (_("Up to 5 min"), "neutral"),
        (_("Up to 1 h"), "info"),
        (_("Up to 24 h"), "info"),
        (_("Over 24 h"), "warn"),
        (_("Given up"), "bad"),
    )
    most = max(*waiting.counts, 1)
    return [
        {"label": label, "value": count, "max": most, "tone": tone}
        for (label, tone), count in zip(labels, waiting.counts, strict=True)
    ]

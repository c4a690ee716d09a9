"""Browsers by the names people know, read out of the User-Agent header."""

from django.utils.translation import gettext as _

# Longer claims first: Edge says Chrome, Chrome says Safari, Android says Linux.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def name_of(agent: str) -> str:
    """Return "Firefox on Windows"; what is not known is shown as it was sent, cut short."""
    browser = next((name for claim, name in BROWSERS if claim in agent), "")
    system = next((name for claim, name in SYSTEMS if claim in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or agent[:60] or _("Unknown browser")

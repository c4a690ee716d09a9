"""The notice of one thing done, shown on the next page and then forgotten."""

from django.http import HttpRequest

_KEY = "toast"


def tell(request: HttpRequest, text: str, *, undo: str = "") -> None:
    """Show ``text`` on the next page; ``undo``: where a POST takes the act back."""
    request.session[_KEY] = {"text": text, "undo": undo}


def told(request: HttpRequest) -> dict[str, str] | None:
    """Return what waits to be shown, once."""
    waiting: dict[str, str] | None = request.session.pop(_KEY, None)
    return waiting

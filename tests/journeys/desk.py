"""A person at the pages, without scripts: links and plain forms over HTTP."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx


@dataclass(kw_only=True)
class Form:
    """A form as the page shows it: where it goes, and what its fields hold."""

    action: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(action=told.get("action", ""), fields={})
            self.forms.append(self._open)
        if self._open is None:
            return
        name = told.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in told:
            self._open.fields[self._select] = told.get("value", "")
        elif tag in {"input", "textarea"} and name and _is_sent(told):
            self._open.fields[name] = told.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "select":
            self._select = ""


def _is_sent(told: dict[str, str]) -> bool:
    return told.get("type") not in {"checkbox", "radio"} or "checked" in told


class Desk:
    """One signed-in person with a session of their own."""

    def __init__(self, *, origin: str, link: str) -> None:
        self._http = httpx.Client(base_url=origin, follow_redirects=True, timeout=15)
        self.home = self._answered(self._http.get(link))

    def page(self, path: str) -> httpx.Response:
        """Open a page; anything but 200 fails the test."""
        return self._answered(self._http.get(path))

    def look(self, path: str) -> httpx.Response:
        """Ask for whatever lies at an address."""
        return self._http.get(path)

    def submit(self, path: str, *, to: str, **typed: str) -> httpx.Response:
        """Open ``path``, fill in its form that goes to ``to`` (part of its address), send it."""
        page = self.page(path)
        reading = _Forms()
        reading.feed(page.text)
        here = urlsplit(str(page.url)).path
        found = [form for form in reading.forms if to in urljoin(here, form.action or here)]
        assert found, f"no form of {path} goes to {to}: {[form.action for form in reading.forms]}"
        target = urljoin(str(page.url), found[0].action)
        sent = self._http.post(target, data=found[0].fields | typed, headers={"referer": target})
        return self._answered(sent)

    def cookies(self) -> dict[str, str]:
        return dict(self._http.cookies)

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _answered(answer: httpx.Response) -> httpx.Response:
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text[:400]}"
        return answer

"""Where a number that pays could come to light: every place of a portal that keeps or tells words.

Numbers are searched as they are, as bytes, in hexadecimal and in base64url.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urljoin, urlsplit

from django.urls import Resolver404, resolve

from config.stack import places
from config.wire import b64
from tests.journeys.books import Books
from tests.journeys.desk import Desk
from tests.journeys.portal import Portal
from tests.journeys.test_3_secrets import files_below

_LINK = re.compile(r'<a\b[^>]*\bhref="([^"#]+)')


def found_in(text: bytes, secrets: dict[str, str]) -> set[str]:
    """Return which secrets stand in ``text``, in whatever spelling."""
    return {
        name
        for name, secret in secrets.items()
        if any(spelling in text for spelling in spellings(secret))
    }


def spellings(secret: str) -> set[bytes]:
    data = secret.encode()
    # base64 of what it is part of begins at any of three places.
    inner = {b64.encode(b"\0" * lead + data)[lead * 4 // 3 + 1 : -2].encode() for lead in range(3)}
    return {data, data.hex().encode(), data.hex().upper().encode(), *inner}


@contextmanager
def overheard(portal: Portal) -> Iterator[list[bytes]]:
    """Collect every command that anybody gives the broker while the block runs."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(places.locate(data_dir=str(portal.data)).valkey_socket))
        line.sendall(b"MONITOR\r\n")
        assert line.recv(5) == b"+OK\r\n"
        thread = threading.Thread(target=_listen, args=(line, heard), daemon=True)
        thread.start()
        yield heard
        line.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _listen(line: socket.socket, heard: list[bytes]) -> None:
    with suppress(OSError):
        while data := line.recv(65_536):
            heard.append(data)


def told_by(portal: Portal, books: Books, desk: Callable[[str], Desk]) -> dict[str, bytes]:
    """Return the words of every table, log, page and file that there is, by place."""
    kept = {
        "database": books.tables("").encode(),
        "logs": files_below(portal.data / "logs"),
    }
    for role in portal.links:
        kept |= {f"{role}: {name}": text for name, text in pages(desk(role)).items()}
    return kept


def pages(person: Desk) -> dict[str, bytes]:
    """Return every page and file that links lead a person to, one of each name."""
    ahead, seen = ["/"], {""}
    told: dict[str, bytes] = {}
    while ahead:
        path = ahead.pop(0)
        name = _name_of(path)
        if name in seen:
            continue
        seen.add(name)
        answer = person.look(path)
        told[name] = answer.content
        if "html" in answer.headers.get("content-type", ""):
            links = [
                urljoin(path, link.replace("&amp;", "&")) for link in _LINK.findall(answer.text)
            ]
            ahead += [link for link in links if link.startswith("/")]
    return told


def _name_of(path: str) -> str:
    """Return the name of an address of the pages, "" for any other."""
    try:
        found = resolve(urlsplit(path).path)
    except Resolver404:
        return ""
    return (found.url_name or "") if ".portal." in found.func.__module__ else ""

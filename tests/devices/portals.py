"""A portal at the other end of the wire: it checks every signature and answers from a script."""

import json
import random
from dataclasses import dataclass, field

import httpx

from config.wire import httpsig
from config.wire.client import PortalSession
from tests.devices.parties import NOON

ORIGIN = "https://portal.test"


@dataclass
class Portal:
    """Answers in the order they were scripted, or by a function of the request, and keeps all."""

    public_key: bytes
    answers: list = field(default_factory=list)
    answer: object = None
    requests: list = field(default_factory=list)
    signed: list = field(default_factory=list)

    def __call__(self, request):
        signed = httpsig.parse_request(
            method=request.method,
            target_uri=str(request.url),
            headers=dict(request.headers),
            body=request.content,
        )
        signed.verify(self.public_key)
        self.requests.append(request)
        self.signed.append(signed)
        said = self.answer(request) if self.answer else self.answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    @property
    def bodies(self):
        return [json.loads(request.content) for request in self.requests if request.content]


def session_for(portal, key, *, clock=lambda: float(NOON), sleep=lambda seconds: None, attempts=4):
    return PortalSession(
        http=httpx.Client(transport=httpx.MockTransport(portal)),
        origin=ORIGIN,
        key=key,
        keyid="DEV-1",
        clock=clock,
        random_bytes=random.Random(7).randbytes,
        sleep=sleep,
        attempts=attempts,
    )


def problem(status, code, **extra):
    headers = {"retry-after": extra.pop("retry_after")} if "retry_after" in extra else None
    body = {"type": "about:blank", "title": code, "status": status, "code": code} | extra
    return httpx.Response(status, json=body, headers=headers)

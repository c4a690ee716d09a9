"""A caller of the API as its devices are: signs what it sends, and can be told to sign badly."""

import json
import os
import time

from django.conf import settings
from django.test import Client

from config.wire import b64, httpsig


class Caller:
    """Sends signed requests through Django's test client."""

    def __init__(self, *, key, keyid, address="192.0.2.1"):
        self.key, self.keyid, self.address = key, keyid, address
        self.http = Client(raise_request_exception=False)

    def post(self, path, body=None, **options):
        return self.send("POST", path, body=body, **options)

    def get(self, path, **options):
        return self.send("GET", path, **options)

    def send(self, method, path, *, body=None, headers=None, alter=None, **signing):
        """Sign and send; ``alter`` changes the signed request on its way."""
        request = self.signed(method, path, body=body, headers=headers, **signing)
        if alter:
            request |= alter(request)
        return self.deliver(request)

    def signed(self, method, path, *, body=None, headers=None, created=None, nonce=None, key=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        content = b"" if body is None else content
        sent = {"Content-Type": "application/json"} if content else {}
        sent |= headers or {}
        sent |= httpsig.sign_request(
            key=key or self.key,
            keyid=self.keyid,
            method=method,
            target_uri=settings.ORIGIN + path,
            headers=sent,
            body=content,
            created=int(time.time()) if created is None else created,
            nonce=nonce or os.urandom(16),
        )
        return {"method": method, "path": path, "headers": sent, "body": content}

    def deliver(self, request):
        headers = dict(request["headers"])
        return self.http.generic(
            request["method"],
            request["path"],
            data=request["body"],
            content_type=headers.pop("Content-Type", ""),
            headers=headers,
            REMOTE_ADDR=self.address,
        )


def of_device(enrolled):
    """Return a caller that signs as an enrolled device: a pair of device and key."""
    device, key = enrolled
    return Caller(key=key, keyid=device.reference)


def of_new_key(key, **options):
    """Return a caller that signs as a key that is no device yet."""
    return Caller(key=key, keyid=b64.encode(key.kid), **options)


def code_of(response):
    """Return a refusal's code, having seen that it is a problem."""
    assert response["Content-Type"] == "application/problem+json", response.content
    told = response.json()
    assert told["status"] == response.status_code
    assert {"type", "title", "detail"} <= set(told)
    assert response["X-Request-Id"]
    return told["code"]

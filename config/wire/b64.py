"""base64url without padding (RFC 4648 §5 and §3.5), as JSON bodies carry binary values."""

import base64

from config.wire.errors import Malformed


def encode(data: bytes) -> str:
    """Return ``data`` as base64url text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """
    Return the bytes of an unpadded base64url text.

    Only the one canonical spelling is taken (RFC 4648 §3.5): whatever does not encode back to the
    same text, padding, foreign characters and stray trailing bits included, is refused.

    :raises Malformed: ``text`` is not canonical base64url
    """
    # JSON bodies are judged by this function before any serializer saw them.
    if not isinstance(text, str):
        raise Malformed("base64url must be text.")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Malformed("Not base64url.") from error
    if encode(data) != text:
        raise Malformed("Not canonical base64url.")
    return data

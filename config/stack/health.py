"""What ``/healthz`` says, read with a few lines of HTTP: the launcher needs no client for more."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

ANSWER_WITHIN_S = 5


@dataclass(frozen=True, kw_only=True)
class Health:
    """One answer: ``ok`` when every part serves, else the parts that do not, with their details."""

    ok: bool
    unhealthy: dict[str, str] = field(default_factory=dict)


async def ask(*, port: int) -> Health:
    """This function will ask the portal on this machine how it is; no answer is unhealthy too."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            status, body = await _get(port=port, path="/healthz")
        parts = json.loads(body).get("parts", {})
    except (OSError, TimeoutError, ValueError, IndexError, AttributeError):
        return Health(ok=False, unhealthy={"web": "does not answer /healthz"})
    unhealthy = {
        name: str(part.get("detail", "")) for name, part in parts.items() if not part.get("ok")
    }
    return Health(ok=status == 200, unhealthy=unhealthy)


async def _get(*, port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        # HTTP/1.0: the answer ends where the connection ends, never in chunks.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return int(head.split(maxsplit=2)[1]), body


async def wait_until_ok(*, port: int, timeout_s: float) -> Health:
    """This function will ask until all serves or ``timeout_s`` seconds passed; the last answer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not (health := await ask(port=port)).ok and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)  # what we wait for happens in other processes
    return health

"""The relay's door: a bounded number of strangers, none of whom keeps anybody out."""

import asyncio

import pytest

from merchants.devices.relay_http import Answer, Door


async def handle(request):
    return Answer(status=200, body=f"{request.method} {request.path}".encode())


def refuse(status):
    return Answer(status=status)


class Polite(Door):
    """The deliberate break: whoever is in stays in, however long it takes."""

    async def _meet(self, reader, writer):
        self._waiting[writer] = None
        if len(self._waiting) > self._connections_max:
            del self._waiting[writer]
            writer.transport.abort()
            return
        await self._converse(reader, writer)


async def ask(server, data=b"GET /bills HTTP/1.1\r\nhost: a\r\n\r\n"):
    host, port = server.sockets[0].getsockname()[:2]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(data)
    return reader, writer


async def answer_behind_slow_ones(cls):
    """Return what comes back to a whole request while as many as may be in say nothing."""
    door = cls(handle=handle, refuse=refuse, connections_max=4, within_s=30)
    async with await door.open(host="127.0.0.1", port=0) as server:
        slow = [await ask(server, b"GET /") for _ in range(4)]
        await asyncio.sleep(0)
        reader, _writer = await ask(server)
        try:
            told = await asyncio.wait_for(reader.read(), 5)
        except ConnectionError:
            told = b""
        for _reader, writer in slow:
            writer.transport.abort()
    return told


async def test_the_one_who_waits_longest_gives_way():
    told = await answer_behind_slow_ones(Door)

    assert told.startswith(b"HTTP/1.1 200")
    assert told.endswith(b"GET /bills")


async def test_control_a_door_that_lets_everybody_stay_is_shut_by_four():
    assert await answer_behind_slow_ones(Polite) == b""


@pytest.mark.parametrize("within_s", [0.2])
async def test_a_request_has_its_time(within_s):
    door = Door(handle=handle, refuse=refuse, within_s=within_s)
    async with await door.open(host="127.0.0.1", port=0) as server:
        reader, _writer = await ask(server, b"GET / HTTP/1.1\r\n")
        told = await asyncio.wait_for(reader.read(), 5)

    assert told.startswith(b"HTTP/1.1 408")


async def test_control_without_a_time_it_waits_for_ever():
    door = Door(handle=handle, refuse=refuse, within_s=60)
    async with await door.open(host="127.0.0.1", port=0) as server:
        reader, writer = await ask(server, b"GET / HTTP/1.1\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.5)
        writer.transport.abort()

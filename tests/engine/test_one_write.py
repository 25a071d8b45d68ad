"""Head and body of a response reach the socket in one write, from a real server."""

import asyncio
import socket
import threading

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from mlconfig.engine.one_write import in_one_write


async def answer(scope, receive, send):
    """A response of the path's parts: `/a,b` is sent as two bodies."""
    send = in_one_write(send)
    parts = scope["path"][1:].split(",")
    length = (b"content-length", str(sum(map(len, parts))).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    for number, part in enumerate(parts, 1):
        await send({"type": "http.response.body", "body": part.encode(), "more_body": number < len(parts)})


@pytest.fixture(scope="module", params=["httptools", "h11"])
def port(request):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    config = uvicorn.Config(answer, port=number, http=request.param, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield number
    server.should_exit = True
    thread.join(10)


async def exchange(port, *heads):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(heads).encode())
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return said.decode()


def head(path, *lines):
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: x", *lines, "", ""])


def test_what_is_sent_is_whole_also_when_requests_queue_on_one_connection(port):
    said = asyncio.run(exchange(port, head("/first"), head("/se,cond"), head("/third", "connection: close")))
    assert [part.split("\r\n\r\n")[1][: len(body)] for part, body in zip(
        said.split("HTTP/1.1 200 OK")[1:], ("first", "second", "third"), strict=True
    )] == ["first", "second", "third"]  # fmt: skip


class Cycle:
    """As uvicorn's: it writes to its transport what it is told."""

    def __init__(self):
        self.transport = self
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True

    async def send(self, message):
        self.transport.write(message.get("body", b"head "))
        if message.get("last"):
            self.transport.close()


def test_the_first_part_goes_with_the_head_and_the_others_follow():
    async def run():
        cycle = Cycle()
        send = in_one_write(cycle.send)
        await send({"type": "http.response.start"})
        assert cycle.written == []
        for part in (b"one", b"two"):
            await send({"type": "http.response.body", "body": part})
        return cycle

    cycle = asyncio.run(run())
    assert cycle.written == [b"head one", b"two"]
    assert cycle.transport is cycle


def test_a_connection_is_closed_after_what_was_written():
    async def run():
        cycle = Cycle()
        send = in_one_write(cycle.send)
        await send({"type": "http.response.start"})
        await send({"type": "http.response.body", "body": b"one", "last": True})
        return cycle

    cycle = asyncio.run(run())
    assert (cycle.written, cycle.closed) == ([b"head one"], True)


def test_another_servers_send_is_left_as_it_is():
    async def send(message):
        """Holds no transport."""

    assert in_one_write(send) is send


class Transport:
    """Keeps what is written, and what else is asked of it, in order."""

    def __init__(self):
        self.seen = []

    def write(self, data):
        self.seen.append(data)

    def __getattr__(self, name):
        return lambda *_: self.seen.append(name)


def told(wrap, *, method="POST", keep_alive=True, status=200, headers=(), body=b"{}", length=b"2"):
    """What uvicorn's cycle writes and how it stands after a response, or what it raises."""

    async def run():
        transport, ends = Transport(), []
        cycle = RequestResponseCycle(
            {"method": method, "headers": []}, transport, FlowControl(transport), None, None, False,
            [(b"date", b"now"), (b"server", b"uvicorn")], asyncio.Event(), False, keep_alive, lambda: ends.append(1),
        )  # fmt: skip
        send = wrap(cycle.send)
        listed = [*headers, (b"content-length", length)]
        try:
            await send({"type": "http.response.start", "status": status, "headers": listed})
            await send({"type": "http.response.body", "body": body})
        except RuntimeError as error:
            return str(error)
        state = (cycle.response_started, cycle.response_complete, cycle.keep_alive, cycle.message_event.is_set(), ends)
        return b"".join(part for part in transport.seen if isinstance(part, bytes)), "close" in transport.seen, state

    return asyncio.run(run())


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"status": 422, "headers": [(b"x-a", b"1"), (b"retry-after", b"5")], "body": b"", "length": b"0"},
        {"method": "HEAD", "body": b""},
        {"method": "GET"},
        {"keep_alive": False},
        {"status": 204, "body": b"", "length": b"0"},
        {"headers": [(b"connection", b"close")]},
        {"headers": [(b"x-a", b"1\r\nx-b: 2")]},
        {"length": b"3"},
        {"length": b"1"},
    ],
)
def test_what_is_written_is_what_uvicorn_writes(given):
    assert told(in_one_write, **given) == told(lambda send: send, **given)

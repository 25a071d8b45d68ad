"""A connection of a lane, from a real server: what it answers itself, what it gives back, and how it ends."""

import asyncio
import gc
import json
from contextlib import asynccontextmanager

import pytest
import uvicorn

from mlconfig.contracts import Operation
from mlconfig.contracts.protocol import JSON, POST, WireReply
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.engine.fast_lane import FastLane, Lane
from mlconfig.engine.wire import Wire
from mlconfig.serving.routes import Route

LINES = b"application/x-ndjson"
PREDICT = Route("mlconfig", Operation("predict", "/p", POST, "predict", (JSON,), (LINES,)))
TELL = Route("mlconfig", Operation("tell", "/t", ("GET",), "tell"))
WIRE, SERVER = "wire", "server"


class Endpoint:
    """Says who answered, and what was sent; on ``/p`` once it may go on. A body of ``!`` is refused and hung up on."""

    def __init__(self):
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.waits = 0

    def find(self, scope):
        return {"/p": PREDICT, "/t": TELL}.get(scope["path"])

    async def http(self, route, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await self.may_go_on.wait()
        said = reply(SERVER, body).body
        head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]}
        await send(head)
        await send({"type": "http.response.body", "body": said})

    def answer_whole(self, route, headers, body, tell):
        if body == b"!":
            problem = RequestRefusedError(413, "too large")
            return tell(WireReply(problem.body(), JSON, ((b"connection", b"close"),), 413))
        self.waits += 1

        async def later():
            await self.may_go_on.wait()
            self.waits -= 1
            tell(reply(WIRE, body, headers))

        self.task = asyncio.ensure_future(later())
        return None

    def refused(self, route, problem):
        return WireReply(problem.body(), status=problem.status)

    async def refuse(self, route, scope, send, problem):
        raise AssertionError


def reply(who, body, headers=None):
    return WireReply(json.dumps([who, body.decode(), (headers or {}).get(b"x-a", b"").decode()]).encode())


class Client:
    """One connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, body=b"", *lines, path="/p", method="POST", parts=()):
        kind = (
            ()
            if any(line.lower().startswith("content-type") for line in lines)
            else ("Content-Type: application/json",)
        )
        length = f"Content-Length: {len(body) + sum(map(len, parts))}"
        head = [f"{method} {path} HTTP/1.1", "Host: x", length, *kind, *lines]
        self.writer.write("\r\n".join([*head, "", ""]).encode() + body)

    async def hear(self):
        """The status and what was said; null where the connection was closed."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await self.reader.readexactly(int(lines[b"content-length"]))
        assert b"date" in lines
        return int(head.split()[1]), json.loads(body)

    async def ask(self, *given, **more):
        self.send(*given, **more)
        status, said = await asyncio.wait_for(self.hear(), 10)
        return (status, said[0], said[1]) if isinstance(said, list) else (status, None, None)

    async def is_closed(self):
        return await asyncio.wait_for(self.reader.read(), 10) == b""


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 — of a server and of sockets, which set no event of ours
            await asyncio.sleep(0.001)


async def held(endpoint, client):
    """A request that is asked, and not answered yet."""
    endpoint.may_go_on.clear()
    client.send(b"a")
    await until(lambda: endpoint.waits)


@asynccontextmanager
async def serving(most=10, keep_alive=60):
    """The endpoint behind uvicorn, and a connection whose next prediction is the wire's."""
    endpoint = Endpoint()

    async def others(scope, receive, send):
        await endpoint.http(None, scope, receive, send)

    lane = Lane(endpoint, most)
    config = uvicorn.Config(
        FastLane(others, lane),
        port=0,
        http="httptools",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=keep_alive,
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server._serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        assert await client.ask(b"first") == (200, SERVER, "first")
        yield endpoint, lane, server, client
    finally:
        endpoint.may_go_on.set()
        server.should_exit = True
        client.writer.close()
        await asyncio.wait_for(task, 10)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a test's body in either kind of loop."""

    def through(body):
        if request.param == "uvloop":
            import uvloop

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(body())
        return asyncio.run(body())

    return through


def wires(server):
    return [each for each in server.server_state.connections if isinstance(each, Wire)]


def test_predictions_after_the_first_need_no_server(run):
    async def body():
        async with serving() as (_, lane, server, client):
            said = [await client.ask(text, "X-A: 1", "Content-Type: application/json") for text in (b"a", b"", b"c")]
            assert said == [(200, WIRE, "a"), (200, WIRE, ""), (200, WIRE, "c")]
            assert (len(wires(server)), lane.ongoing) == (1, 0)

    run(body)


@pytest.mark.parametrize(
    "given",
    [
        {"path": "/t", "method": "GET"},
        {"path": "/p?x=1"},
        {"path": "/%70"},
        {"path": "/nowhere"},
        {"method": "PUT"},
        {"lines": ["Content-Type: application/x-ndjson"]},
        {"lines": ["Content-Type: application/x-ndjson; charset=utf-8"]},
        {"lines": ["Content-Type: Application/JSON"]},
        {"lines": ["Content-Type:"]},
        {"lines": ["Expect: 100-continue"]},
        {"lines": ["Connection: keep-alive"]},
    ],
)
def test_all_else_is_given_back_and_the_next_prediction_taken_again(run, given):
    async def body():
        async with serving() as (_, _lane, server, client):
            lines = given.get("lines", [])
            client.send(b"x", *lines, **{name: value for name, value in given.items() if name != "lines"})
            if "Expect: 100-continue" in lines:
                await client.reader.readuntil(b"100 Continue\r\n\r\n")
            assert (await asyncio.wait_for(client.hear(), 10))[1][:2] == [SERVER, "x"]
            assert [(await client.ask(text))[1] for text in (b"a", b"b")].count(WIRE) >= 1
            assert len(server.server_state.connections) == 1

    run(body)


def test_what_is_given_back_is_not_kept(run):
    """A replica looks for cycles seldom, and each would hold what was read of a body."""

    async def body():
        async with serving() as (_, _lane, _server, client):

            async def give_back(times):
                for _ in range(times):
                    assert (await client.ask(b"x", path="/nowhere"))[1] == SERVER
                    assert (await client.ask(b"a"))[0] == 200

            await give_back(5)
            gc.collect()
            gc.disable()
            try:
                await give_back(50)
                assert gc.collect() < 50
            finally:
                gc.enable()

    run(body)


def test_a_body_in_pieces_is_the_servers(run):
    async def body():
        async with serving() as (_, _lane, server, client):
            client.send(b"one,", parts=[b"two"])
            await until(lambda: not wires(server))
            client.writer.write(b"two")
            assert (await asyncio.wait_for(client.hear(), 10))[1][:2] == [SERVER, "one,two"]
            assert await client.ask(b"a") == (200, WIRE, "a")

    run(body)


def test_a_chunked_body_and_what_is_no_http_are_the_servers(run):
    async def body():
        async with serving() as (_, _lane, _server, client):
            client.writer.write(
                b"POST /p HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            )
            assert (await asyncio.wait_for(client.hear(), 10))[1][:2] == [SERVER, "abc"]
            assert await client.ask(b"a") == (200, WIRE, "a")
            client.writer.write(b"no http at all\r\n\r\n")
            assert (await asyncio.wait_for(client.reader.read(), 10)).startswith(b"HTTP/1.1 400 ")

    run(body)


def test_an_older_http_is_the_servers(run):
    """It closes the connection unless it was asked to keep it; the wire keeps it unless it was asked to close it."""

    async def body():
        async with serving() as (_, _lane, _server, client):
            kind = b"content-type: application/json\r\ncontent-length: 1\r\n"
            client.writer.write(b"POST /p HTTP/1.0\r\nhost: x\r\n" + kind + b"\r\na")
            assert (await asyncio.wait_for(client.hear(), 10))[1][:2] == [SERVER, "a"]
            assert await client.is_closed()

    run(body)


def test_requests_that_come_at_once_are_answered_in_order(run):
    async def body():
        async with serving() as (_, _lane, _server, client):
            for text in (b"a", b"b", b"c"):
                client.send(text)
            said = [(await asyncio.wait_for(client.hear(), 10))[1][1] for _ in range(3)]
            assert said == ["a", "b", "c"]

    run(body)


def test_requests_that_come_during_another_wait_for_it(run):
    async def body():
        async with serving() as (endpoint, _lane, _server, client):
            await held(endpoint, client)
            client.send(b"b")
            client.send(b"c")
            await client.writer.drain()
            for _ in range(20):
                await asyncio.sleep(0)
            assert endpoint.waits == 1
            endpoint.may_go_on.set()
            said = [(await asyncio.wait_for(client.hear(), 10))[1][1] for _ in range(3)]
            assert said == ["a", "b", "c"]

    run(body)


def test_who_is_refused_and_hung_up_on_hears_why(run):
    async def body():
        async with serving() as (_, _lane, _server, client):
            assert (await client.ask(b"!"))[0] == 413
            assert await client.is_closed()

    run(body)


def test_more_than_are_allowed_at_once_are_refused(run):
    async def body():
        async with serving(most=1) as (endpoint, lane, _server, client):
            endpoint.may_go_on.clear()
            lane.ongoing += 1
            assert (await client.ask(b"a"))[0] == 503
            lane.ongoing -= 1
            endpoint.may_go_on.set()
            assert await client.ask(b"a") == (200, WIRE, "a")
            assert lane.ongoing == 0

    run(body)


def test_a_client_that_hangs_up_costs_its_answer_alone(run):
    async def body():
        async with serving() as (endpoint, lane, server, client):
            await held(endpoint, client)
            client.writer.close()
            await until(lambda: not server.server_state.connections)
            endpoint.may_go_on.set()
            await until(lambda: not endpoint.waits)
            assert lane.ongoing == 0

    run(body)


def test_a_server_that_stops_answers_what_was_asked_and_waits_for_it(run):
    async def body():
        async with serving() as (endpoint, _lane, server, client):
            await held(endpoint, client)
            server.should_exit = True
            (wire,) = wires(server)
            await until(lambda: wire._is_last)
            endpoint.may_go_on.set()
            assert (await asyncio.wait_for(client.hear(), 10))[1][:2] == [WIRE, "a"]
            assert await client.is_closed()

    run(body)


def test_a_server_that_stops_closes_who_asks_nothing(run):
    async def body():
        async with serving() as (_, _lane, server, client):
            assert await client.ask(b"a") == (200, WIRE, "a")
            server.should_exit = True
            assert await client.is_closed()

    run(body)


def test_a_connection_that_rests_for_the_servers_time_is_closed(run):
    async def body():
        async with serving(keep_alive=1) as (_, _lane, server, client):
            assert await client.ask(b"a") == (200, WIRE, "a")
            assert len(wires(server)) == 1
            assert await client.is_closed()

    run(body)


def test_a_client_that_does_not_read_is_not_answered_further(run):
    async def body():
        async with serving() as (_, _lane, server, client):
            (wire,) = wires(server)
            wire.pause_writing()
            client.send(b"a")
            client.send(b"b")
            for _ in range(20):
                await asyncio.sleep(0)
            assert not wire._is_busy
            wire.resume_writing()
            said = [(await asyncio.wait_for(client.hear(), 10))[1][1] for _ in range(2)]
            assert said == ["a", "b"]

    run(body)

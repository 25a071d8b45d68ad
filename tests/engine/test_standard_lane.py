"""The standard lane without a cluster: Ray Serve sees each prediction, also on connections that are read here."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
import uvicorn

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.engine.for_serve import all_for_serve, least_for_serve
from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.standard_lane import StandardLane
from mlconfig.engine.wire import Wire
from mlconfig.sections.serving import Serving
from mlconfig.serving.app import App
from mlconfig.serving.service import Service
from tests.serving import conftest as small_models

make_version, make_route_table = small_models.make_version, small_models.make_route_table
BODY = b'{"age": 30, "hours-per-week": 40, "plan": "pro"}'
PATH = "/v1/churn/predict"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\nx-n: n-1\r\n"


class Serve:
    """In Ray Serve's place: notes what it sees, changes what Serve changes, and passes on."""

    def __init__(self, app):
        self.app, self.seen, self.does = app, [], None

    async def __call__(self, scope, receive, send):
        self.seen.append(scope)
        if self.does is not None:
            return await self.does(send)

        async def answer(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", dict(scope["headers"])[b"x-request-id"])]
            await send(message)

        return await self.app(scope, receive, answer)


@pytest.fixture
def service(tmp_path, make_version, make_route_table):
    made = Service("churn", tmp_path, Serving(), {"mlconfig": MlconfigProtocol()}, replica="r0", named_by=b"x-n")
    assert made.swap(make_route_table(make_version(tmp_path, "1"), 1))
    yield made
    made.close()


@pytest.fixture
def serving(service, monkeypatch):
    """The endpoint behind a Serve of ours behind uvicorn, and a connection that has been asked before."""
    monkeypatch.setenv(NAMED_BY, "x-n")

    @asynccontextmanager
    async def start():
        app = App(service)
        serve = Serve(app)
        config = uvicorn.Config(StandardLane(serve, app), port=0, http="httptools", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server._serve())
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 — of a server, which sets no event of ours
                await asyncio.sleep(0.001)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(*lines, body=BODY):
            writer.write(HEAD.encode() + "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body)
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).split(b"\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in head[1:-2])
            said = await reader.readexactly(int(headers[b"content-length"]))
            return int(head[0].split()[1]), headers, said

        try:
            assert (await ask("Content-Type: application/json"))[0] == 200
            assert [type(each) for each in server.server_state.connections] == [Wire]
            yield serve, server, ask
        finally:
            writer.close()
            server.should_exit = True
            await asyncio.wait_for(task, 10)

    return start


JSON = "Content-Type: application/json"


def test_serve_sees_a_request_that_was_read_here_and_the_endpoint_all_of_it(serving, service):
    async def run():
        async with serving() as (serve, server, ask):
            status, headers, said = await ask(JSON, "Cookie: a", "traceparent: 00-1")
            assert (status, headers[b"x-request-id"], headers[b"content-type"]) == (200, b"n-1", b"application/json")
            assert {b"date", b"server"} <= headers.keys()
            first, second = serve.seen
            for name in (
                "type",
                "asgi",
                "http_version",
                "scheme",
                "method",
                "root_path",
                "path",
                "raw_path",
                "query_string",
            ):
                assert first[name] == second[name], name
            assert sorted(second["headers"]) == [
                (b"traceparent", b"00-1"), (b"x-request-disconnect-disabled", b"?1"), (b"x-request-id", b"n-1")
            ]  # fmt: skip
            status, _, refused = await ask(JSON, body=b'{"age": 30, "hours-per-week": 40, "plan": "prX"}')
            assert status == 200
            status, _, refused = await ask(JSON, body=BODY.replace(b"40", b"-a"))
            assert (status, len(serve.seen)) == (400, 4)
            assert [type(each) for each in server.server_state.connections] == [Wire]
            return said, refused

    said, refused = asyncio.run(run())
    assert json.loads(said)["prediction_id"] == "n-1-1"
    assert "error" in json.loads(refused)
    assert service.counts().rows == 3


def test_what_goes_wrong_in_serve_is_a_500_and_the_connection_stays(serving, caplog):
    async def breaks(send):
        raise ZeroDivisionError

    async def says_half(send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def gives_up(send):
        raise asyncio.CancelledError

    async def run():
        async with serving() as (serve, _, ask):
            found = []
            for serve.does in (breaks, says_half, gives_up):
                status, _, said = await ask(JSON)
                found.append((status, said))
            serve.does = None
            return found, (await ask(JSON))[0]

    found, after = asyncio.run(run())
    assert (found, after) == ([(500, b"Internal Server Error")] * 3, 200)
    assert "Ray Serve failed on a request" in caplog.text
    assert "no whole response" in caplog.text


def test_serves_own_refusal_is_passed_on(serving):
    async def refuses(send):
        head = [(b"content-length", b"4"), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 503, "headers": head})
        await send({"type": "http.response.body", "body": b"fu", "more_body": True})
        await send({"type": "http.response.body", "body": b"ll"})

    async def run():
        async with serving() as (serve, _, ask):
            serve.does = refuses
            return await ask(JSON)

    status, headers, said = asyncio.run(run())
    assert (status, headers[b"retry-after"], said) == (503, b"1", b"full")


def test_a_server_that_stops_waits_for_what_serve_is_asked(serving, service):
    """The answer comes, and no task is left behind."""

    async def run():
        async with serving() as (serve, server, ask):
            may_go_on = asyncio.Event()

            async def waits(send):
                await may_go_on.wait()
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
                await send({"type": "http.response.body", "body": b"ok"})

            serve.does = waits
            asked = asyncio.ensure_future(ask(JSON))
            async with asyncio.timeout(10):
                while len(serve.seen) < 2:  # noqa: ASYNC110 — as above
                    await asyncio.sleep(0.001)
            server.should_exit = True
            await asyncio.sleep(0)
            may_go_on.set()
            return (await asked)[2]

    assert asyncio.run(run()) == b"ok"


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(
    "line", ["x-request-id: \xff", "X-Session-Id: \xff\xfe", "serve_multiplexed-model_id: \xe9", "a: \xff"]
)
def test_no_header_of_a_client_reaches_serve_that_it_cannot_read(serving, taken, line):
    async def run():
        async with serving() as (serve, _, ask):
            kind = JSON if taken else "Content-Type: application/json; charset=utf-8"
            status, headers, _ = await ask(kind, line)
            for name, value in serve.seen[-1]["headers"]:
                if name != b"a":
                    value.decode()
            return status, headers[b"x-request-id"]

    assert asyncio.run(run()) == (200, b"n-1")


@pytest.mark.parametrize("put", [all_for_serve, least_for_serve])
@pytest.mark.parametrize(
    ("sent", "id_"),
    [
        ({b"x-n": b"7f-1", b"a": b"b"}, b"7f-1"),
        ({b"x-request-id": b"mine", b"x-n": b"7f-1"}, b"mine"),
        ({b"x-request-id": b"", b"x-n": b"7f-1"}, b"7f-1"),
        ({b"x-request-id": b"a\x7f", b"x-n": b"7f-1"}, b"7f-1"),
        ({b"x-request-id": b"a" * 129, b"x-n": b"7f-1"}, b"7f-1"),
        ({b"x-request-id": b"\xc3\xa9"}, None),
        ({}, None),
    ],
)
def test_serve_knows_a_request_by_the_name_that_the_log_has(put, sent, id_):
    seen = [value for name, value in put(sent, b"x-n") if name == b"x-request-id"]
    assert seen == ([] if id_ is None else [id_])


def test_all_other_headers_stay_as_they_are():
    sent = {b"b": b"\xff", b"x-session-id": b"mine", b"a": b""}
    assert all_for_serve(sent, b"x-n") == list(sent.items())

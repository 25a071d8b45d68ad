"""The endpoint as a plain ASGI application (https://asgi.readthedocs.io, specification 3)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import MutableMapping
from typing import Any

from mlconfig.serving.body import ClientGoneError, Receive, Send, check_headers, read_body
from mlconfig.serving.exposition import CONTENT_TYPE, Exposition
from mlconfig.serving.refusal import RequestRefusedError, not_ready
from mlconfig.serving.routes import Route, Routes
from mlconfig.serving.service import Service

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]
Response = tuple[int, bytes, Headers]


class App:
    """Answers HTTP for one `Service`. Whatever a client sends is answered with JSON, and never with a 5xx of its making.

    Counts are written to the service log from here on, until the service is closed.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._routes = Routes(service.endpoint)
        self._exposition = Exposition(service)
        service.start()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        route = self._routes.find(scope["path"], scope.get("root_path", ""))
        try:
            status, body, headers = await self._respond(route, scope, receive)
        except RequestRefusedError as problem:
            status, body, headers = _refusal(problem, route)
        except ClientGoneError:
            return
        except Exception:  # the last line: a bug is answered too, without its traceback
            logger.exception("a request failed")
            status, body, headers = _refusal(RequestRefusedError(500, "the server failed on this request"), route)
        self.service.counters.count(route.name if route else "unknown", status, time.perf_counter() - start)
        media = CONTENT_TYPE if route is not None and route.name == "metrics" and status == 200 else b"application/json"
        headers += [(b"content-type", media), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, route: Route | None, scope: MutableMapping[str, Any], receive: Receive) -> Response:
        if route is None:
            hint = f"POST /v1/{self.service.endpoint}/predict; /openapi.json lists the paths"
            raise RequestRefusedError(404, "there is nothing at this path", hint=hint)
        if scope["method"] not in route.methods:
            raise RequestRefusedError(405, "this path does not take this method", hint=f"use {route.methods[0]}")
        if route.name in ("predict", "feedback"):
            return await self._post(route, scope, receive)
        if route.name == "metrics":
            return 200, await asyncio.to_thread(self._exposition.render), []
        return self._get(route)

    async def _post(self, route: Route, scope: MutableMapping[str, Any], receive: Receive) -> Response:
        check_headers(scope["headers"])
        body = await read_body(receive)
        if route.name == "feedback":
            return 200, self.service.feedback(body), []
        answer = await self.service.predict(body)
        mark = answer.prediction_id
        return 200, answer.body, [(b"x-prediction-id", mark)] if mark else []

    def _get(self, route: Route) -> Response:
        if route.name == "healthz":
            return 200, b'{"status":"ok"}', []
        state = self.service.state
        if state is None:
            raise not_ready()
        if route.name == "readyz":
            return 200, b'{"status":"ready","version":%b,"generation":%d}' % (state.version, state.table.generation), []
        return 200, state.openapi if route.name == "openapi" else state.metadata, []


def _refusal(problem: RequestRefusedError, route: Route | None) -> Response:
    headers: Headers = [(b"retry-after", b"%d" % problem.retry_after)] if problem.retry_after else []
    if problem.status == 405 and route is not None:
        headers.append((b"allow", ", ".join(route.methods).encode()))
    return problem.status, problem.body(), headers


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

"""The endpoint as a plain ASGI application (https://asgi.readthedocs.io, specification 3)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, NamedTuple

from mlconfig.contracts.protocol import WireReply, WireRequest
from mlconfig.contracts.refusal import RequestRefusedError, not_ready
from mlconfig.serving.body import HANG_UP, ClientGoneError, Receive, Send, check_length, headers_of, media_of, read_body
from mlconfig.serving.exposition import CONTENT_TYPE, Exposition
from mlconfig.serving.openapi_access import with_access
from mlconfig.serving.routes import OWN, Route, Routes
from mlconfig.serving.service import Service, settle
from mlconfig.serving.state import ServingState
from mlconfig.serving.stream import answer_lines

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
WHOLE = "mlconfig.whole"
"""Among a scope's extensions: a request that predicts and was read by who calls the application, as a `Whole`."""


class Whole(NamedTuple):
    """A request that predicts and has come whole. ``headers``: their names in small letters."""

    route: Route
    headers: Mapping[bytes, bytes]
    body: bytes


class App:
    """Answers HTTP for one `Service`. Whatever a client sends is answered, and never with a 5xx of its making.

    Counts are written to the service log from here on, until the service is closed.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._routes = Routes(service.endpoint, service.protocols)
        self._exposition = Exposition(service)
        self._told: tuple[ServingState, bytes] | None = None
        service.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            whole = scope.get("extensions", {}).get(WHOLE)
            if whole is None:
                await self.http(self.find(scope), scope, receive, send)
            else:
                await _send(send, scope, await self._answer(whole))
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def find(self, scope: Scope) -> Route | None:
        """What a request's path means; null where nothing is there."""
        return self._routes.find(scope["path"], scope.get("root_path", ""))

    async def http(self, route: Route | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, at the route that `find` gave."""
        start = time.perf_counter()
        try:
            reply = await self._respond(route, scope, receive, send)
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 — the last line
            reply = self._failure(error, route)
        status = 200 if reply is None else reply.status
        self._count(route, status, time.perf_counter() - start)
        if reply is not None:
            await _send(send, scope, reply)

    async def _answer(self, whole: Whole) -> WireReply:
        future: asyncio.Future[WireReply] = self.service.loop.create_future()
        self.answer_whole(*whole, partial(settle, future))
        return await future

    def answer_whole(
        self, route: Route, headers: Mapping[bytes, bytes], body: bytes, tell: Callable[[WireReply], None]
    ) -> None:
        """Answer a request that predicts and has come whole, as `http` does. ``tell`` is called once, at once or later on the
        event loop. ``headers``: their names in small letters.
        """
        start, service = time.perf_counter(), self.service

        def end(reply: WireReply | Exception) -> None:
            if isinstance(reply, Exception):
                reply = self._failure(reply, route)
            self._count(route, reply.status, time.perf_counter() - start)
            tell(reply)

        try:
            service.access.admit(route.operation.scope, headers)
            media = self._media(route, headers)
            request = WireRequest(route.operation.name, body, media, headers, route.values)
            service.ask(route.owner, request, end, service.name_of(headers))
        except Exception as error:  # noqa: BLE001 — the last line
            end(error)

    async def refuse(self, route: Route | None, scope: Scope, send: Send, problem: RequestRefusedError) -> None:
        """Answer a request that is not looked at, and count it."""
        await _send(send, scope, self.refused(route, problem))

    def refused(self, route: Route | None, problem: RequestRefusedError) -> WireReply:
        """The answer to a request that is not looked at; it is counted."""
        self._count(route, problem.status, 0.0)
        return self._refusal(problem, route)

    def _count(self, route: Route | None, status: int, seconds: float) -> None:
        self.service.counters.count(route.operation.counted_as if route else "unknown", status, seconds)

    async def _respond(self, route: Route | None, scope: Scope, receive: Receive, send: Send) -> WireReply | None:
        """The reply; null where it was sent, in parts."""
        if route is None:
            hint = f"POST /v1/{self.service.endpoint}/predict; /openapi.json lists the paths"
            raise RequestRefusedError(404, "there is nothing at this path", hint=hint)
        operation = route.operation
        if scope["method"] not in operation.methods:
            raise RequestRefusedError(405, "this path does not take this method", hint=f"use {operation.methods[0]}")
        headers = headers_of(scope["headers"])
        self.service.access.admit(operation.scope, headers)
        if operation.does == "tell":
            return await self._tell(route, WireRequest(operation.name, headers=headers, path=route.values))
        media = self._media(route, headers)
        name = self.service.name_of(headers)
        if media in operation.streams:
            await answer_lines(self.service, route, media, receive, send, name)
            return None
        body = await read_body(receive, self.service.settings.limits)
        if route.owner == OWN:
            return WireReply(self.service.feedback(body))
        request = WireRequest(operation.name, body, media, headers, route.values)
        if operation.does == "control":
            return self.service.require_state().codecs[route.owner].tell(request)
        return await self.service.predict(route.owner, request, name)

    def _media(self, route: Route, headers: Mapping[bytes, bytes]) -> bytes:
        """The type of a body that may be read. Raises RequestRefusedError for another type, or an announced length too long."""
        media = media_of(headers, (*route.operation.media, *route.operation.streams))
        if media not in route.operation.streams:
            check_length(headers, self.service.settings.limits.body)
        return media

    async def _tell(self, route: Route, request: WireRequest) -> WireReply:
        if route.owner != OWN:
            return self.service.tell(route.owner, request)
        if request.operation == "metrics":
            return WireReply(await asyncio.to_thread(self._exposition.render), CONTENT_TYPE)
        if request.operation == "healthz":
            return WireReply(b'{"status":"ok"}')
        state = self.service.state
        if state is None:
            raise not_ready()
        if request.operation == "readyz":
            fallback = b',"fallback":true' if state.is_makeshift else b""
            return WireReply(
                b'{"status":"ready","version":%b,"generation":%d%b}' % (state.version, state.table.generation, fallback)
            )
        return WireReply(self._document(state) if request.operation == "openapi" else state.metadata)

    def _document(self, state: ServingState) -> bytes:
        """The OpenAPI document, with what it takes to be let in; made once for each generation."""
        auth = self.service.settings.auth
        if auth == "none":
            return state.openapi
        if self._told is None or self._told[0] is not state:
            self._told = state, with_access(state.openapi, self._scope_of, keys=auth.name == "keys")
        return self._told[1]

    def _scope_of(self, path: str) -> str | None:
        route = self._routes.find(path)
        return None if route is None else route.operation.scope

    def _failure(self, error: Exception, route: Route | None) -> WireReply:
        """A refusal, or what a bug is answered with, without its traceback."""
        if isinstance(error, RequestRefusedError):
            return self._refusal(error, route)
        logger.error("a request failed", exc_info=error)
        return self._refusal(RequestRefusedError(500, "the server failed on this request"), route)

    def _refusal(self, problem: RequestRefusedError, route: Route | None) -> WireReply:
        reply = self._put(problem, route)
        headers = list(reply.headers)
        if problem.retry_after:
            headers.append((b"retry-after", b"%d" % problem.retry_after))
        if problem.status in (408, 413):
            headers.append(HANG_UP)
        if problem.challenge:
            headers.append((b"www-authenticate", problem.challenge.encode()))
        if problem.status == 405 and route is not None:
            headers.append((b"allow", ", ".join(route.operation.methods).encode()))
        return WireReply(reply.body, reply.media, tuple(headers), problem.status)

    def _put(self, problem: RequestRefusedError, route: Route | None) -> WireReply:
        """The problem in the words of the protocol that was spoken; in plain ones where it fails at that, as it is a plugin."""
        protocol = self.service.protocols.get(route.owner) if route is not None else None
        try:
            return protocol.refusal(problem) if protocol is not None else WireReply(problem.body())
        except Exception:
            logger.exception("a protocol could not put a refusal into words")
            return WireReply(problem.body())


def headers_of_reply(reply: WireReply) -> list[tuple[bytes, bytes]]:
    """All that the response says of itself."""
    return [*reply.headers, (b"content-type", reply.media), (b"content-length", b"%d" % len(reply.body))]


async def _send(send: Send, scope: Scope, reply: WireReply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": headers_of_reply(reply)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

"""A connection of a lane: predictions are read, and their answers written, without what an ASGI server makes for each.

That is a task, a scope, an event and several messages for every request, and costs a replica a third of its time. So a
connection that stays open is taken over once its first prediction was answered, by asyncio's ``set_protocol``, as servers
switch to WebSocket.
It goes back to the server it came from, bytes and all, as soon as anything comes that is not a plain, whole request that
predicts: bodies in pieces, streams, other paths, what is no HTTP. These are dealt with there, and nowhere else (decision 021).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mlconfig.engine.one_write import head_of, lines_of

if TYPE_CHECKING:
    from mlconfig.engine.lanes import Scope
    from mlconfig.serving.routes import Route

Tell = Callable[[int, Sequence[tuple[bytes, bytes]], bytes], None]
"""Is given a response: status, headers, body."""


class Lane(Protocol):
    """Who answers."""

    def find(self, scope: Scope) -> Route | None:
        """What a request's path means; null where nothing is there."""

    def answer_whole(self, route: Route, scope: Scope, headers: Mapping[bytes, bytes], body: bytes, tell: Tell) -> None:
        """Answer a request that has come whole. ``scope``: as ASGI has it, but for the headers; it is shared by requests, so a
        copy may be changed. ``tell`` is called once.
        """


_NOT_PLAIN = frozenset((b"expect", b"transfer-encoding", b"upgrade", b"connection"))


def take_over(send: Any, lane: Lane) -> None:
    """Serve a connection by a `Wire` from now on.

    ``send``: uvicorn's own, of a response that was sent; that of another server changes nothing.
    """
    cycle = getattr(send, "__self__", None)
    if cycle.__class__ is not RequestResponseCycle or not (cycle.response_complete and cycle.keep_alive):
        return
    server: Any = cycle.transport.get_protocol()
    is_between = (
        server.__class__ is HttpToolsProtocol
        and server.cycle is cycle
        and server.scope is cycle.scope  # the next request did not begin
        and not (cycle.more_body or cycle.disconnected or server.pipeline or server.access_log)
        and not (server.flow.write_paused or cycle.transport.is_closing())
    )
    if is_between:
        Wire(server, lane)


class Wire(asyncio.Protocol):
    """Takes over from ``server`` at once. It answers one request at a time; others that come meanwhile wait, unread."""

    def __init__(self, server: HttpToolsProtocol, lane: Lane) -> None:
        self._server, self._lane = server, lane
        self._transport: Any = server.transport
        self._parser: Any = httptools.HttpRequestParser(self)
        self._is_busy = self._is_full = self._is_last = False
        self._early = b""
        self._known: tuple[bytes, Scope, Route | None] = (b"", {}, None)
        self._defaults: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
        self._begin()
        server._unset_keepalive_if_required()  # noqa: SLF001 — there is no other way to stop its timer
        self._switch(server, self)
        self._idle_since = server.loop.time()
        self._idle_timer = server.loop.call_later(server.timeout_keep_alive, self._look_if_idle)

    def _switch(self, old: Any, new: Any) -> None:
        """Who is among the connections is waited for when the server stops."""
        self._server.connections.discard(old)
        self._server.connections.add(new)
        self._transport.set_protocol(new)

    # What the parser tells of the bytes that came together.

    def _begin(self) -> None:
        self._path = self._body = b""
        self._headers: dict[bytes, bytes] = {}
        self._is_plain, self._is_whole, self._requests = True, False, 0

    def on_url(self, url: bytes) -> None:
        """May come in parts, as the body may."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of those that are there twice the last one counts, as everywhere."""
        self._headers[name.lower()] = value

    def on_message_begin(self) -> None:
        """Two requests in the same bytes are the server's."""
        self._requests += 1

    def on_body(self, body: bytes) -> None:
        """Kept until it is whole."""
        self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """It is plain up to here."""
        self._is_whole = True

    # What the connection tells.

    def data_received(self, data: bytes) -> None:
        """Answer a request, or give it back to the server."""
        if self._is_busy or self._is_full:
            self._early += data
            self._transport.pause_reading()
            return
        self._begin()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._is_plain = False
        route = self._predicts() if self._is_whole and self._is_plain and self._requests == 1 else None
        if route is None:
            self._let_go()
            self._switch(self, self._server)
            self._server.data_received(data)
            return
        self._is_busy = True
        self._lane.answer_whole(route, self._known[1], self._headers, self._body, self._write)

    def _predicts(self) -> Route | None:
        """The route, where the request is one that the endpoint answers in one piece."""
        # Without a word on it in the headers, only HTTP 1.1 keeps the connection: asking so is cheaper than for the version.
        if self._parser.get_method() != b"POST" or not self._parser.should_keep_alive():
            return None
        if not _NOT_PLAIN.isdisjoint(self._headers):
            return None
        if self._path != self._known[0]:
            self._known = self._path, *self._find(self._path)
        route = self._known[2]
        # What is spelt otherwise, `; charset=utf-8` behind it say, may be a stream all the same.
        is_whole = route is not None and self._headers.get(b"content-type") in route.operation.media
        return route if is_whole else None

    def _find(self, path: bytes) -> tuple[Scope, Route | None]:
        """The scope of requests to this path, and what they mean; null where that is nothing that predicts."""
        if not path.isascii() or b"%" in path or b"?" in path:
            return {}, None
        server = self._server
        scope = {
            "type": "http", "asgi": {"version": server.asgi_version, "spec_version": "2.3"}, "http_version": "1.1",
            "server": server.server, "client": server.client, "scheme": server.scheme, "method": "POST",
            "root_path": server.root_path, "path": server.root_path + path.decode("ascii"),
            "raw_path": server.root_path.encode("ascii") + path, "query_string": b"",
        }  # fmt: skip
        route = self._lane.find(scope)
        return scope, route if route is not None and route.operation.does == "predict" else None

    def _write(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Send the response; then what came meanwhile has its turn."""
        self._is_busy = False
        self._server.server_state.total_requests += 1
        self._idle_since = self._server.loop.time()
        if self._transport.is_closing():
            return
        defaults = self._server.server_state.default_headers
        if defaults is not self._defaults[0]:  # another date
            self._defaults = defaults, lines_of(defaults) or b""
        head = head_of(status, headers, self._defaults[1])
        if head is not None:
            self._transport.write(head + body)
        if head is None or self._is_last or any(name == b"connection" for name, _ in headers):
            self._transport.close()
        elif self._early:
            self._server.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._is_busy or self._is_full or self._transport.is_closing():
            return
        early, self._early = self._early, b""
        self._transport.resume_reading()
        if early:
            self.data_received(early)

    def pause_writing(self) -> None:
        """The client does not read: nothing more is answered until it does."""
        self._is_full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_full = False
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """What is being answered is not sent."""
        del exc
        self._let_go()
        self._server.connections.discard(self)

    def _let_go(self) -> None:
        """Nothing is read any more. A parser holds whom it tells, so both and what was read would stay until Python looks for
        cycles.
        """
        self._idle_timer.cancel()
        self._parser = None
        self._begin()

    def _look_if_idle(self) -> None:
        """Close after the server's time without a request; looked at once in that time, not set anew by each."""
        left = self._idle_since + self._server.timeout_keep_alive - self._server.loop.time()
        if self._is_busy or left > 0:
            self._idle_timer = self._server.loop.call_later(max(left, 1.0), self._look_if_idle)
        else:
            self._transport.close()

    def shutdown(self) -> None:
        """The server stops: what is asked is answered, and then the connection closed."""
        if self._is_busy:
            self._is_last = True
        else:
            self._transport.close()

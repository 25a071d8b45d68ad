"""The fast lane: predictions are answered in a middleware of the replica's own HTTP server, before Ray Serve's bookkeeping.

Serve's bookkeeping of a request costs 150 to 170 µs. What it does and is skipped here is brought back: the limit of requests at
once, metrics (our own count all), the autoscaling signal (`Replica.record_autoscaling_stats` with the policy of
`engine.lane_policy`), and draining, which is the HTTP server's own: it stops listening and finishes what it has.

Ray Serve finds it by ``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``, which an application sets for its own replicas, and calls
it once in each, after the deployment's constructor has registered its lane. From a connection's second prediction on
`engine.wire` reads it from the connection itself.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.one_write import in_one_write
from mlconfig.engine.wire import take_over

if TYPE_CHECKING:
    from mlconfig.contracts.protocol import WireReply
    from mlconfig.serving.app import App
    from mlconfig.serving.routes import Route

CALLBACK = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "mlconfig.engine.fast_lane:middlewares"}
"""What a replica's environment must say."""
_REQUEST_ID = b"x-request-id"

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]


class Lane:
    """One endpoint's. ``most``: requests at once, as ``serving.max_ongoing_requests``; ``ongoing``: now."""

    def __init__(self, app: App, most: int) -> None:
        self.app, self.most, self.ongoing = app, most, 0

    async def answer(self, route: Route, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a prediction, or refuse it where too many are answered already."""
        if self.ongoing >= self.most:
            await self.app.refuse(route, scope, send, _too_many())
            return
        self.ongoing += 1
        try:
            await self.app.http(route, scope, receive, send)
        finally:
            self.ongoing -= 1

    def answer_whole(
        self, route: Route, headers: Mapping[bytes, bytes], body: bytes, tell: Callable[[WireReply], None]
    ) -> None:
        """As ``answer``, for a request that has come whole; ``tell`` is called once."""
        if self.ongoing >= self.most:
            tell(self.app.refused(route, _too_many()))
            return
        self.ongoing += 1

        def end(reply: WireReply) -> None:
            self.ongoing -= 1
            tell(reply)

        self.app.answer_whole(route, headers, body, end)


def _too_many() -> RequestRefusedError:
    what = "too many requests are answered at once"
    return RequestRefusedError(503, what, hint="try again later", retry_after=1)


_lanes: list[Lane] = []


def register(lane: Lane) -> None:
    """Have a lane used by this process."""
    _lanes[:] = [lane]


class FastLane:
    """Answers predictions by the process's lane, where it has one, and leaves all else to Ray Serve."""

    def __init__(self, app: Asgi) -> None:
        self.app, self._named_by = app, os.environ.get(NAMED_BY, "").encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        joined = in_one_write(send)
        route = _lanes[0].app.find(scope) if _lanes else None
        if route is not None and route.operation.does == "predict":
            await _lanes[0].answer(route, scope, receive, joined)
            take_over(send, _lanes[0])
        else:
            self._give_id(scope["headers"])
            await self.app(scope, receive, joined)

    def _give_id(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Serve answers with an id, and makes one up for a request that has none: the ingress' name for it is at hand, costs
        less, and is what the prediction log knows it by.
        """
        given = None
        for name, value in headers:
            if name == _REQUEST_ID:
                return
            if name == self._named_by:
                given = value
        if given is not None:
            headers.append((_REQUEST_ID, given))


def middlewares() -> list[Middleware]:
    """What Ray Serve puts around its HTTP server's application; the last one is outermost."""
    return [Middleware(FastLane)]

"""The fast lane: predictions are answered in a middleware of the replica's own HTTP server, before Ray Serve's bookkeeping.

Serve's bookkeeping of a request costs 150 to 170 µs. What it does and is skipped here is brought back: the limit of requests at
once, metrics (our own count all), the autoscaling signal (`Replica.record_autoscaling_stats` with the policy of
`engine.lane_policy`), and draining, which is the HTTP server's own: it stops listening and finishes what it has.

From a connection's second prediction on `engine.wire` reads it from the connection itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.engine.for_serve import all_for_serve
from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.one_write import in_one_write
from mlconfig.engine.wire import take_over
from mlconfig.serving.app import headers_of_reply

if TYPE_CHECKING:
    from mlconfig.contracts.protocol import WireReply
    from mlconfig.engine.lanes import Asgi, Scope
    from mlconfig.engine.wire import Tell
    from mlconfig.serving.app import App
    from mlconfig.serving.routes import Route


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

    def find(self, scope: Scope) -> Route | None:
        """What a request's path means; null where nothing is there."""
        return self.app.find(scope)

    def answer_whole(self, route: Route, scope: Scope, headers: Mapping[bytes, bytes], body: bytes, tell: Tell) -> None:
        """As ``answer``, for a request that has come whole; ``tell`` is called once."""
        del scope
        if self.ongoing >= self.most:
            reply = self.app.refused(route, _too_many())
            tell(reply.status, headers_of_reply(reply), reply.body)
            return
        self.ongoing += 1

        def end(reply: WireReply) -> None:
            self.ongoing -= 1
            tell(reply.status, headers_of_reply(reply), reply.body)

        self.app.answer_whole(route, headers, body, end)


def _too_many() -> RequestRefusedError:
    what = "too many requests are answered at once"
    return RequestRefusedError(503, what, hint="try again later", retry_after=1)


class FastLane:
    """Answers predictions by the lane, and leaves all else to Serve's application ``serve``."""

    def __init__(self, serve: Asgi, lane: Lane) -> None:
        self._serve, self._lane = serve, lane
        self._named_by = os.environ.get(NAMED_BY, "").encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """As an ASGI server calls it."""
        if scope["type"] != "http":
            await self._serve(scope, receive, send)
            return
        joined = in_one_write(send)
        route = self._lane.find(scope)
        if route is not None and route.operation.does == "predict":
            await self._lane.answer(route, scope, receive, joined)
            take_over(send, self._lane)
        else:
            scope["headers"] = all_for_serve(dict(scope["headers"]), self._named_by)
            await self._serve(scope, receive, joined)

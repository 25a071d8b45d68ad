"""The standard lane: each prediction goes through Ray Serve's bookkeeping, its limits, metrics and autoscaling.

What Serve's HTTP server (uvicorn) does for each request is most of what comes before that, so here too connections are taken
over once their first prediction was answered (`engine.wire`): Serve's application is called as that server would call it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from mlconfig.engine.for_serve import all_for_serve, least_for_serve
from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.one_write import in_one_write
from mlconfig.engine.wire import take_over
from mlconfig.serving.app import WHOLE, Whole

if TYPE_CHECKING:
    from mlconfig.engine.lanes import Asgi, Scope
    from mlconfig.engine.wire import Tell
    from mlconfig.serving.app import App
    from mlconfig.serving.routes import Route

logger = logging.getLogger(__name__)

Response = tuple[int, list[tuple[bytes, bytes]], bytes]
_FAILED: Response = (
    500,
    [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")],
    b"Internal Server Error",
)
"""As uvicorn answers for an application that does not."""


class StandardLane:
    """Stands before Serve's application ``serve``. ``endpoint``: the one whose predictions are told apart."""

    def __init__(self, serve: Asgi, endpoint: App) -> None:
        self._serve, self._endpoint = serve, endpoint
        self._named_by = os.environ.get(NAMED_BY, "").encode()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """As an ASGI server calls it."""
        if scope["type"] != "http":
            await self._serve(scope, receive, send)
            return
        route = self.find(scope)  # before Serve changes the scope
        scope["headers"] = all_for_serve(dict(scope["headers"]), self._named_by)
        await self._serve(scope, receive, in_one_write(send))
        if route is not None and route.operation.does == "predict":
            take_over(send, self)

    def find(self, scope: Scope) -> Route | None:
        """What a request's path means; null where nothing is there."""
        return self._endpoint.find(scope)

    def answer_whole(self, route: Route, scope: Scope, headers: Mapping[bytes, bytes], body: bytes, tell: Tell) -> None:
        """Have Serve ask for the answer to a request that has come whole; ``tell`` is called once, on the event loop."""
        asked = {
            **scope,
            "client": None,  # the ingress; Serve would make text of it
            "headers": least_for_serve(headers, self._named_by),
            "extensions": {WHOLE: Whole(route, headers, body)},
            "state": {},
        }
        task = self._endpoint.service.loop.create_task(self._ask(asked, tell))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, scope: Scope, tell: Tell) -> None:
        said = _Said()
        try:
            await self._serve(scope, _no_more, said)
            if not said.is_whole:
                logger.error("Ray Serve gave no whole response")
        except Exception:  # as the server that it stands for
            logger.exception("Ray Serve failed on a request")
        finally:
            tell(*(said.response if said.is_whole else _FAILED))


async def _no_more() -> dict[str, Any]:
    """The ``receive`` of a request whose body is told beside it."""
    return {"type": "http.request", "body": b"", "more_body": False}


class _Said:
    """The ``send`` that keeps a response."""

    def __init__(self) -> None:
        self.response: Response = 0, [], b""
        self.is_whole = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        status, headers, body = self.response
        if message["type"] == "http.response.start":
            self.response = message["status"], message["headers"], body
        elif message["type"] == "http.response.body":
            self.response = status, headers, body + message.get("body", b"")
            self.is_whole = not message.get("more_body", False)

"""Where Ray Serve finds what a replica puts around its HTTP server's application: the lane of its endpoint.

Serve finds it by ``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``, which an application sets for its own replicas, and calls it
once in each, after the deployment's constructor has registered its lane.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.middleware import Middleware

CALLBACK = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "mlconfig.engine.lanes:middlewares"}
"""What a replica's environment must say."""

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]

_lanes: list[Callable[[Asgi], Asgi]] = []


def register(lane: Callable[[Asgi], Asgi]) -> None:
    """Have a lane used by this process: given Serve's application, it makes what stands before it."""
    _lanes[:] = [lane]


def middlewares() -> list[Middleware]:
    """What Ray Serve puts around its HTTP server's application; the last one is outermost."""
    return [Middleware(lane) for lane in _lanes]

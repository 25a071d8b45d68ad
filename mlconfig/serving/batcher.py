"""Micro-batching without a timer: all that was decoded in one pass of the event loop shares one call of the model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlconfig.serving.decode import Request
from mlconfig.serving.refusal import RequestRefusedError

MAX_ROWS = 64
MAX_QUEUE = 4096


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits for its answer. ``state``: what it was decoded for; ``arrived``: seconds since 1970."""

    state: Any
    request: Request
    arrived: float
    answer: asyncio.Future[Any]


class Batcher:
    """Collects requests of one event loop; ``flush`` answers a batch and must set every future.

    A request is never split: one with more than ``max_rows`` rows is a batch of its own. More than ``max_queue`` rows
    waiting are refused with 503.
    """

    def __init__(
        self, flush: Callable[[list[Waiting]], None], max_rows: int = MAX_ROWS, max_queue: int = MAX_QUEUE
    ) -> None:
        self._flush, self._max_rows, self._max_queue = flush, max_rows, max_queue
        self._queue: deque[Waiting] = deque()
        self._rows = 0

    def submit(self, state: Any, request: Request, arrived: float) -> asyncio.Future[Any]:
        """Queue a request; the future holds its answer, or raises RequestRefusedError. Call it on the event loop."""
        rows = len(request.rows)
        if self._queue and self._rows + rows > self._max_queue:
            raise RequestRefusedError(
                503, "too many requests wait for an answer", hint="try again later", retry_after=1
            )
        loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(self._next)
        waiting = Waiting(state, request, arrived, loop.create_future())
        self._queue.append(waiting)
        self._rows += rows
        return waiting.answer

    def _next(self) -> None:
        batch: list[Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].request.rows) <= self._max_rows):
            batch.append(self._queue.popleft())
            rows += len(batch[-1].request.rows)
        self._rows -= rows
        if self._queue:
            asyncio.get_running_loop().call_soon(self._next)
        self._flush(batch)

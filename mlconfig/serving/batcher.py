"""Micro-batching without a timer: all that was decoded in one pass of the event loop shares one call of the model."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from mlconfig.contracts.protocol import Asked
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.sections.serving import Batching

logger = logging.getLogger(__name__)


class Waiting(msgspec.Struct, eq=False):
    """A request that waits for its answer. ``state``: what it was decoded for; ``arrived``: seconds since 1970; ``name``: the
    ingress', null where there is none; ``logged``: its rows as the log has them, once one of the logs asked.
    """

    state: Any
    asked: Asked
    arrived: float
    answer: asyncio.Future[Any]
    name: bytes | None = None
    logged: list[bytes] | None = None


class Batcher:
    """Collects requests of one event loop; ``flush`` answers a batch and sets every future. Where it raises, those that are
    left are a 500.

    A request is never split: one with more than ``max_rows`` rows is a batch of its own. More than ``max_queue`` rows
    waiting are refused with 503.
    """

    def __init__(self, flush: Callable[[list[Waiting]], None], settings: Batching) -> None:
        self._flush, self._max_rows, self._max_queue = flush, settings.max_rows, settings.max_queue
        self._queue: deque[Waiting] = deque()
        self._rows = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, state: Any, asked: Asked, arrived: float, name: bytes | None = None) -> asyncio.Future[Any]:
        """Queue a request; the future holds its answers, or raises RequestRefusedError. Call it on the event loop."""
        rows = len(asked.rows)
        if self._queue and self._rows + rows > self._max_queue:
            raise RequestRefusedError(
                503, "too many requests wait for an answer", hint="try again later", retry_after=1
            )
        loop = self._loop
        if loop is None or loop.is_closed():  # looking the running one up is a system call
            loop = self._loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(self._next)
        waiting = Waiting(state, asked, arrived, loop.create_future(), name)
        self._queue.append(waiting)
        self._rows += rows
        return waiting.answer

    def _next(self) -> None:
        batch: list[Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].asked.rows) <= self._max_rows):
            batch.append(self._queue.popleft())
            rows += len(batch[-1].asked.rows)
        self._rows -= rows
        if self._queue:
            asyncio.get_running_loop().call_soon(self._next)
        try:
            self._flush(batch)
        except Exception:  # the last line, as in the app: nobody waits for what will not come
            logger.exception("a batch failed")
            problem = RequestRefusedError(500, "the server failed on this request")
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(problem)

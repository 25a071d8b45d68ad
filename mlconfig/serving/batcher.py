"""Micro-batching without a timer: all that was decoded in one pass of the event loop shares one call of the model."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mlconfig.contracts.protocol import Asked, RowAnswer
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.sections.serving import Batching

logger = logging.getLogger(__name__)


Outcome = Sequence[RowAnswer] | RequestRefusedError


class Waiting(msgspec.Struct, eq=False):
    """A request that waits for its answers. ``state``: what it was decoded for; ``arrived``: seconds since 1970; ``tell``: who
    is given the answers, or why there are none, on the event loop; ``name``: the ingress', null where there is none;
    ``logged``: its rows as the log has them, once one of the logs asked.
    """

    state: Any
    asked: Asked
    arrived: float
    tell: Callable[[Outcome], None] | None
    name: bytes | None = None
    logged: list[bytes] | None = None

    def give(self, outcome: Outcome) -> None:
        """Tell it; what comes later is not told any more. Never raises, since others share the batch."""
        tell, self.tell = self.tell, None
        if tell is not None:
            try:
                tell(outcome)
            except Exception:  # the last line
                logger.exception("an answer could not be given")


class Batcher:
    """Collects requests of one event loop; ``flush`` answers a batch and tells everybody. Where it raises, those that are left
    are a 500.

    A request is never split: one with more than ``max_rows`` rows is a batch of its own. More than ``max_queue`` rows
    waiting are refused with 503.
    """

    def __init__(self, flush: Callable[[list[Waiting]], None], settings: Batching) -> None:
        self._flush, self._max_rows, self._max_queue = flush, settings.max_rows, settings.max_queue
        self._queue: deque[Waiting] = deque()
        self._rows = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that runs: looking it up is a system call, so it is remembered."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._loop = asyncio.get_running_loop()
        return loop

    def submit(self, waiting: Waiting) -> None:
        """Queue a request. Call it on the event loop. Raises RequestRefusedError where too many wait."""
        rows = len(waiting.asked.rows)
        if self._queue:
            if self._rows + rows > self._max_queue:
                what = "too many requests wait for an answer"
                raise RequestRefusedError(503, what, hint="try again later", retry_after=1)
        else:
            self.loop.call_soon(self._next)
        self._queue.append(waiting)
        self._rows += rows

    def _next(self) -> None:
        batch: list[Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].asked.rows) <= self._max_rows):
            batch.append(self._queue.popleft())
            rows += len(batch[-1].asked.rows)
        self._rows -= rows
        if self._queue:
            self.loop.call_soon(self._next)
        try:
            self._flush(batch)
        except Exception:  # the last line, as in the app: nobody waits for what will not come
            logger.exception("a batch failed")
            for waiting in batch:
                waiting.give(RequestRefusedError(500, "the server failed on this request"))

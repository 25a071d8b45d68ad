"""Shadows: asked after the response, of many requests at once and in a thread of their own, since nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import numpy as np

from mlconfig.contracts.protocol import RowAnswer
from mlconfig.records.packing import Feeds
from mlconfig.serving.answer_log import AnswerLog, Note
from mlconfig.serving.batcher import Waiting
from mlconfig.serving.loaded import Loaded
from mlconfig.serving.predictor import Scored
from mlconfig.serving.row_set import RowSet
from mlconfig.serving.state import ServingState

logger = logging.getLogger(__name__)

PATIENCE_S = 0.05
"""So long rows wait for others; a call of a model costs as much as two to ten rows."""
MOST_BEHIND = 8
"""So many calls' rows may wait while a call runs; then the event loop waits for its end, so that none are lost or pile up."""


class _Answered(NamedTuple):
    """Rows that were answered: what the log needs to know of them, and what each shadow is fed with (null: it cannot be).

    Nothing else of a request is kept, so that what it was made of is freed while the processor's caches still hold it.
    """

    state: ServingState
    notes: list[Note | None]
    feeds: list[Feeds | None]


class _Asking(NamedTuple):
    """A shadow is asked: ``scored`` is what it says of the rows of these notes."""

    shadow: Loaded
    state: ServingState
    notes: list[Note | None]
    scored: Future[Scored]


class Shadows:
    """Collects answered requests and asks the shadows about them, under the ids of the answers, so that both can be compared.

    A model runs without Python's lock, so the event loop answers others meanwhile. Only that is done beside it: two threads
    that both need the lock hold each other up for longer than the rest takes.

    Args:
        log: where what they say is written.
        most: so many rows are asked about without waiting for more.
    """

    def __init__(self, log: AnswerLog, most: int) -> None:
        self._log, self._most = log, most
        self._waiting: list[_Answered] = []
        self._rows = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "shadows")  # begins with the first shadow
        self._asking: list[_Asking] = []
        self._is_late = False
        self._calls = 0

    def ask(self, state: ServingState, group: list[Waiting], rows: RowSet, answers: list[RowAnswer | None]) -> None:
        """Note what was answered. Call it on the event loop, once the answers are on their way; never raises."""
        try:
            feeds = [_fed(shadow, rows) for shadow in state.versions.shadows]
            self._waiting.append(_Answered(state, self._log.notes(group, answers), feeds))
            self._rows += len(rows)
            self._go_on()
        except Exception:  # others of the batch wait for their answers
            logger.exception("shadows could not be asked")

    def _go_on(self) -> None:
        """Ask about what waits, once it is enough, or else soon; not while they are still asked."""
        if self._is_asking():
            if self._rows >= MOST_BEHIND * self._most and not self._is_late:
                self._is_late = True
                asyncio.get_running_loop().call_soon(self._catch_up)  # answers that are on their way go first
        elif self._rows >= self._most:
            self._go()
        elif self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._when_patience_ends)

    def _catch_up(self) -> None:
        self._is_late = False
        if self._waiting:
            self._go()

    def _when_patience_ends(self) -> None:
        self._timer = None
        if self._waiting and not self._is_asking():
            self._go()
        self._go_on()

    def _is_asking(self) -> bool:
        return bool(self._asking) and not self._asking[-1].scored.done()

    def _go(self) -> None:
        self._end()
        self._asking = self._begin()
        self._calls += 1
        if self._asking:
            # By its number: a future that held what it is held by would keep all of it until Python looks for cycles.
            tell = partial(_tell, asyncio.get_running_loop(), self._when_said, self._calls)
            self._asking[-1].scored.add_done_callback(tell)

    def _when_said(self, call: int) -> None:
        """On the event loop, which may have waited for it already."""
        if self._calls == call:
            self._end()
            self._go_on()

    def flush(self) -> None:
        """Ask about all that waits, and wait for what they say; never raises."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end()
        while self._waiting:
            self._asking = self._begin()
            self._end()

    def _begin(self) -> list[_Asking]:
        """Ask about what waits of the state that is first among it."""
        state = self._waiting[0].state
        mine = [each for each in self._waiting if each.state is state]
        self._waiting = [each for each in self._waiting if each.state is not state]
        self._rows -= sum(len(each.notes) for each in mine)
        asking = []
        for place, shadow in enumerate(state.versions.shadows):
            parts = [(each.notes, each.feeds[place]) for each in mine]
            notes = [note for noted, feeds in parts if feeds is not None for note in noted]
            if notes:
                feeds = _joined([feeds for _, feeds in parts if feeds is not None])
                asking.append(_Asking(shadow, state, notes, self._scored(shadow, feeds)))
        return asking

    def _scored(self, shadow: Loaded, feeds: Feeds) -> Future[Scored]:
        try:
            return self._thread.submit(shadow.predictor.score, feeds)
        except RuntimeError:  # there is no thread any more when Python ends, or none to be had
            scored: Future[Scored] = Future()
            try:
                scored.set_result(shadow.predictor.score(feeds))
            except Exception as error:  # noqa: BLE001 — as from the thread
                scored.set_exception(error)
            return scored

    def _end(self) -> None:
        """Wait for what they say, and log it."""
        asking, self._asking = self._asking, []
        for shadow, state, notes, scored in asking:
            try:
                said = shadow.answers(scored.result(), [note[0] if note is not None else b"" for note in notes])
            except Exception as error:  # noqa: BLE001 — nobody waits for it; a guard counts what is missing
                _warn(shadow, error)
            else:
                self._log.write_shadow(state, notes, said)


def _fed(shadow: Loaded, rows: RowSet) -> Feeds | None:
    try:
        return shadow.pack(rows)
    except Exception as error:  # noqa: BLE001 — as above
        _warn(shadow, error)
        return None


def _joined(parts: list[Feeds]) -> Feeds:
    return parts[0] if len(parts) == 1 else {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}


def _warn(shadow: Loaded, error: Exception) -> None:
    logger.warning("shadow version %s failed: %s", shadow.version.version, error)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[int], None], call: int, _: Future[Scored]) -> None:
    with suppress(RuntimeError):  # the loop is closed: `flush` finds it
        loop.call_soon_threadsafe(what, call)

"""Shadows: asked after the response, of many requests at once, since nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from mlconfig.contracts.protocol import RowAnswer
from mlconfig.serving.answer_log import AnswerLog
from mlconfig.serving.batcher import Waiting
from mlconfig.serving.row_set import RowSet
from mlconfig.serving.state import ServingState

logger = logging.getLogger(__name__)

PATIENCE_S = 0.05
"""So long rows wait for others; a call of a model costs as much as two to ten rows."""


class _Answered(NamedTuple):
    state: ServingState
    group: list[Waiting]
    rows: RowSet
    ids: list[bytes]


class Shadows:
    """Collects answered requests and asks the shadows about them, under the ids of the answers, so that both can be compared.

    Args:
        log: where what they say is written.
        most: rows that are asked about at once.
    """

    def __init__(self, log: AnswerLog, most: int) -> None:
        self._log, self._most = log, most
        self._waiting: list[_Answered] = []
        self._rows = 0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, state: ServingState, group: list[Waiting], rows: RowSet, answers: list[RowAnswer | None]) -> None:
        """Note what was answered. Call it on the event loop, once the answers are on their way."""
        ids = [answer.prediction_id if answer is not None else b"" for answer in answers]
        self._waiting.append(_Answered(state, group, rows, ids))
        self._rows += len(rows)
        if self._rows >= self._most:
            asyncio.get_running_loop().call_soon(self.flush)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self.flush)

    def flush(self) -> None:
        """Ask about all that waits; never raises."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting, self._rows = self._waiting, [], 0
        while waiting:
            state = waiting[0].state
            mine = [each for each in waiting if each.state is state]
            waiting = [each for each in waiting if each.state is not state]
            self._ask(state, mine)

    def _ask(self, state: ServingState, answered: list[_Answered]) -> None:
        rows = RowSet.joined([each.rows for each in answered])
        ids = [each for one in answered for each in one.ids]
        group = [waiting for one in answered for waiting in one.group]
        for shadow in state.versions.shadows:
            try:
                said = shadow.answer(rows, ids)
            except Exception as error:  # noqa: BLE001 — nobody waits for it; a guard counts what is missing
                logger.warning("shadow version %s failed: %s", shadow.version.version, error)
                continue
            self._log.write_shadow(state, group, said)

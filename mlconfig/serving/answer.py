"""From a batch of decoded requests to answers: one call of the model, one write to the log, the responses, then shadows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from mlconfig.contracts.protocol import RowAnswer
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.sections.serving import Serving
from mlconfig.serving.answer_log import AnswerLog
from mlconfig.serving.batcher import Waiting
from mlconfig.serving.fallback import fallback_answers
from mlconfig.serving.row_set import RowSet
from mlconfig.serving.shadowing import Shadows
from mlconfig.serving.state import ServingState

logger = logging.getLogger(__name__)

Answers = list[RowAnswer]
LATE = "the answer would have come too late"


class Answerer:
    """Answers batches. Rows are named by the request's name and their place in it, so that a request that is sent again has the
    same ids; one without a name by ``boot`` and a number.

    ``rows``: answered; ``failures``: requests that a model failed on; ``fallbacks``: requests that something else answered.
    """

    def __init__(self, log: AnswerLog, boot: str, settings: Serving, clock: Callable[[], float] = time.time) -> None:
        self._log, self._boot, self._settings, self._clock = log, boot.encode(), settings, clock
        self._deadline = settings.limits.deadline.total_seconds()
        self.shadows = Shadows(log, settings.batching.max_rows)
        self._count = 0
        self.rows = self.failures = self.fallbacks = 0

    def flush(self, batch: list[Waiting]) -> None:
        """Answer every request of the batch. A row that breaks the model breaks its own request only."""
        now = self._clock()
        oldest = now - self._deadline
        late = [waiting for waiting in batch if waiting.arrived < oldest]
        for waiting in late:
            self._fall_back(waiting, RequestRefusedError(503, LATE, hint="try again later", retry_after=1))
        if late:
            batch = [waiting for waiting in batch if waiting.arrived >= oldest]
        while batch:  # of one state, but for the moment of a swap
            state = batch[0].state
            self._answer([waiting for waiting in batch if waiting.state is state], now)
            batch = [waiting for waiting in batch if waiting.state is not state]

    def _answer(self, group: list[Waiting], now: float) -> None:
        state: ServingState = group[0].state
        rows = RowSet(
            [row for waiting in group for row in waiting.asked.rows],
            [moments for waiting in group for moments in waiting.asked.times],
        )
        try:
            answers = state.answer(rows, self._ids(group), now)
        except Exception as error:
            if len(group) > 1:
                for waiting in group:
                    self._answer([waiting], now)
                return
            self.failures += 1
            logger.exception("a prediction failed", exc_info=error)
            hint = "the replica's log has the reason"
            self._fall_back(group[0], RequestRefusedError(500, "the model failed on this request", hint=hint))
            return
        self._give(state, group, answers)
        if state.versions.shadows:
            self.shadows.ask(state, group, rows, answers)

    def _ids(self, group: list[Waiting]) -> list[bytes]:
        ids = []
        for waiting in group:
            name, first, rows = waiting.name, 1, len(waiting.asked.rows)
            if name is not None and rows == 1:  # as most are
                ids.append(name + b"-1")
                continue
            if name is None:
                name, first = self._boot, self._count + 1
                self._count += rows
            ids += [b"%b-%x" % (name, number) for number in range(first, first + rows)]
        return ids

    def _give(self, state: ServingState, group: list[Waiting], answers: list[RowAnswer | None]) -> None:
        """Log, then answer; a request with a row that has no finite answer is refused and not logged."""
        given: list[tuple[Waiting, Any]] = []
        begin, logged = 0, []
        for waiting in group:
            end = begin + len(waiting.asked.rows)
            mine, begin = answers[begin:end], end
            if None in mine:
                what = "the model has no finite answer for this row"
                given.append((waiting, RequestRefusedError(422, what, hint="check for extreme values")))
            else:
                given.append((waiting, mine))
                logged.append((waiting, mine))
        self.rows += len(answers)
        self._log.write(state, logged, lambda problem: _give_out(given, problem))

    def _fall_back(self, waiting: Waiting, problem: RequestRefusedError) -> None:
        state: ServingState = waiting.state
        ids = self._ids([waiting])
        answers = fallback_answers(self._settings.fallback, state, waiting.asked, ids)
        if answers is None:
            _give_out([(waiting, problem)], None)
            return
        self.fallbacks += 1
        self._give(state, [waiting], answers)


def _give_out(given: list[tuple[Waiting, Any]], problem: RequestRefusedError | None) -> None:
    """Hand out answers; ``problem`` in place of all that would have been logged."""
    for waiting, answer in given:
        waiting.give(answer if problem is None or isinstance(answer, RequestRefusedError) else problem)

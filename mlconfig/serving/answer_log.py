"""The prediction log of a replica as requests see it: written before they are answered, by the policy of the recipe."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeGuard

import msgspec

from mlconfig.contracts.protocol import RowAnswer
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.prediction import encode_prediction
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.sections.serving import ServingLog
from mlconfig.serving.batcher import Waiting
from mlconfig.serving.state import ServingState

Note = tuple[bytes, float, float | None, bytes]
"""A row's prediction id, when its request arrived, its event time, and its inputs as they are logged."""
Answered = Iterable[tuple[Waiting, list[RowAnswer | None]]]
NOT_LOGGED = "the answer could not be logged, and this endpoint answers nothing that is not"


class AnswerLog:
    """Writes answers, and apart from them what shadows said. Which of them are logged follows from a hash of the id."""

    def __init__(self, answers: SegmentWriter, shadows: SegmentWriter, settings: ServingLog) -> None:
        self._answers, self._shadows = answers, shadows
        self._rejects, self._waits = settings.on_full == "reject", settings.durability == "sync"
        self._threshold = int(settings.sample_fraction * 2**64)
        self._logs_all = self._threshold >= 2**64
        self._encode = msgspec.json.Encoder().encode
        self._described: dict[int, ServingState] = {}

    def write(
        self, state: ServingState, answered: Answered, give: Callable[[RequestRefusedError | None], None]
    ) -> None:
        """Append, then ``give`` the answers: at once, or with ``durability: sync`` once they are on the disk.

        ``give`` is told a problem where the policy is to reject what could not be logged.
        """
        records = self._records(state, answered)
        if not records:
            give(None)
            return
        is_kept = self._append(self._answers, state, records)
        if is_kept and self._waits:
            loop = asyncio.get_running_loop()
            self._answers.when_durable(lambda durable: self._give_later(loop, give, is_kept=durable))
            return
        give(self._problem(is_kept=is_kept))

    def _give_later(
        self, loop: asyncio.AbstractEventLoop, give: Callable[[RequestRefusedError | None], None], *, is_kept: bool
    ) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(give, self._problem(is_kept=is_kept))

    def _problem(self, *, is_kept: bool) -> RequestRefusedError | None:
        if is_kept or not self._rejects:
            return None
        return RequestRefusedError(503, NOT_LOGGED, hint="try again later", retry_after=5)

    def notes(self, group: list[Waiting], answers: Sequence[RowAnswer | None]) -> list[Note | None]:
        """What the log of shadows needs to know of a group's rows; null for those that are not logged."""
        found: list[Note | None] = []
        begin = 0
        for waiting in group:
            event_times, logged, at = waiting.asked.event_times, waiting.logged, waiting.arrived
            end = begin + len(event_times)
            if logged is None:
                found += [None] * len(event_times)
            else:
                mine = zip(answers[begin:end], event_times, logged, strict=True)
                found += [(a.prediction_id, at, et, row) if self._is_logged(a) else None for a, et, row in mine]
            begin = end
        return found

    def write_shadow(self, state: ServingState, notes: Sequence[Note | None], said: Sequence[RowAnswer | None]) -> None:
        """Append what a shadow said of the rows of these notes."""
        generation = state.table.generation
        records = [
            encode_prediction(
                note[0],
                note[1],
                note[2],
                answer.version,
                generation,
                answer.prediction,
                answer.score,
                answer.probabilities,
                note[3],
            )
            for note, answer in zip(notes, said, strict=True)
            if note is not None and answer is not None
        ]
        if records:
            self._append(self._shadows, state, records)

    def _append(self, writer: SegmentWriter, state: ServingState, records: list[bytes]) -> bool:
        if self._described.get(id(writer)) is not state:
            writer.describe(state.log_meta)
            self._described[id(writer)] = state
        return writer.append(records)

    def _records(self, state: ServingState, answered: Answered) -> list[bytes]:
        generation, records = state.table.generation, []
        for waiting, answers in answered:
            for place, answer in enumerate(answers):
                if self._is_logged(answer):
                    inputs = waiting.logged or self._inputs(state, waiting)
                    records.append(
                        encode_prediction(
                            answer.prediction_id,
                            waiting.arrived,
                            waiting.asked.event_times[place],
                            answer.version,
                            generation,
                            answer.prediction,
                            answer.score,
                            answer.probabilities,
                            inputs[place],
                        )
                    )
        return records

    def _inputs(self, state: ServingState, waiting: Waiting) -> list[bytes]:
        """A request's rows as they are logged, encoded once for both logs."""
        shield, encode = state.shield.row, self._encode
        waiting.logged = [encode(shield(row)) for row in waiting.asked.rows]
        return waiting.logged

    def _is_logged(self, answer: RowAnswer | None) -> TypeGuard[RowAnswer]:
        if answer is None or self._logs_all:
            return answer is not None
        digest = hashlib.blake2b(answer.prediction_id, digest_size=8).digest()
        return int.from_bytes(digest) < self._threshold

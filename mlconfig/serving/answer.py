"""From a batch of decoded requests to answers: one call of the model, one write to the log, then the responses."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec
import numpy as np

from mlconfig.records.prediction import encode_prediction
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.serving.batcher import Waiting
from mlconfig.serving.predictor import Predictions
from mlconfig.serving.refusal import RequestRefusedError
from mlconfig.serving.state import ServingState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's body; ``prediction_id`` where it answers one row."""

    body: bytes
    prediction_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """One row's answer as JSON pieces; ``shown`` is the part of the response that follows the prediction id."""

    shown: bytes
    prediction: bytes
    score: bytes
    probabilities: bytes
    finite: bool


class Answerer:
    """Answers batches. ``boot`` makes prediction ids unique; ``sample_fraction`` of the predictions are logged.

    Which predictions are logged follows from a hash of the id, so it can be checked afterwards.
    """

    def __init__(self, writer: SegmentWriter, boot: str, sample_fraction: float) -> None:
        self._writer, self._boot = writer, boot.encode()
        self._threshold = int(sample_fraction * 2**64)
        self._count = 0
        self._described: ServingState | None = None
        self._encode = msgspec.json.Encoder().encode
        self.rows = self.failures = 0

    def flush(self, batch: list[Waiting]) -> None:
        """Answer every request of the batch. A row that breaks the model breaks its own request only."""
        for _, requests in groupby(batch, key=lambda waiting: id(waiting.state)):
            self._answer(list(requests))

    def _answer(self, group: list[Waiting]) -> None:
        try:
            answers = self._predict(group[0].state, group)
        except Exception:
            if len(group) > 1:
                for waiting in group:
                    self._answer([waiting])
                return
            self.failures += 1
            logger.exception("a prediction failed")
            answers = [
                RequestRefusedError(500, "the model failed on this request", hint="the replica's log has the reason")
            ]
        for waiting, answer in zip(group, answers, strict=True):
            if waiting.answer.done():  # the client has gone
                continue
            if isinstance(answer, RequestRefusedError):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)

    def _predict(self, state: ServingState, group: list[Waiting]) -> list[Answer | RequestRefusedError]:
        rows = [row for waiting in group for row in waiting.request.rows]
        times = [time for waiting in group for time in waiting.request.times]
        answered = _rows(state, state.predictor.run(state.packer.pack(rows, times)))
        records: list[bytes] = []
        answers = [self._reply(state, waiting, answered, records) for waiting in group]
        self.rows += len(rows)
        if records:
            self._log(state, records)
        return answers

    def _reply(
        self, state: ServingState, waiting: Waiting, answered: Iterator[_Row], records: list[bytes]
    ) -> Answer | RequestRefusedError:
        """One request's answer; its log records are added to ``records``."""
        parts, mine, prediction_id = [], [], b""
        infinite = False
        for row, event_time in zip(waiting.request.rows, waiting.request.event_times, strict=True):
            result = next(answered)
            infinite = infinite or not result.finite
            self._count += 1
            prediction_id = b"%b-%x" % (self._boot, self._count)
            parts.append(b'{"prediction_id":"%b",%b' % (prediction_id, result.shown))
            if self._is_logged(prediction_id):
                mine.append(self._record(state, prediction_id, waiting.arrived, event_time, result, row))
        if infinite:
            return RequestRefusedError(
                422, "the model has no finite answer for this row", hint="check for extreme values"
            )
        records += mine
        if waiting.request.one:
            return Answer(b'%b,"version":%b}' % (parts[0], state.version), prediction_id)
        return Answer(b'{"predictions":[%b}],"version":%b}' % (b"},".join(parts), state.version))

    def _record(
        self,
        state: ServingState,
        prediction_id: bytes,
        arrived: float,
        event_time: float | None,
        result: _Row,
        row: Any,
    ) -> bytes:
        return encode_prediction(
            prediction_id,
            arrived,
            event_time,
            state.version,
            state.table.generation,
            result.prediction,
            result.score,
            result.probabilities,
            self._encode(row),
        )

    def _is_logged(self, prediction_id: bytes) -> bool:
        if self._threshold >= 2**64:
            return True
        return int.from_bytes(hashlib.blake2b(prediction_id, digest_size=8).digest()) < self._threshold

    def _log(self, state: ServingState, records: list[bytes]) -> None:
        """Serve and count: a full disk never fails a request, and `SegmentWriter.dropped` says how much is missing."""
        if state is not self._described:
            self._writer.describe(state.log_meta)
            self._described = state
        self._writer.append(records)


def _number(value: float) -> bytes:
    """A float32 as JSON; nine digits bring it back exactly."""
    return b"%.9g" % value


def _rows(state: ServingState, predictions: Predictions) -> Iterator[_Row]:
    finite = np.isfinite(predictions.scores).tolist()
    scores = predictions.scores.tolist()
    if predictions.codes is None or predictions.probabilities is None:
        for score, good in zip(scores, finite, strict=True):
            number = _number(score)
            yield _Row(b'"prediction":%b' % number, number, number, b"null", good)
        return
    binary = state.signature.task == "binary"
    for code, score, row, good in zip(
        predictions.codes.tolist(), scores, predictions.probabilities.tolist(), finite, strict=True
    ):
        label, number = state.labels[code], _number(score)
        listed = b"[%b]" % b",".join([_number(value) for value in row])
        name, shown = (b"probability", number) if binary else (b"probabilities", listed)
        yield _Row(b'"prediction":%b,"%b":%b' % (label, name, shown), label, number, listed, good)

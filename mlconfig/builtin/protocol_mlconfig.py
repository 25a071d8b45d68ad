"""The house's own protocol: JSON of a row or many, JSON a line as a stream, Arrow's stream format for columns.

JSON: ``{…}`` or ``{"rows": [{…}, …]}``. Lines: https://github.com/ndjson/ndjson-spec, a row each, answered a line each.
Arrow: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format, a column a field, answered with columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from mlconfig.builtin.arrow_rows import rows_of
from mlconfig.contracts.protocol import (
    JSON,
    POST,
    Asked,
    Codec,
    Operation,
    Protocol,
    ProtocolTags,
    RowAnswer,
    Surface,
    WireReply,
    WireRequest,
)
from mlconfig.vocabulary import Task

LINES = b"application/x-ndjson"
ARROW = b"application/vnd.apache.arrow.stream"
COLUMNS = "columns"
"""The shape of what was asked in columns."""


class MlconfigProtocol(Protocol):
    """``POST /v1/{endpoint}/predict``."""

    tags: ClassVar[ProtocolTags] = ProtocolTags()

    def operations(self) -> tuple[Operation, ...]:
        """One path; the type of the content says which of the three forms."""
        return (Operation("predict", "/v1/{endpoint}/predict", POST, "predict", (JSON, ARROW), (LINES,)),)

    def codec(self, surface: Surface) -> Codec:
        """For what is served now."""
        return MlconfigCodec(surface)


class MlconfigCodec(Codec):
    """Rows by name in, predictions with their ids out."""

    def __init__(self, surface: Surface) -> None:
        self._reader = surface.reader
        self._task: Task = surface.signature.task
        self._classes = surface.signature.classes
        self._names = {*(column.name for column in surface.signature.columns), *surface.signature.unused}
        self._version = msgspec.json.encode(surface.version)

    def decode(self, request: WireRequest) -> Asked:
        """Rows of JSON, of one line, or of an Arrow stream."""
        if request.media == ARROW:
            asked = self._reader.from_values(rows_of(request.body, self._names, self._reader.max_rows))
            asked.shape = COLUMNS
            return asked
        return self._reader.from_json(request.body)

    def encode(self, asked: Asked, answers: Sequence[RowAnswer]) -> WireReply:
        """In the form that was asked in."""
        if asked.shape == COLUMNS:
            return WireReply(self._table(answers), ARROW)
        if asked.shape:
            one = answers[0]
            body = b'{%b,"version":%b%b}' % (self._shown(one), one.version, _mark(one))
            return WireReply(body, JSON, ((b"x-prediction-id", one.prediction_id),))
        listed = b"},{".join([self._one_of_many(answer) for answer in answers])
        return WireReply(b'{"predictions":[{%b}],"version":%b}' % (listed, self._version))

    def _one_of_many(self, answer: RowAnswer) -> bytes:
        """The version of a row is told where it is not the one of them all."""
        shown = self._shown(answer)
        if answer.version == self._version and not answer.fallback:
            return shown
        return b'%b,"version":%b%b' % (shown, answer.version, _mark(answer))

    def _shown(self, answer: RowAnswer) -> bytes:
        head = b'"prediction_id":"%b","prediction":%b' % (answer.prediction_id, answer.prediction)
        if self._task == "binary":
            return b'%b,"probability":%.9g' % (head, answer.score)
        if answer.probabilities is None:
            return head
        return b'%b,"probabilities":[%b]' % (head, b",".join([b"%.9g" % value for value in answer.probabilities]))

    def _table(self, answers: Sequence[RowAnswer]) -> bytes:
        import pyarrow as pa

        columns: dict[str, Any] = {
            "prediction_id": [answer.prediction_id.decode() for answer in answers],
            "prediction": [msgspec.json.decode(answer.prediction) for answer in answers],
            "version": [msgspec.json.decode(answer.version) for answer in answers],
            "fallback": [answer.fallback for answer in answers],
        }
        if self._task == "binary":
            columns["probability"] = [answer.score for answer in answers]
        elif self._task == "multiclass":
            columns["probabilities"] = [answer.probabilities for answer in answers]
        table = pa.table(columns)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def schema(self) -> Mapping[str, Any]:
        """Its one path is the document's own."""
        return {}


def _mark(answer: RowAnswer) -> bytes:
    return b',"fallback":true' if answer.fallback else b""

"""One subject's rows in an endpoint's log: found by their columns, with the labels that belong to them, and erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlconfig.records.erasing import Theirs, bodies, erase_in_parquet, erase_in_segment, segment_header
from mlconfig.records.feedback import FeedbackRecord
from mlconfig.records.prediction import LoggedColumn, PredictionRecord
from mlconfig.records.prediction_log import FEEDBACK, LABELS, PARQUET, SEGMENTS
from mlconfig.records.removed import note_erased
from mlconfig.records.segments import SegmentHeader
from mlconfig.records.subject import Subject

if TYPE_CHECKING:
    import pyarrow as pa

_prediction = msgspec.json.Decoder(PredictionRecord[dict[str, Any]]).decode
_label = msgspec.json.Decoder(FeedbackRecord).decode


class SubjectsRows:
    """One subject's rows in one log (also a shadow's, which has no labels).

    Args:
        log: the folder of `records.prediction_log`.
        subject: whose.
        key: ``data.key``, by which labels may come.
    """

    def __init__(self, log: Path, subject: Subject, key: tuple[str, ...]) -> None:
        self.log, self.subject = log, subject
        self._places = [key.index(name) for name in subject.columns if name in key]
        self._by_key = len(self._places) == len(subject.columns)

    def ids(self) -> set[str]:
        """The ids of their predictions, as far as they are there still."""
        found: set[str] = set()
        for path in self._segments(SEGMENTS):
            data = path.read_bytes()
            theirs = self._theirs(segment_header(data))
            found |= {_prediction(body).id for _, body in bodies(data) if theirs(body)}
        for path in self._parquet(PARQUET):
            found |= set(self._ids_of(path))
        return found

    def erase_predictions(self) -> int:
        """Overwrite and rewrite; what is erased is noted before, so that it does not count as lost."""
        rows = 0
        for path in self._segments(SEGMENTS):
            theirs = self._theirs(segment_header(path.read_bytes()))
            rows += erase_in_segment(path, theirs, self._note_segment, self._spoilt)
        for path in self._parquet(PARQUET):
            if self._ids_of(path):
                rows += erase_in_parquet(path, self._mask, self._note_rows(path.stem))
        return rows

    def erase_labels(self, ids: set[str]) -> int:
        """The labels of their predictions, and those that came by their key."""
        rows = 0
        for path in self._segments(FEEDBACK):
            rows += erase_in_segment(path, self._labels_of(ids), lambda _, __: None, self._spoilt)
        for path in self._parquet(LABELS):
            rows += erase_in_parquet(path, lambda table: self._label_mask(table, ids))
        return rows

    def remove_drafts(self) -> int:
        """Files that a compaction left unfinished; it is made again from the segment."""
        drafts = [path for folder in (PARQUET, LABELS) for path in (self.log / folder).glob("day=*/.*.tmp")]
        for path in drafts:
            path.unlink(missing_ok=True)
        return len(drafts)

    def _segments(self, folder: str) -> Iterator[Path]:
        """Segments, and those that were set aside."""
        yield from sorted((self.log / folder).glob("*.seg"))
        yield from sorted((self.log / folder).glob("*.damaged"))

    def _parquet(self, folder: str) -> list[Path]:
        return sorted((self.log / folder).glob("day=*/*.parquet"))

    def _theirs(self, header: SegmentHeader | None) -> Theirs:
        columns = msgspec.convert(header.meta.get("columns", []), list[LoggedColumn]) if header is not None else []
        fields = {column.name: column.field for column in columns if column.field is not None}

        def theirs(body: bytes) -> bool:
            with suppress(msgspec.DecodeError):
                return self.subject.is_in(_prediction(body).inputs, fields)
            return self._spoilt(body)

        return theirs

    def _spoilt(self, data: bytes) -> bool:
        """Whether bytes that nobody can read hold a value of theirs."""
        return any(msgspec.json.encode(value)[1:-1] in data for value in self.subject.values)

    def _note_segment(self, header: SegmentHeader, numbers: list[int]) -> None:
        note_erased(self.log, header.segment, header.replica, header.boot, numbers)

    def _note_rows(self, segment: str) -> Any:
        def note(rows: pa.Table) -> None:
            replica, boot = (rows.column(name)[0].as_py() for name in ("replica", "boot"))
            note_erased(self.log, segment, replica, boot, rows.column("seq").to_pylist())

        return note

    def _ids_of(self, path: Path) -> list[str]:
        """Of their rows in a file, of which no more is read."""
        import pyarrow.parquet as pq

        table = pq.read_table(path, columns=["prediction_id", "inputs"], partitioning=None)
        return list(table.column("prediction_id").filter(self._mask(table)).to_pylist()) if len(table) else []

    def _mask(self, table: pa.Table) -> pa.Array:
        import pyarrow as pa

        there = table.column_names
        inputs = table.column("inputs").combine_chunks() if "inputs" in there else None
        have = {field.name for field in inputs.type} if inputs is not None else set()
        if inputs is None or not have.issuperset(self.subject.columns):
            return pa.array([False] * len(table), pa.bool_())
        return self.subject.mask([inputs.field(name) for name in self.subject.columns])

    def _labels_of(self, ids: set[str]) -> Theirs:
        def theirs(body: bytes) -> bool:
            with suppress(msgspec.DecodeError):
                label = _label(body)
                return label.prediction_id in ids or self._is_key(label.key)
            return self._spoilt(body)

        return theirs

    def _is_key(self, text: str | None) -> bool:
        if text is None or not self._by_key:
            return False
        values = json.loads(text)
        return all(self.subject.is_at(i, values[place]) for i, place in enumerate(self._places))

    def _label_mask(self, table: pa.Table, ids: set[str]) -> pa.Array:
        import pyarrow as pa

        said = zip(table.column("prediction_id").to_pylist(), table.column("key").to_pylist(), strict=True)
        return pa.array([each in ids or self._is_key(key) for each, key in said], pa.bool_())

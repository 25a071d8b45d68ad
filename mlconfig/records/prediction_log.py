"""Reading the prediction log: compacted Parquet and live segments as one table, each prediction once (see `records.resent`).

<storage>/predictions/<endpoint>/segments/*.seg
                                 parquet/day=YYYY-MM-DD/<segment>.parquet     the day of arrival, UTC
                                 feedback/*.seg
                                 labels/day=YYYY-MM-DD/<segment>.parquet
                                 removed/*.json                               what is gone on purpose, see `records.removed`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlconfig.errors import DataError
from mlconfig.records.days import Bounds, day_files, read_within
from mlconfig.records.feedback import newest_labels
from mlconfig.records.label_log import label_blocks
from mlconfig.records.prediction import begins_after, segment_table
from mlconfig.records.removed import removed_rows
from mlconfig.records.resent import find_resent
from mlconfig.records.segments import Segment, parse_segment, segment_files

if TYPE_CHECKING:
    import pyarrow as pa

SEGMENTS, PARQUET = "segments", "parquet"
FEEDBACK, LABELS = "feedback", "labels"
SHADOW = "shadow"
"""Below it is another log of the same form: what shadows said."""
PUBLIC = ("prediction_id", "arrived", "event_time", "version", "generation", "prediction", "score", "probabilities")
"""The log's columns before ``inputs``."""

_OWN = ("replica", "boot", "seq")


def log_folder(storage: Path, endpoint: str) -> Path:
    """Where an endpoint's prediction log lies."""
    return storage / "predictions" / endpoint


def _read_segments(folder: Path) -> list[Segment]:
    """All segments of a folder; one that is compacted and deleted meanwhile means to look again."""
    while True:
        try:
            return [parse_segment(file.read_bytes(), str(file)) for file in segment_files(folder)]
        except FileNotFoundError:
            continue


def _type_of_both(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """A type that holds a column's values before and after it changed; text when there is none better."""
    import pyarrow as pa

    if first == second:
        return first
    numbers = pa.types.is_integer(first) or pa.types.is_floating(first)
    return pa.float64() if numbers and (pa.types.is_integer(second) or pa.types.is_floating(second)) else pa.string()


def _common_inputs(tables: list[pa.Table]) -> list[pa.Table]:
    """Give ``inputs`` the same fields everywhere: versions of an endpoint may differ in columns."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {}
    for table in tables:
        for field in table.schema.field("inputs").type:
            types[field.name] = _type_of_both(types.get(field.name, field.type), field.type)
    wanted = pa.struct([pa.field(name, kind) for name, kind in types.items()])
    return [_with_inputs(table, wanted) for table in tables]


def _with_inputs(table: pa.Table, wanted: pa.StructType) -> pa.Table:
    import pyarrow as pa

    index = table.schema.get_field_index("inputs")
    if table.schema.field(index).type == wanted or not wanted.num_fields:
        return table
    given = table.column(index).combine_chunks()
    had = {field.name for field in given.type}
    children = [
        given.field(field.name).cast(field.type) if field.name in had else pa.nulls(len(table), field.type)
        for field in wanted
    ]
    return table.set_column(index, "inputs", pa.StructArray.from_arrays(children, fields=list(wanted)))


class PredictionLog:
    """The log of one endpoint, in ``folder`` (see `log_folder`). Reads only; safe beside writers and a compactor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def predictions(
        self,
        since: float | None = None,
        until: float | None = None,
        time: Literal["arrival", "event"] = "arrival",
        version: str | None = None,
    ) -> pa.Table:
        """Predictions with ``since <= time < until`` (seconds since 1970, UTC), oldest arrival first.

        Columns: prediction_id, arrived (s), event_time (s, null), version, generation, prediction (JSON), score (binary:
        probability of the positive class; multiclass: of the predicted one; regression: the value), probabilities, inputs
        (the request's columns; timestamps as wall clock in the signature's zone). With ``time="event"`` and a bound, a
        prediction without event time is left out.
        """
        import pyarrow as pa

        chosen = [self._choose(table, since, until, time, version) for table in self._tables(since, until, time)]
        tables = _common_inputs([table for table in chosen if len(table)])
        if not tables:
            return self._empty()
        whole = pa.concat_tables(tables).sort_by([("arrived", "ascending"), *((name, "ascending") for name in _OWN)])
        return whole.select([*PUBLIC, "inputs"])

    def blocks(
        self,
        since: float | None = None,
        until: float | None = None,
        time: Literal["arrival", "event"] = "arrival",
        version: str | None = None,
        columns: Sequence[str] = (*PUBLIC, "inputs"),
    ) -> Iterator[pa.Table]:
        """The same predictions as ``predictions`` gives, a file at a time and in no order: memory is one file's.

        ``columns``: of them, at least those that the bounds and the version are in. Files whose statistics lie outside
        the bounds are not read.
        """
        bounds = Bounds(since, until, "arrived" if time == "arrival" else "event_time")
        arrived = (since, until) if time == "arrival" else (None, None)
        if bounds.are_empty:
            return
        resent = find_resent(self.folder / SEGMENTS, self.folder / PARQUET)
        seen = set()
        for file in segment_files(self.folder / SEGMENTS):
            try:
                if begins_after(file, arrived[1]):
                    continue
                segment = parse_segment(file.read_bytes(), str(file))
            except FileNotFoundError:  # compacted meanwhile: it is in Parquet, which is listed below
                continue
            seen.add(segment.header.segment)
            table = segment_table(resent.without(segment), *arrived)
            if table is not None:
                yield self._choose(table, since, until, time, version).select(list(columns))
        for file in day_files(self.folder / PARQUET, seen, bounds):
            table = None
            with suppress(FileNotFoundError):
                table = read_within(file, [*columns, *({bounds.column, "version"} - set(columns))], bounds)
            if table is not None:
                yield self._choose(table, since, until, time, version).select(list(columns))

    def labels(self) -> pa.Table:
        """The newest label of each prediction id or key, oldest arrival first; also those whose prediction is not there.

        Columns: prediction_id (null), key (null; see `records.feedback.key_text`), label (JSON), label_version, arrived (s).
        """
        import pyarrow as pa

        return newest_labels(pa.concat_tables(self.label_blocks()))

    def label_blocks(self, since: float | None = None) -> Iterator[pa.Table]:
        """All labels as they were sent, in the columns of ``labels``, with little in memory.

        ``since``: those that arrived before are left out, and of what was compacted not even read.
        """
        return label_blocks(self.folder / FEEDBACK, self.folder / LABELS, since)

    def lost(self) -> dict[tuple[str, str], int]:
        """Predictions that were answered and counted but are not in the log, by (replica, boot); only where there are any.

        Exact up to the last number that reached the disk: the sequence has no gaps.
        """
        segments = _read_segments(self.folder / SEGMENTS)
        highest: dict[tuple[str, str], int] = {}
        there: Counter[tuple[str, str]] = Counter()
        for segment in segments:
            writer = (segment.header.replica, segment.header.boot)
            highest[writer] = max(highest.get(writer, -1), segment.last)
            there[writer] += len(segment.records)
        for table in self._parquet({segment.header.segment for segment in segments}, None, None, list(_OWN)):
            for replica, boot, number, count in _numbers(table):
                highest[replica, boot] = max(highest.get((replica, boot), -1), number)
                there[replica, boot] += count
        for gone in removed_rows(self.folder):  # erased, or older than they are kept: that is no loss
            writer = (gone.replica, gone.boot)
            highest[writer] = max(highest.get(writer, -1), gone.highest)
            there[writer] += gone.rows
        gaps = {writer: top + 1 - there[writer] for writer, top in highest.items()}
        return {writer: gap for writer, gap in gaps.items() if gap > 0}

    def _tables(self, since: float | None, until: float | None, time: str) -> list[pa.Table]:
        """Segments first: one that is gone by then was in Parquet before, and one that is there outweighs its Parquet."""
        resent = find_resent(self.folder / SEGMENTS, self.folder / PARQUET)
        segments = [resent.without(segment) for segment in _read_segments(self.folder / SEGMENTS)]
        seen = {segment.header.segment for segment in segments}
        days = (since, until) if time == "arrival" else (None, None)
        live = [table for table in map(segment_table, segments) if table is not None]
        return [*self._parquet(seen, *days), *live]

    def _parquet(
        self, without: set[str], since: float | None, until: float | None, columns: list[str] | None = None
    ) -> list[pa.Table]:
        import pyarrow.parquet as pq

        tables = []
        for file in day_files(self.folder / PARQUET, without, Bounds(since, until, "arrived")):
            with suppress(FileNotFoundError):  # older than rows are kept
                tables.append(pq.read_table(file, columns=columns, partitioning=None))
        return tables

    def _choose(
        self, table: pa.Table, since: float | None, until: float | None, time: str, version: str | None
    ) -> pa.Table:
        import pyarrow.compute as pc

        if time not in ("arrival", "event"):
            raise DataError(f"`{time}` is no time of a prediction", "time", "use arrival or event")
        moment = pc.field("arrived" if time == "arrival" else "event_time")
        conditions = [moment >= since] if since is not None else []
        conditions += [moment < until] if until is not None else []
        conditions += [pc.field("version") == version] if version is not None else []
        for condition in conditions:
            table = table.filter(condition)
        return table

    def _empty(self) -> pa.Table:
        import pyarrow as pa

        text, number = pa.string(), pa.float64()
        types = [text, number, number, text, pa.int64(), text, number, pa.list_(number)]
        return pa.schema([*zip(PUBLIC, types, strict=True), ("inputs", pa.struct([]))]).empty_table()


def _numbers(table: pa.Table) -> list[tuple[str, str, int, int]]:
    """Highest number and count of rows by writer."""
    grouped = table.group_by(["replica", "boot"]).aggregate([("seq", "max"), ("seq", "count_distinct")])
    return [(row["replica"], row["boot"], row["seq_max"], row["seq_count_distinct"]) for row in grouped.to_pylist()]

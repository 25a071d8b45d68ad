"""The record of one prediction: JSON bytes that the data plane makes without a second serialisation, and how to read them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import astuple

from mlconfig.errors import DataError
from mlconfig.records.field_names import field_names
from mlconfig.records.segments import record_blocks
from mlconfig.records.signature import Signature
from mlconfig.vocabulary import Kind

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.records.segments import Segment, SegmentHeader

    Numbered = Sequence[tuple[int, bytes]]

VERSION = 1
BLOCK = 1024
"""Records that become columns at a time: as many as the processor's caches hold take half the time of 16 times as many."""
NOTHING = "nothing"
"""The one field of ``inputs`` where nothing of a request is logged; null throughout."""
UNORDERED_S = 60.0
"""Records of one writer are in the order of arrival but for what was answered at the same time; no request takes so long."""
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (float("inf"), 1_000_000_000))
_FORM = (
    b'{"v":1,"id":"%b","at":%.6f,"et":%b,"version":%b,"generation":%d,'
    b'"prediction":%b,"score":%.9g,"probabilities":%b,"inputs":%b}'
)


Inputs = TypeVar("Inputs")


class PredictionRecord(msgspec.Struct, Generic[Inputs], gc=False):
    """One prediction as it is logged. Times are seconds since 1970 (UTC); ``inputs`` are the request's fields as given."""

    v: int
    id: str
    at: float
    version: str
    generation: int
    prediction: msgspec.Raw
    inputs: Inputs
    et: float | None = None
    score: float | None = None
    probabilities: list[float] | None = None


class LoggedColumn(msgspec.Struct, frozen=True):
    """How a column of ``inputs`` is to be read back."""

    name: str
    kind: Kind
    integer: bool = False
    field: str | None = None


def log_meta(signature: Signature) -> dict[str, Any]:
    """What a segment's header must say so that its records become typed columns; ``field`` where it is not the name.

    Of personal columns those that are dropped are none, and digests are text.
    """
    fields = field_names(signature)
    columns = [
        {"name": column.name}
        | (
            {"kind": "categorical", "integer": False}
            if column.pii
            else {"kind": column.kind, "integer": column.integer}
        )
        | ({"field": fields[column.name]} if fields[column.name] != column.name else {})
        for column in signature.columns
        if column.pii != "drop"
    ]
    return {"columns": columns, "time_zone": signature.time_zone}


def encode_prediction(
    prediction_id: bytes,
    arrived: float,
    event_time: float | None,
    version: bytes,
    generation: int,
    prediction: bytes,
    score: float,
    probabilities: Sequence[float] | None,
    inputs: bytes,
) -> bytes:
    """The record's bytes; ``version``, ``prediction`` and ``inputs`` are JSON already. Numbers have nine digits: all that a
    float32 has.
    """
    moment = b"null" if event_time is None else b"%.6f" % event_time
    listed = b"null" if probabilities is None else _list_form(len(probabilities)) % tuple(probabilities)
    return _FORM % (prediction_id, arrived, moment, version, generation, prediction, score, listed, inputs)


@lru_cache(maxsize=64)
def _list_form(length: int) -> bytes:
    return b"[%b]" % b",".join([b"%.9g"] * length)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that name."""
    return ZoneInfo(name)


def moment_of(value: str | float, time_zone: str) -> datetime:
    """A request's moment in its zone: ISO 8601 text (zone-less text is in ``time_zone``) or seconds since 1970 (UTC).

    A number from 1e11 on counts as milliseconds, from 1e14 as microseconds, from 1e17 as nanoseconds, as `records.wall_clock`
    reads it. Raises ValueError, OverflowError or OSError for what is no moment.
    """
    if not isinstance(value, str):
        per_second = next(unit for bound, unit in _UNITS if abs(value) < bound)
        return datetime.fromtimestamp(value / per_second, zone(time_zone))
    parsed = datetime.fromisoformat(value)
    return parsed.replace(tzinfo=zone(time_zone)) if parsed.tzinfo is None else parsed.astimezone(zone(time_zone))


def category_text(value: str | float) -> str:
    """A category as text, as `records.packing` writes it: ``true``, ``3`` (also for 3.0), ``0.5``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if value == int(value) else repr(value)


def wall_clock(moment: datetime) -> float:
    """Seconds since 1970 that the clock on the wall shows, as timestamp features are predicted from."""
    return moment.replace(tzinfo=UTC).timestamp()


def _arrow_type(column: LoggedColumn) -> pa.DataType:
    import pyarrow as pa

    if column.kind == "numeric":
        return pa.int64() if column.integer else pa.float64()
    return {"boolean": pa.bool_(), "categorical": pa.string(), "timestamp": pa.timestamp("us")}[column.kind]


def _values(column: LoggedColumn, given: Sequence[Any], time_zone: str) -> pa.Array:
    import pyarrow as pa

    kind = _arrow_type(column)
    if column.kind == "timestamp":
        given = [None if v is None else moment_of(v, time_zone).replace(tzinfo=None) for v in given]
    elif column.kind == "categorical":
        with suppress(pa.ArrowTypeError):  # not all of it is text already
            return pa.array(given, kind)
        given = [None if v is None else category_text(v) for v in given]
    elif column.integer:
        given = [None if v is None else int(v) for v in given]
    return pa.array(given, kind)


def _inputs(columns: Sequence[LoggedColumn], rows: Sequence[msgspec.Struct], time_zone: str) -> pa.StructArray:
    import pyarrow as pa

    fields = [pa.field(column.name, _arrow_type(column)) for column in columns]
    if not fields:  # all of it is dropped; Parquet has no struct without a field
        return pa.StructArray.from_arrays([pa.nulls(len(rows), pa.bool_())], names=[NOTHING])
    by_column = zip(*map(astuple, rows), strict=True)
    arrays = [_values(column, given, time_zone) for column, given in zip(columns, by_column, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=fields)


@lru_cache(maxsize=64)
def _decoder(columns: tuple[LoggedColumn, ...]) -> Any:
    """Reads records whose ``inputs`` become a struct of these columns, in order: cheaper than a dict, and turned at once.

    Segments of one version share it.
    """
    names = {f"f{place}": column.name if column.field is None else column.field for place, column in enumerate(columns)}
    inputs = msgspec.defstruct("Inputs", [(name, Any, None) for name in names], rename=names, gc=False)
    kind: Any = PredictionRecord[inputs]  # type: ignore[valid-type]
    return msgspec.json.Decoder(kind).decode


def _batch(header: SegmentHeader, part: Numbered, columns: Sequence[LoggedColumn], decode: Any) -> pa.RecordBatch:
    import pyarrow as pa

    read = [decode(payload) for _, payload in part]
    forms, ids, at, version, generation, prediction, inputs, et, score, listed = zip(*map(astuple, read), strict=True)
    if max(forms) > VERSION:
        what = f"a record of version {max(forms)}, newer than this program reads"
        raise DataError(what, header.segment, "upgrade mlconfig")
    return pa.record_batch(
        {
            "prediction_id": pa.array(ids, pa.string()),
            "arrived": pa.array(at, pa.float64()),
            "event_time": pa.array(et, pa.float64()),
            "version": pa.array(version, pa.string()),
            "generation": pa.array(generation, pa.int64()),
            "prediction": pa.array([bytes(each).decode() for each in prediction], pa.string()),
            "score": pa.array(score, pa.float64()),
            "probabilities": pa.array(listed, pa.list_(pa.float64())),
            "inputs": _inputs(columns, inputs, header.meta.get("time_zone", "UTC")),
            "replica": pa.repeat(header.replica, len(part)),
            "boot": pa.repeat(header.boot, len(part)),
            "seq": pa.array([number for number, _ in part], pa.int64()),
        }
    )


def segment_table(segment: Segment, since: float | None = None, until: float | None = None) -> pa.Table | None:
    """The predictions of a segment as a table; None when it holds none. Besides the log's columns: replica, boot, seq.

    ``since``, ``until``: what arrived before or after these moments may be left out; it is passed over without being read.
    """
    import pyarrow as pa

    columns = msgspec.convert(segment.header.meta.get("columns", []), tuple[LoggedColumn, ...])
    decode = _decoder(columns)
    first = 0 if since is None else first_since(segment, since - UNORDERED_S)
    end = len(segment.records) if until is None else first_since(segment, until + UNORDERED_S)
    parts = [segment.records[start : min(start + BLOCK, end)] for start in range(first, end, BLOCK)]
    batches = [_batch(segment.header, part, columns, decode) for part in parts]
    return pa.Table.from_batches(batches).combine_chunks() if batches else None


class _Arrival(msgspec.Struct):
    """The part of a record that says when."""

    at: float


_when = msgspec.json.Decoder(_Arrival).decode


def first_since(segment: Segment, since: float) -> int:
    """The first record from a moment on: a writer appends in the order of arrival."""
    return bisect_left(segment.records, since, key=lambda record: _when(record[1]).at)


def begins_after(file: Path, moment: float | None) -> bool:
    """Whether all records of a segment arrived after a moment; only its first is read. Raises as ``read_segment`` does."""
    if moment is None:
        return False
    bodies = (body for block in record_blocks(file) for body in block)
    first = next(bodies, None)
    return first is None or _when(first).at >= moment + UNORDERED_S

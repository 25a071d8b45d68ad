"""Moments out of whatever a column holds: float64 seconds since 1970 (UTC), NaN where there is none.

What names no time zone is a local time of the recipe's ``time_zone``. Where clocks are set back, the first of the two
moments is meant; where they are set forward, a skipped local time is read with the offset before the change (PEP 495, fold=0).
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from mlconfig.data.plain import is_number, is_time, one_piece
from mlconfig.errors import DataError

Floats = np.ndarray[Any, np.dtype[np.float64]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = 900
"""Seconds. Clocks change on the quarter of an hour, so one offset holds for each."""


def moment_seconds(moment: str, time_zone: str = "UTC") -> float:
    """One ISO 8601 moment as seconds since 1970 (UTC); a bare date is its midnight in ``time_zone``."""
    return float(_parsed([moment], None, time_zone)[0])


def seconds_of(column: pa.ChunkedArray | pa.Array, time_zone: str = "UTC", text_format: str | None = None) -> Floats:
    """A column of timestamps, dates, ISO 8601 text, text in ``text_format``, or numbers since 1970, as seconds.

    Numbers are seconds, or milli-, micro- or nanoseconds where the largest of them would lie beyond the year 5138. With a
    ``text_format`` numbers are read as text (20150701).

    Raises:
        DataError: a value cannot be read; it says which, in which row (from 1), and the format.
    """
    array = one_piece(column)
    if text_format is None and is_time(array.type):
        return _from_timestamps(array, time_zone)
    if text_format is None and is_number(array.type):
        return _from_numbers(array)
    if is_number(array.type) or pa.types.is_string(array.type) or pa.types.is_null(array.type) or is_time(array.type):
        return _from_text(as_text(array), text_format, time_zone)
    raise DataError(f"a column of type {array.type} holds no time")


def wall_clock(column: pa.ChunkedArray | pa.Array, time_zone: str) -> pa.Array:
    """A column of times or of ISO 8601 text as ``timestamp[us]`` without zone: what clocks in ``time_zone`` show.

    It is the form in which the prediction log holds a request's times. Zone-less times are such already.
    """
    array = one_piece(column)
    aware = pa.types.is_timestamp(array.type) and array.type.tz is not None
    if is_time(array.type) and not aware:
        return array.cast(pa.timestamp("us"), safe=False)
    seconds = seconds_of(array, time_zone)
    known = ~np.isnan(seconds)
    micros = np.zeros(len(seconds), dtype=np.int64)
    zone = ZoneInfo(time_zone)
    distinct, place = np.unique(np.floor(seconds[known] / _QUARTER), return_inverse=True)
    offsets = [datetime.fromtimestamp(quarter * _QUARTER, zone).utcoffset() for quarter in distinct.tolist()]
    shift = np.asarray([offset.total_seconds() for offset in offsets if offset is not None], dtype=np.float64)
    micros[known] = np.round((seconds[known] + shift[place]) * 1e6)
    return pa.array(micros, pa.timestamp("us"), mask=~known)


def as_text(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A plain column as text; floats that are all whole numbers are written as such (2015, not 2015.0)."""
    array = one_piece(column)
    if pa.types.is_floating(array.type):
        with contextlib.suppress(pa.ArrowInvalid):
            array = array.cast(pa.int64())
    return array.cast(pa.string())


def local_to_utc(local: Floats, time_zone: str) -> Floats:
    """Seconds of local clocks (as if they were UTC) as true seconds since 1970."""
    if time_zone == "UTC" or not len(local):
        return local
    known = ~np.isnan(local)
    quarters, place = np.unique(np.floor(local[known] / _QUARTER), return_inverse=True)
    zone = ZoneInfo(time_zone)
    offsets = np.asarray([_offset(quarter * _QUARTER, zone) for quarter in quarters.tolist()], dtype=np.float64)
    result = local.copy()
    result[known] -= offsets[place]
    return result


def _offset(local: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(local, tz=UTC).replace(tzinfo=zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()


def _from_timestamps(array: pa.Array, time_zone: str) -> Floats:
    aware = pa.types.is_timestamp(array.type) and array.type.tz is not None
    micros = array.cast(pa.timestamp("us", tz=array.type.tz if aware else None), safe=False).cast(pa.int64())
    seconds = np.asarray(micros.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6
    return seconds if aware else local_to_utc(seconds, time_zone)


def _from_numbers(array: pa.Array) -> Floats:
    seconds = np.array(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    largest = float(np.nanmax(np.abs(seconds), initial=0.0))
    unit = next((unit for unit in (1e9, 1e6, 1e3) if largest >= 1e8 * unit), 1.0)
    return seconds / unit


def _from_text(array: pa.Array, text_format: str | None, time_zone: str) -> Floats:
    """Each distinct text is read once."""
    encoded = array.dictionary_encode()
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False))
    try:
        distinct = _parsed(encoded.dictionary.to_pylist(), text_format, time_zone)
    except _UnreadableError as error:
        row = int(np.flatnonzero(codes == error.place)[0]) + 1
        wanted = f"the format {text_format!r}" if text_format else "ISO 8601"
        raise DataError(f"{error.text[:40]!r} in row {row} does not fit {wanted}", hint=_advice(text_format)) from None
    return np.asarray(np.append(distinct, np.nan)[codes], dtype=np.float64)


def _advice(text_format: str | None) -> str:
    if text_format is None:
        return 'write data.event_time as {columns: […], format: "%d.%m.%Y"}, in the form of strptime'
    return "the form is that of Python's strptime"


class _UnreadableError(Exception):
    def __init__(self, place: int, text: str) -> None:
        super().__init__(place, text)
        self.place, self.text = place, text


def _parsed(texts: list[str], text_format: str | None, time_zone: str) -> Floats:
    seconds, naive = np.empty(len(texts)), np.zeros(len(texts), dtype=bool)
    for i, text in enumerate(texts):
        try:
            moment = datetime.strptime(text, text_format) if text_format else datetime.fromisoformat(text)  # noqa: DTZ007 - the zone is added below, for all at once
        except ValueError:
            raise _UnreadableError(i, text) from None
        naive[i] = moment.tzinfo is None
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds[i] = (aware - _EPOCH).total_seconds()
    seconds[naive] = local_to_utc(seconds[naive], time_zone)
    return seconds

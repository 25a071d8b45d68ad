"""Moments as whole seconds of wall-clock time: what a clock on the wall of the recipe's time zone shows.

Seconds since 1970-01-01T00:00 by that clock, so that hour, weekday and month follow by whole-number arithmetic alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.errors import DataError
from mlconfig.records.bounds import MOMENT_MAX, MOMENT_MIN

Ints = np.ndarray[Any, np.dtype[np.int64]]

NO_TIME = int(np.iinfo(np.int64).min)
"""How a missing time is written where an int64 must stand."""

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_QUARTER = 900
"""Seconds. Clocks change on the quarter of an hour, so one offset holds for each."""
_BOUNDS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (np.inf, 1_000_000_000))
"""A number below 1e11 is seconds (until the year 5138), below 1e14 milliseconds, and so on: each by itself, never by column."""
_NUMBER, _DAY = r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$", "^[0-9]{8}$"


def wall_clock_seconds(array: pa.Array, time_zone: str, name: str = "") -> Ints:
    """Timestamps, dates, ISO 8601 text, or numbers since 1970 (UTC) as int64 wall-clock seconds, ``NO_TIME`` where null.

    What names no time zone is wall-clock time already; what names one is read on the clocks of ``time_zone``. Fractions of
    a second are cut off downwards. Numbers may be text, as in CSV; one of eight digits is a date (``20260131``).

    Raises:
        DataError: a value cannot be read; it names the column and the row.
    """
    kind = array.type
    if pa.types.is_timestamp(kind):
        seconds = np.floor_divide(_ints(array), _PER_SECOND[kind.unit])
        local = seconds if kind.tz is None else utc_to_wall(seconds, time_zone)
    elif pa.types.is_date(kind):
        local = _ints(array.cast(pa.date32()).cast(pa.int32())) * 86_400
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _from_numbers(array, time_zone)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_texts(array, time_zone, name)
    elif pa.types.is_null(kind):
        return np.full(len(array), NO_TIME, dtype=np.int64)
    else:
        raise DataError(f"a column of type {kind} holds no time", where=f"column `{name}`" if name else "")
    return np.where(_nulls(array), NO_TIME, local).astype(np.int64)


def utc_to_wall(seconds: Ints, time_zone: str) -> Ints:
    """True seconds since 1970 (UTC) as seconds of the clocks of a time zone."""
    if time_zone == "UTC" or not len(seconds):
        return seconds
    quarters, place = np.unique(np.floor_divide(seconds, _QUARTER), return_inverse=True)
    zone = ZoneInfo(time_zone)
    offsets = np.asarray([_offset(int(quarter) * _QUARTER, zone) for quarter in quarters], dtype=np.int64)
    return np.asarray(seconds + offsets[place], dtype=np.int64)


def _offset(seconds: int, zone: ZoneInfo) -> int:
    try:
        offset = datetime.fromtimestamp(seconds, tz=UTC).astimezone(zone).utcoffset()
    except (ValueError, OverflowError, OSError):
        raise DataError("a time lies beyond the years 1 to 9999") from None
    assert offset is not None
    return int(offset.total_seconds())


def _nulls(array: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _ints(array: pa.Array) -> Ints:
    """The whole numbers behind an array, 0 where null."""
    whole = array.cast(pa.int64()) if not pa.types.is_timestamp(array.type) else array.view(pa.int64())
    return np.asarray(whole.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _from_numbers(array: pa.Array, time_zone: str) -> Ints:
    if pa.types.is_integer(array.type):
        numbers = _ints(array)
        known = ~_nulls(array)
    else:
        numbers = np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        known = np.isfinite(numbers)
    units = np.select([np.abs(numbers) < bound for bound, _ in _BOUNDS], [unit for _, unit in _BOUNDS], 1)
    result = np.full(len(numbers), NO_TIME, dtype=np.int64)
    result[known] = utc_to_wall(np.floor_divide(numbers[known], units[known]).astype(np.int64), time_zone)
    return result


def _from_texts(array: pa.Array, time_zone: str, name: str) -> Ints:
    written = pc.and_not(pc.match_substring_regex(array, _NUMBER), pc.match_substring_regex(array, _DAY))
    if not pc.any(written).as_py():
        return np.asarray(_from_iso(array, time_zone, name), dtype=np.int64)
    numbers = pc.if_else(written, array, None).cast(pa.float64())
    known = pc.and_(pc.greater_equal(numbers, MOMENT_MIN), pc.less_equal(numbers, MOMENT_MAX)).fill_null(False)
    others = np.asarray(_from_iso(pc.if_else(known, None, array), time_zone, name), dtype=np.int64)
    seconds = _from_numbers(pc.if_else(known, numbers, None), time_zone)
    return np.where(known.to_numpy(zero_copy_only=False), seconds, others)


def _from_iso(array: pa.Array, time_zone: str, name: str) -> list[int]:
    """Each distinct text is read once."""
    zone, texts = ZoneInfo(time_zone), array.to_pylist()
    read: dict[str | None, int] = {None: NO_TIME, "": NO_TIME}
    for row, text in enumerate(texts):
        if text not in read:
            read[text] = _from_text(text, zone, f"column `{name}`, row {row + 1}")
    return [read[text] for text in texts]


def _from_text(text: str, zone: ZoneInfo, where: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError):
        raise DataError("this text is no time in ISO 8601", where=where, hint="write 2026-01-31T08:00:00") from None
    wall = local.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return wall.days * 86_400 + wall.seconds

"""``data.event_time``: when each row happened, as one column of ours."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.data.moments import Floats, as_text, moment_seconds, seconds_of
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.sections.data import EventTime, Period


def add_event_time(table: pa.Table, event_time: EventTime, time_zone: str) -> pa.Table:
    """The table with the column ``EVENT_TIME``: float64 seconds since 1970 (UTC), null where a row names no time.

    Raises:
        DataError: a column is missing, or a value cannot be read; it names the column, the row and the format.
    """
    if event_time.row_every is not None:
        assert event_time.since is not None
        first, step = moment_seconds(event_time.since, time_zone), event_time.row_every.total_seconds()
        return with_event_time(table, first + step * np.arange(table.num_rows))
    require_columns(table, event_time.columns, "data.event_time")
    column = table.column(event_time.columns[0])
    if len(event_time.columns) > 1:
        parts = [as_text(table.column(name)) for name in event_time.columns]
        column = pc.binary_join_element_wise(*parts, " ", null_handling="emit_null")
    try:
        return with_event_time(table, seconds_of(column, time_zone, event_time.format))
    except DataError as error:
        where = "data.event_time: column " + " + ".join(f"`{name}`" for name in event_time.columns)
        raise DataError(error.what, where=where, hint=error.hint) from error


def with_event_time(table: pa.Table, seconds: Floats) -> pa.Table:
    """The table with these event times (NaN is null), in place of any it had."""
    column = pa.array(seconds, pa.float64(), mask=np.isnan(seconds))
    if EVENT_TIME in table.column_names:
        return table.set_column(table.column_names.index(EVENT_TIME), EVENT_TIME, column)
    return table.append_column(EVENT_TIME, column)


def event_seconds(table: pa.Table) -> Floats:
    """The event times of a table as float64, NaN where null; all NaN where the table has none."""
    if EVENT_TIME not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.asarray(table.column(EVENT_TIME).to_numpy(zero_copy_only=False), dtype=np.float64)


def within(table: pa.Table, period: Period, time_zone: str) -> pa.Table:
    """The rows with ``since <= t < until``; a row without event time is in no bounded period."""
    if period.open:
        return table
    seconds = event_seconds(table)
    inside = ~np.isnan(seconds)
    if period.since is not None:
        inside &= seconds >= moment_seconds(period.since, time_zone)
    if period.until is not None:
        inside &= seconds < moment_seconds(period.until, time_zone)
    return table.filter(pa.array(inside))


def require_columns(table: pa.Table, names: Sequence[str], where: str) -> None:
    """Raise ``DataError`` for names that are no column, with the nearest that are."""
    there = [name for name in table.column_names if name != EVENT_TIME]
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=3) or there[:8]
            hint = f"did you mean {', '.join(f'`{other}`' for other in near)}?"
            raise DataError(f"the data has no column `{name}`", where=where, hint=hint)

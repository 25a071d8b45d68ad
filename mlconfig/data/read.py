"""A source read as the recipe's ``data`` section asks for it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.contracts.source import Source
from mlconfig.data.event_time import add_event_time, event_seconds, require_columns, within
from mlconfig.data.moments import wall_clock
from mlconfig.data.plain import plain_table
from mlconfig.data.schema import kind_of
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.sections.data import Data


def read_table(source: Source, data: Data, time_zone: str) -> tuple[pa.Table, tuple[str, ...]]:
    """The rows to learn from, and notices about those left out.

    Types are plain (see ``plain_table``); times and ISO 8601 text are what clocks in ``time_zone`` show (``timestamp[us]``, as
    the prediction log holds them); ``EVENT_TIME`` is there where the recipe declares one; only rows of ``data.period`` are
    kept, and none without a target. Rows keep their order. Because the period is applied here, whoever mixes this table with
    logged rows reads nothing of the source beyond it.

    Raises:
        DataError: the source cannot be read, a declared column is missing, a time cannot be read, or no row is left.
    """
    table = plain_table(_with_good_names(source.read()))
    if EVENT_TIME in table.column_names:
        raise DataError(f"`{EVENT_TIME}` is a column of ours; the data must not have one", where="data.source")
    require_columns(table, (data.target,), "data.target")
    require_columns(table, data.key or (), "data.key")
    require_columns(table, (data.split.column,) if data.split.column else (), "data.split.column")
    notices: list[str] = []
    if data.event_time is not None:
        table = _in_period(add_event_time(table, data.event_time, time_zone), data, time_zone, notices)
    elif not data.period.open:
        raise DataError("`period` needs `data.event_time`", where="data.period")
    table = _with_target(table, data.target, notices)
    return _with_wall_clocks(table, {data.target, *(data.key or ())}, time_zone), tuple(notices)


def _with_wall_clocks(table: pa.Table, without: set[str], time_zone: str) -> pa.Table:
    for i, name in enumerate(table.column_names):
        if name not in without and kind_of(table.column(i)) == "timestamp":
            table = table.set_column(i, name, wall_clock(table.column(i), time_zone))
    return table


def _with_good_names(table: pa.Table) -> pa.Table:
    """Any names but none at all, which the model registry does not take."""
    names = table.column_names
    if "" in names:
        place = names.index("") + 1
        raise DataError(f"column {place} has no name", where="data.source", hint="give it one in the source")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"column name given twice: {', '.join(twice)}", where="data.source")
    return table


def _in_period(table: pa.Table, data: Data, time_zone: str, notices: list[str]) -> pa.Table:
    timeless = int(np.isnan(event_seconds(table)).sum())
    if timeless:
        fate = "are kept" if data.period.open else "are left out"
        notices.append(f"{timeless} of {table.num_rows} rows have no event time and {fate}")
    kept = within(table, data.period, time_zone)
    if kept.num_rows == 0:
        there = _span(table)
        what = f"no row lies between since={data.period.since} and until={data.period.until}"
        raise DataError(what, where="data.period", hint=f"the data spans {there}" if there else "")
    return kept


def _span(table: pa.Table) -> str:
    bounds = pc.min_max(table.column(EVENT_TIME)).as_py()
    if bounds["min"] is None:
        return ""
    first, last = (np.datetime64(round(bounds[end]), "s") for end in ("min", "max"))
    return f"{first}Z to {last}Z"


def _with_target(table: pa.Table, target: str, notices: list[str]) -> pa.Table:
    missing = table.column(target).null_count
    if missing == table.num_rows:
        raise DataError(f"no row has a value of the target `{target}`", where="data.target")
    if missing:
        notices.append(f"{missing} of {table.num_rows} rows have no `{target}` and are left out")
        return table.filter(pc.is_valid(table.column(target)))
    return table

"""Data out of the prediction log: predictions joined with their labels, and what a retrain learns from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.data.common_types import cast_like, common_type
from mlconfig.data.event_time import event_seconds, require_columns, with_event_time
from mlconfig.data.moments import as_text
from mlconfig.data.plain import one_piece, plain_table
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.sections.retraining import RetrainData

Rows = np.ndarray[Any, np.dtype[np.int64]]

_BETWEEN = "\x1f"
"""The unit separator stands between the values of a key."""


def labelled_rows(
    predictions: pa.Table,
    labels: pa.Table,
    *,
    target: str,
    join: str,
    key: tuple[str, ...],
    target_type: pa.DataType | None = None,
) -> pa.Table:
    """The logged predictions that have a label, as rows to learn from.

    Args:
        predictions: ``prediction_id`` string, ``arrived`` float64, ``event_time`` float64 or null, ``inputs`` struct; of
            several with one id the first counts.
        labels: ``prediction_id`` string, ``key`` string, ``label`` JSON text, ``label_version`` int64, ``arrived`` float64. The
            newest version counts (of one version the first to arrive); a JSON ``null`` takes the label back.
        target: the name of the label's column in the result.
        join: ``prediction_id``, or ``data.key``: then a label belongs to every prediction with that key. A label's ``key`` is
            the JSON array of its values (``records.feedback.key_text``); 7, 7.0 and "7" are one key.
        key: ``data.key``.
        target_type: the target's type in the source; None: what JSON says (int64, float64, bool or string).

    Returns:
        The inputs as columns, the target, and ``EVENT_TIME`` (the request's own, else its arrival), in the order of the log.

    Raises:
        DataError: a label is no JSON, or does not fit ``target_type``.
    """
    inputs = plain_table(_flat(predictions.column("inputs")))
    by_id = join == "prediction_id"
    wanted = one_piece(predictions.column("prediction_id")) if by_id else _key_texts(inputs, key)
    newest = _newest(labels, labels.column("prediction_id") if by_id else _label_keys(labels.column("key")))
    values = _label_values(newest.column("label"), target, target_type)
    place = pc.index_in(wanted, value_set=one_piece(newest.column("name")), skip_nulls=True)
    label = values.take(place)
    taken = np.flatnonzero(np.asarray(label.is_valid()) & _first_of_each(predictions.column("prediction_id")))
    event_time = pc.coalesce(predictions.column("event_time"), predictions.column("arrived"))
    columns = {name: inputs.column(name) for name in inputs.column_names if name not in (target, EVENT_TIME)}
    whole = pa.table({**columns, target: label, EVENT_TIME: event_time.cast(pa.float64())})
    return whole.take(pa.array(taken))


def retrain_table(
    source: pa.Table | None,
    log: pa.Table | None,
    how: RetrainData,
    *,
    columns: Sequence[str],
    target: str,
    now: float,
    drift_since: float | None,
    random_state: int = 0,
) -> pa.Table:
    """What a retrain learns from: rows of the source, of the log, or of both, of which ``how.use`` says which.

    ``source`` must come from ``read_table``, which has applied ``data.period``: when history is replayed, the source file
    also holds what is still to come, and only the period keeps it out. Nothing is de-duplicated.

    - ``expanding``: all rows.
    - ``window``: those of the last ``length`` before ``now``.
    - ``mix``: all rows of the last ``recent``, and of the older ones so many, drawn at random, that the recent make up
      ``recent_fraction``; older ones are drawn again where there are too few, so that the share is kept.
    - ``since_drift``: those since ``drift_since``; all where no drift is known, as after a schedule.

    Rows without event time count as older than any.

    Args:
        source, log: with ``target`` and ``EVENT_TIME``; one that ``how.from`` does not ask for may be None.
        how: ``retraining.data``.
        columns: features and context to keep; one that a side lacks is null there.
        target: the target's column; rows without it are left out.
        now: seconds since 1970 (UTC), on the clock of ``EVENT_TIME``; later rows are left out.
        drift_since: when the drift began, seconds since 1970 (UTC).
        random_state: of the draw in ``mix``.

    Raises:
        DataError: no rows, a column that neither side has, or types that do not fit together.
    """
    tables = {"source": source, "log": log}
    chosen = tuple(tables) if how.from_ == "both" else (how.from_,)
    sides = [table for name in chosen if (table := tables[name]) is not None and table.num_rows]
    if not sides:
        hint = "labels arrive as feedback; until then retrain from the source" if how.from_ == "log" else ""
        raise DataError(f"`from: {how.from_}` gives no labelled rows", where="retraining.data", hint=hint)
    table = _joined(sides, [*columns, target])
    table = table.filter(pc.is_valid(table.column(target)))
    rows = _used(event_seconds(table), how, now, drift_since, random_state)
    if not len(rows):
        what = f"`use: {how.use}` leaves none of {table.num_rows} rows"
        raise DataError(what, where="retraining.data", hint="take a longer stretch, or `use: expanding`")
    return table.take(pa.array(rows))


def _used(seconds: np.ndarray[Any, Any], how: RetrainData, now: float, drift_since: float | None, seed: int) -> Rows:
    """The numbers of the rows to use, rising (repeated where drawn again)."""
    past = ~(seconds > now)
    if how.use == "window":
        assert how.length is not None
        past &= seconds >= now - how.length.total_seconds()
    if how.use == "since_drift" and drift_since is not None:
        past &= seconds >= drift_since
    if how.use != "mix":
        return np.flatnonzero(past).astype(np.int64)
    assert how.recent is not None
    assert how.recent_fraction is not None
    new = past & (seconds >= now - how.recent.total_seconds())
    return _mixed(np.flatnonzero(new), np.flatnonzero(past & ~new), how.recent_fraction, seed)


def _mixed(recent: Rows, older: Rows, recent_fraction: float, seed: int) -> Rows:
    if recent_fraction == 0.0 or not len(recent):
        return older.astype(np.int64)
    wanted = round(len(recent) * (1.0 - recent_fraction) / recent_fraction) if len(older) else 0
    whole, rest = divmod(wanted, max(len(older), 1))
    drawn = np.random.default_rng(seed).choice(older, size=rest, replace=False)
    return np.sort(np.concatenate([recent, np.repeat(older, whole), drawn])).astype(np.int64)


def _joined(sides: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
    """The sides one below the other, with common types and ``EVENT_TIME``."""
    types = {}
    for name in names:
        held = [side.schema.field(name).type for side in sides if name in side.column_names]
        if not held:
            raise DataError(f"neither the source nor the log has the column `{name}`", where="retraining.data")
        types[name] = common_type(held)
    return pa.concat_tables([_as_types(side, types) for side in sides])


def _as_types(side: pa.Table, types: dict[str, pa.DataType]) -> pa.Table:
    columns = {}
    for name, kind in types.items():
        there = name in side.column_names
        columns[name] = cast_like(side.column(name), kind, name) if there else pa.nulls(side.num_rows, kind)
    return with_event_time(pa.table(columns), event_seconds(side))


def _flat(inputs: pa.ChunkedArray) -> pa.Table:
    struct = one_piece(inputs)
    return pa.table(struct.flatten(), names=[field.name for field in struct.type])


def _key_texts(inputs: pa.Table, key: Sequence[str]) -> pa.Array:
    """The key of each prediction as one text, null where a value is missing. An empty log knows no columns."""
    if not inputs.num_rows:
        return pa.array([], pa.string())
    require_columns(inputs, key, "data.key")
    parts = [as_text(inputs.column(name)) for name in key]
    return one_piece(pc.binary_join_element_wise(*parts, _BETWEEN, null_handling="emit_null"))


def _label_keys(keys: pa.ChunkedArray) -> pa.Array:
    """The key of each label as the text that ``_key_texts`` makes of the same values."""
    return pa.array([None if key is None else _BETWEEN.join(map(_word, json.loads(key))) for key in keys.to_pylist()])


def _word(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value) if isinstance(value, (bool, float)) else str(value)


def _newest(labels: pa.Table, names: pa.Array | pa.ChunkedArray) -> pa.Table:
    """For each name (an id or a key) the newest label: columns ``name``, ``label``."""
    named = labels.append_column("name", names.cast(pa.string()))
    known = named.filter(pc.is_valid(named.column("name")))
    ordered = known.sort_by([("label_version", "ascending"), ("arrived", "descending")])
    encoded = one_piece(ordered.column("name")).dictionary_encode()
    last = np.zeros(len(encoded.dictionary), dtype=np.int64)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    np.maximum.at(last, codes, np.arange(len(codes)))
    return ordered.select(["name", "label"]).take(pa.array(last))


def _first_of_each(ids: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    codes = one_piece(ids).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    marks = np.zeros(len(codes), dtype=bool)
    marks[first] = True
    return marks


def _label_values(texts: pa.ChunkedArray, target: str, target_type: pa.DataType | None) -> pa.Array:
    """The labels out of their JSON; each distinct text is read once."""
    encoded = one_piece(texts).dictionary_encode()
    try:
        distinct = [json.loads(text) for text in encoded.dictionary.to_pylist()]
        if any(isinstance(value, float) for value in distinct):
            distinct = [float(value) if isinstance(value, int) else value for value in distinct]
        values = pa.array(distinct)
    except (ValueError, pa.ArrowException) as error:
        raise DataError(f"a label of `{target}` cannot be read: {error}", where="feedback") from error
    typed = values if target_type is None else cast_like(values, target_type, target)
    return typed.take(encoded.indices)

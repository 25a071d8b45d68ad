"""What a request must look like, out of the resolved features and what the recipe says of time, key and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME, REQUEST_EVENT_TIME
from mlconfig.records.dataset import DataSchema, FeatureColumn, ResolvedFeatures
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.data import EventTime
from mlconfig.vocabulary import Task


def make_signature(
    resolved: ResolvedFeatures,
    schema: DataSchema,
    *,
    name: str,
    task: Task,
    target: str,
    classes: Sequence[Any] = (),
    event_time: EventTime | None = None,
    key: Sequence[str] = (),
    groups: Sequence[str] = (),
    carried: Sequence[str] = (),
    unused: Sequence[str] = (),
    time_zone: str = "UTC",
    example: Mapping[str, Any] | None = None,
    pii: Mapping[str, Literal["drop", "hmac"]] | None = None,
) -> Signature:
    """The signature: features in the model's order, then context that is carried and logged.

    The request's event time is the recipe's column where it is one, else a field ``event_time`` of ours (the parts may be
    features and stay what they are). Context is optional, and so are the data's other columns, which nobody looks at: who
    sends rows as the data has them need not pick the features out. The target is none of them: it is not known when one asks.

    Args:
        resolved: the features.
        schema: of the data.
        name: the model's.
        task: the recipe's.
        target: the predicted column.
        classes: labels in the order of the probabilities.
        event_time: as the recipe declares it.
        key: columns that name the entity.
        groups: columns whose levels are compared for fairness.
        carried: columns that serving reads, such as the routing key.
        unused: what an earlier version's requests may carry besides, though this data has no such column.
        time_zone: of the wall clocks that times without zone are read as.
        example: one row of the data; what is no field of a request is left out, and a personal value is replaced.
        pii: personal columns, and what the log holds of them.

    Raises:
        DataError: the data has no column of a group, or none that is carried.
    """
    _require(groups, schema, "evaluation.fairness.groups", "a group is a column of the data; it need not be a feature")
    _require(carried, schema, "serving.routing_key", "it is a column of the data; it need not be a feature")
    columns = [_feature(column) for column in resolved.columns]
    taken = {column.name for column in columns}
    field = _event_time_field(event_time)
    context = [
        each for each in dict.fromkeys((*key, field, *groups, *carried)) if each is not None and each not in taken
    ]
    columns += [_context(each, schema, is_time=each == field) for each in context]
    columns = [column.model_copy(update={"pii": (pii or {}).get(column.name)}) for column in columns]
    named = {target, *(column.name for column in columns)}
    return Signature.model_validate(
        {
            "name": name,
            "task": task,
            "target": target,
            "classes": tuple(classes),
            "columns": tuple(columns),
            "event_time": field,
            "key": tuple(key),
            "groups": tuple(groups),
            "unused": tuple(each for each in dict.fromkeys((*resolved.left_out, *unused)) if each not in named),
            "time_zone": time_zone,
            "example": _example(example or {}, columns),
        }
    )


def _require(names: Sequence[str], schema: DataSchema, where: str, hint: str) -> None:
    missing = [f"`{name}`" for name in names if schema.column(name) is None]
    if missing:
        raise DataError(f"the data has no column {', '.join(missing)}", where=where, hint=hint)


def _feature(column: FeatureColumn) -> SignatureColumn:
    return SignatureColumn(
        name=column.name, kind=column.kind, required=True, nullable=column.nullable, integer=column.integer
    )


def _context(name: str, schema: DataSchema, *, is_time: bool) -> SignatureColumn:
    found = schema.column(name)
    kind = "timestamp" if is_time else (found.kind if found is not None and found.kind is not None else "categorical")
    integer = kind == "numeric" and found is not None and found.type.startswith(("int", "uint"))
    return SignatureColumn(name=name, kind=kind, role="context", required=False, nullable=True, integer=integer)


def _event_time_field(event_time: EventTime | None) -> str | None:
    if event_time is None:
        return None
    return event_time.columns[0] if len(event_time.columns) == 1 else REQUEST_EVENT_TIME


def _example(row: Mapping[str, Any], columns: Sequence[SignatureColumn]) -> dict[str, Any]:
    seconds = row.get(EVENT_TIME)
    if seconds is not None:
        row = {REQUEST_EVENT_TIME: datetime.fromtimestamp(float(seconds), tz=UTC), **row}
    given = [column for column in columns if column.name in row and not (column.pii and column.role == "context")]
    values = {column.name: json_value(row[column.name]) for column in given}
    return values | {column.name: _nobodys(values[column.name], column) for column in given if column.pii}


def _nobodys(value: Any, column: SignatureColumn) -> Any:
    """A value of the same type that is no person's."""
    if column.kind == "timestamp":
        return "2000-01-01T00:00:00"
    return {bool: False, int: 0, float: 0.0}.get(type(value), "hidden" if column.kind == "categorical" else 0)


def json_value(value: Any) -> Any:
    """A value of a table as a request would write it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and value != value:  # noqa: PLR0124 — only NaN differs from itself
        return None
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value

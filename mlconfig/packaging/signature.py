"""What a request must look like, out of the resolved features and what the recipe says of time, key and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

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
    time_zone: str = "UTC",
    example: Mapping[str, Any] | None = None,
) -> Signature:
    """The signature: features in the model's order, then context that is carried and logged.

    The request's event time is the recipe's column where it is one, else a field ``event_time`` of ours (the parts may be
    features and stay what they are). Context is optional.

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
        time_zone: of the wall clocks that times without zone are read as.
        example: one row of the data; what is no field of a request is left out.

    Raises:
        DataError: the data has no column of a group.
    """
    _require(groups, schema)
    columns = [_feature(column) for column in resolved.columns]
    taken = {column.name for column in columns}
    field = _event_time_field(event_time)
    context = [each for each in dict.fromkeys((*key, field, *groups)) if each is not None and each not in taken]
    columns += [_context(each, schema, is_time=each == field) for each in context]
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
            "time_zone": time_zone,
            "example": _example(example or {}, [column.name for column in columns]),
        }
    )


def _require(groups: Sequence[str], schema: DataSchema) -> None:
    missing = [f"`{name}`" for name in groups if schema.column(name) is None]
    if missing:
        hint = "a group is a column of the data; it need not be a feature"
        raise DataError(f"the data has no column {', '.join(missing)}", where="evaluation.fairness.groups", hint=hint)


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


def _example(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    seconds = row.get(EVENT_TIME)
    if seconds is not None:
        row = {REQUEST_EVENT_TIME: datetime.fromtimestamp(float(seconds), tz=UTC), **row}
    return {name: json_value(row[name]) for name in names if name in row}


def json_value(value: Any) -> Any:
    """A value of a table as a request would write it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and value != value:  # noqa: PLR0124 — only NaN differs from itself
        return None
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value

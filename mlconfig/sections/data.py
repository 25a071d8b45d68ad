"""``data``: where the rows come from, what is predicted, and which rows are held out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlconfig.vocabulary import Duration, Fraction, Frozen, Names, OneOrMore, Plugin

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


def _moment(value: Any) -> Any:
    if isinstance(value, str) and not _MOMENT.fullmatch(value):
        raise ValueError(f'`{value}` is no date or time; write "2026-01-31" or "2026-01-31 08:00"')
    return value


Moment = Annotated[str, BeforeValidator(_moment)]


class EventTime(Frozen):
    """When a row happened: a column, several columns with a format, or the order of the rows."""

    columns: Names = Field((), description="Columns that hold the time; joined by a space where there are several.")
    format: str | None = Field(None, description="How to read the joined columns, as for `strptime`; null: ISO 8601.")
    row_every: Duration | None = Field(None, description="Rows carry no time but come this far apart.")
    since: Moment | None = Field(None, description="The time of the first row, with `row_every`.")

    @model_validator(mode="after")
    def _one_way(self) -> EventTime:
        if bool(self.columns) == (self.row_every is not None):
            raise ValueError("give either `columns` (with a `format` where needed) or `row_every` and `since`")
        if (self.row_every is None) != (self.since is None):
            raise ValueError("`row_every` and `since` go together")
        if self.row_every is not None and self.row_every <= timedelta(0):
            raise ValueError("`row_every` must be longer than 0s")
        if len(self.columns) > 1 and self.format is None:
            raise ValueError("several columns need a `format`")
        return self


def _column_to_event_time(value: Any) -> Any:
    return {"columns": [value]} if isinstance(value, str) else value


class Period(Frozen):
    """A half-open stretch of event time, ``since <= t < until``; null is no bound."""

    since: Moment | None = Field(None, description="The first moment that counts.")
    until: Moment | None = Field(None, description="The first moment that no longer counts.")

    @property
    def open(self) -> bool:
        """Whether nothing is cut off."""
        return self.since is None and self.until is None


class Split(Frozen):
    """Which rows are held out for the gates, and which for tuning and early stopping."""

    by: Literal["random", "stratified", "time", "group", "given"] = Field(
        "random", description="`random` goes by a stable hash of the row, so that a retrain's test rows stay test rows."
    )
    test_fraction: Fraction = Field(0.2, gt=0.0, lt=1.0, description="Rows for evaluation and the gates.")
    validation_fraction: Fraction = Field(
        0.1, lt=1.0, description="Rows for tuning and early stopping; never for gates."
    )
    gap: Duration = Field(timedelta(0), description="`by: time`: what is left out between the parts.")
    column: str | None = Field(
        None, description="`by: group`: who stays together; `by: given`: train, validation, test."
    )

    @model_validator(mode="after")
    def _room_to_train(self) -> Split:
        if self.test_fraction + self.validation_fraction >= 1.0:
            raise ValueError("`test_fraction` and `validation_fraction` leave no rows to train on")
        if self.by in ("group", "given") and self.column is None:
            raise ValueError(f"`by: {self.by}` needs `column`")
        return self


class Data(Frozen):
    """Where the rows come from and what is predicted."""

    source: Plugin = Field(description="The source plugin: csv, parquet, sklearn_dataset, synthetic, …")
    target: str = Field(min_length=1, description="The column that is predicted.")
    key: Annotated[OneOrMore | None, Field(description="Column(s) naming the entity; labels can be joined by it.")] = (
        None
    )
    event_time: Annotated[EventTime | None, BeforeValidator(_column_to_event_time)] = Field(
        None, description="When a row happened: a column, {columns, format}, or {row_every, since}."
    )
    period: Period = Field(Period(), description="What to train on, by event_time: since ≤ t < until.")
    split: Split = Field(Split(), description="What is held out.")
    on_breach: Literal["stop", "warn"] = Field(
        "stop", description="When data breaks the schema frozen at first training."
    )

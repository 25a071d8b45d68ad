"""Names of the columns that we add to a table beside the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlconfig.vocabulary import Kind, Task

EVENT_TIME = "__event_time__"
"""Event time of a row: float64 seconds since 1970 (UTC), null where unknown."""

WEIGHTLESS_NULL = "__null__"
"""How a missing category is written where a string must stand."""

REQUEST_EVENT_TIME = "event_time"
"""The request's field for event time where the data has no single column for it."""

PREDICTION_LABEL = "prediction.label"
"""The answered class, as text."""

PREDICTION_SCORE = "prediction.score"
"""Two classes: the probability of the positive one; more: of the answered one."""

PREDICTION_VALUE = "prediction.value"
"""The answered number of a regression."""

LABEL_CODE = "label.code"
"""The true class by its place among the signature's classes."""

LABEL_VALUE = "label.value"
"""The true number of a regression."""


def answer_kinds(task: Task) -> dict[str, Kind]:
    """The columns of an answer, and how each is counted."""
    if task == "regression":
        return {PREDICTION_VALUE: "numeric"}
    return {PREDICTION_LABEL: "categorical", PREDICTION_SCORE: "numeric"}

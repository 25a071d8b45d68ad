"""``evaluation``: what is measured on the held-out rows, and what a candidate must reach."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlconfig.vocabulary import AUTO, AutoOr, Frozen, FrozenDict, Names


class Interval(Frozen):
    """The bootstrap interval of each metric."""

    level: float = Field(0.95, gt=0.5, lt=1.0, description="Its coverage.")
    resamples: int = Field(1000, ge=20, le=100_000, description="Bootstrap resamples.")


class Gate(Frozen):
    """A condition on a candidate: a floor or ceiling, and a comparison with the champion on the same rows."""

    min: float | str | None = Field(None, description="Lowest value that passes; durations and sizes carry their unit.")
    max: float | str | None = Field(
        None, description="Highest value that passes; durations and sizes carry their unit."
    )
    not_worse_by: float | None = Field(None, ge=0.0, description="At most so much worse than the champion.")
    better_by: float | None = Field(None, ge=0.0, description="At least so much better than the champion.")
    judge: Literal["bound", "point"] = Field(
        "bound", description="Which must pass: the interval's worse end, or the point."
    )
    mode: Literal["enforce", "report", "disabled"] = Field("enforce", description="Refuse, only say so, or skip.")

    @model_validator(mode="after")
    def _some_condition(self) -> Gate:
        if all(bound is None for bound in (self.min, self.max, self.not_worse_by, self.better_by)):
            raise ValueError("a gate needs `min`, `max`, `not_worse_by` or `better_by`")
        return self

    @property
    def compares(self) -> bool:
        """Whether the champion is needed to judge."""
        return self.not_worse_by is not None or self.better_by is not None


class Fairness(Frozen):
    """Equal chances by group: the four-fifths rule on selection, and equal opportunity (Hardt, Price, Srebro 2016)."""

    groups: Names = Field((), description="Columns whose levels are compared; they may be excluded from the features.")
    min_ratio: float = Field(0.8, gt=0.0, le=1.0, description="Smallest selection rate over the largest.")
    max_gap: float = Field(0.1, ge=0.0, lt=1.0, description="Largest difference of true positive rates.")
    min_rows: int = Field(200, ge=1, description="A group with fewer rows is not compared.")


class Evaluation(Frozen):
    """What is measured on the held-out rows, and what must be reached."""

    metric: AutoOr[str] = Field(
        AUTO, description="The one tuned, compared and watched; auto: roc_auc, accuracy, rmse by task."
    )
    metrics: Names = Field((), description="Also reported.")
    interval: Interval = Field(Interval(), description="The bootstrap interval of each.")
    fairness: Fairness = Field(
        Fairness(), description="Between groups, of classes; measured here and watched in production."
    )
    gates: FrozenDict[Gate] = Field(FrozenDict(), description="By metric, or `size`, `latency_p99`.")

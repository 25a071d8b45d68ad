"""``serving.autoscaling_config``: Ray Serve's own keys, checked before there is a cluster to refuse them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from mlconfig.vocabulary import Frozen, FrozenDict


class AutoscalingPolicy(Frozen):
    """Who decides how many replicas there are."""

    policy_function: str = Field(pattern=r"^[\w.]+[:.]\w+$", description="As in Ray Serve: `module:function`.")
    policy_kwargs: FrozenDict[Any] = Field(FrozenDict(), description="As in Ray Serve.")


class Autoscaling(Frozen):
    """The keys of Ray Serve's ``AutoscalingConfig`` but its smoothing factors, which have other names now; null leaves each to
    Ray's default.
    """

    min_replicas: int | None = Field(None, ge=0, le=1024, description="As in Ray Serve (1).")
    max_replicas: int | None = Field(None, ge=1, le=1024, description="As in Ray Serve (1).")
    initial_replicas: int | None = Field(None, ge=0, le=1024, description="As in Ray Serve (`min_replicas`).")
    target_ongoing_requests: float | None = Field(None, gt=0.0, description="As in Ray Serve (2); of each replica.")
    metrics_interval_s: float | None = Field(None, gt=0.0, description="As in Ray Serve (10).")
    look_back_period_s: float | None = Field(None, gt=0.0, description="As in Ray Serve (30).")
    upscaling_factor: float | None = Field(None, gt=0.0, description="As in Ray Serve (1).")
    downscaling_factor: float | None = Field(None, gt=0.0, description="As in Ray Serve (1).")
    upscale_delay_s: float | None = Field(None, ge=0.0, description="As in Ray Serve (30).")
    downscale_delay_s: float | None = Field(None, ge=0.0, description="As in Ray Serve (600).")
    downscale_to_zero_delay_s: float | None = Field(None, ge=0.0, description="As in Ray Serve (`downscale_delay_s`).")
    aggregation_function: Literal["mean", "max", "min"] | None = Field(None, description="As in Ray Serve (mean).")
    policy: AutoscalingPolicy | None = Field(None, description="As in Ray Serve (by requests).")

    @property
    def bounds(self) -> tuple[int, int]:
        """The fewest and the most replicas."""
        return (
            1 if self.min_replicas is None else self.min_replicas,
            1 if self.max_replicas is None else self.max_replicas,
        )

    @model_validator(mode="after")
    def _in_order(self) -> Autoscaling:
        low, high = self.bounds
        if high < low:
            raise ValueError(f"max_replicas ({high}) is less than min_replicas ({low})")
        if self.initial_replicas is not None and not low <= self.initial_replicas <= high:
            raise ValueError(f"initial_replicas ({self.initial_replicas}) is not between {low} and {high}")
        return self

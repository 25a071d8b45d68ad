"""``serving``: the endpoint and its replicas; the keys of Ray Serve are kept verbatim."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mlconfig.vocabulary import Fraction, Frozen, FrozenDict, Name


class ServingLog(Frozen):
    """The prediction log."""

    sample_fraction: Fraction = Field(1.0, description="The share of predictions that are logged.")


class Serving(Frozen):
    """The endpoint; `serving: none` ends the plan at a registered version."""

    endpoint: Name | None = Field(None, description="null: the recipe's name; POST /v1/{endpoint}/predict.")
    num_replicas: int = Field(1, ge=1, le=1024, description="As in Ray Serve.")
    max_ongoing_requests: int = Field(256, ge=1, description="As in Ray Serve, whose own default of 5 collapses.")
    autoscaling_config: FrozenDict[Any] | None = Field(None, description="As in Ray Serve; replaces `num_replicas`.")
    log: ServingLog = Field(ServingLog(), description="The prediction log.")

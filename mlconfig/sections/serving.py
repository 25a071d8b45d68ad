"""``serving``: the endpoint and its replicas; the keys of Ray Serve are kept verbatim."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mlconfig.sections.autoscaling import Autoscaling
from mlconfig.sections.batch import Batch, check_names
from mlconfig.vocabulary import (
    AUTO,
    AutoOr,
    Duration,
    Fraction,
    Frozen,
    FrozenDict,
    Name,
    NoneOr,
    OrWord,
    PluginRef,
    Size,
    Tuple,
)
from mlconfig.vocabulary import Plugin as NamedPlugin

KIB = 1 << 10
MIB = 1 << 20


class Batching(Frozen):
    """Micro-batching without a timer: what was decoded in one pass of the event loop shares one call of the model."""

    max_rows: int = Field(64, ge=1, le=65_536, description="Rows of a call; a larger request is a call of its own.")
    max_queue: int = Field(4096, ge=1, le=10_000_000, description="Rows that may wait in a replica; more: 503.")


class Limits(Frozen):
    """What one request may be."""

    body: Size = Field(MIB, ge=KIB, le=1024 * MIB, description="Bytes, announced or streamed; more: 413.")
    rows: int = Field(1000, ge=1, le=1_000_000, description="Rows; more: 422.")
    depth: int = Field(32, ge=2, le=200, description="Nesting of the JSON; deeper: 400.")
    receive: Duration = Field(
        timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="Until the body is whole; later: 408.",
    )
    deadline: Duration = Field(
        timedelta(seconds=30),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="Until the answer; later: the fallback, or 503.",
    )


class Constant(Frozen):
    """One answer for all: a regression's value, the probability of a binary's positive class, or a class of many."""

    constant: Annotated[float, Field(allow_inf_nan=False)] | str


Fallback = Annotated[Constant | Literal["error", "previous"], OrWord()]


class ServingLog(Frozen):
    """The prediction log."""

    sample_fraction: Fraction = Field(1.0, description="The share of predictions that are logged.")
    durability: Literal["process", "sync"] = Field(
        "process", description="process: survives kill -9; sync: an answer waits for the disk, a group at a time."
    )
    on_full: Literal["serve_and_count", "reject"] = Field(
        "serve_and_count", description="Where the log cannot be written: answer and count the loss, or 503."
    )
    rotate: Size = Field(64 * MIB, ge=64 * KIB, le=4096 * MIB, description="A larger segment is closed.")


class RateLimit(Frozen):
    """How often each key may ask, whatever for; counted by each replica for itself."""

    per_second: float | None = Field(
        None, gt=0.0, le=1e6, description="Requests of a key that a replica takes a second, on average; more: 429."
    )
    per_day: int | None = Field(
        None, ge=1, description="Requests of a key that a replica takes a day (UTC), while it lives; more: 429."
    )

    @property
    def open(self) -> bool:
        """Whether nothing is limited."""
        return self.per_second is None and self.per_day is None


class Serving(Frozen):
    """The endpoint; `serving: none` ends the plan at a registered version."""

    endpoint: Name | None = Field(None, description="null: the recipe's name; POST /v1/{endpoint}/predict.")
    protocols: Tuple[NamedPlugin] = Field(
        (PluginRef(name="mlconfig"),), min_length=1, description="Wire formats, by name; all over the same data plane."
    )
    lane: Literal["standard", "fast"] = Field(
        "standard",
        description="standard: through Ray Serve; fast: predictions are answered before its bookkeeping.",
    )
    num_replicas: int = Field(1, ge=1, le=1024, description="As in Ray Serve.")
    max_ongoing_requests: int = Field(256, ge=1, description="As in Ray Serve, whose own default of 5 collapses.")
    autoscaling_config: Autoscaling | None = Field(None, description="As in Ray Serve; replaces `num_replicas`.")
    batching: Batching = Field(Batching(), description="Requests that share one call of the model.")
    limits: Limits = Field(Limits(), description="What one request may be.")
    auth: NoneOr[NamedPlugin] = Field(
        "none", description="Who may ask: none (everybody; on loopback only), keys (`mlconfig keys`), or jwt."
    )
    rate_limit: RateLimit = Field(RateLimit(), description="How often each key may ask.")
    routing_key: AutoOr[str] = Field(
        AUTO, description="Column by whose value a request keeps its version; auto: data.key, else the prediction id."
    )
    fallback: Fallback = Field(
        "error",
        description="Where the chosen version fails or is late: 5xx, the version before, or {constant: 0.5}.",
    )
    log: ServingLog = Field(ServingLog(), description="The prediction log.")
    batch: Annotated[FrozenDict[Batch], AfterValidator(check_names)] = Field(
        FrozenDict(), description="Scoring by the calendar, by your name."
    )

    @model_validator(mode="after")
    def _each_protocol_once(self) -> Serving:
        names = [protocol.name for protocol in self.protocols]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the protocol `{twice}` is there twice")
        return self

"""How an endpoint did over a stretch of time: requests by outcome, and how long the answers took."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlconfig.profiles.histogram import (
    BUCKETS,
    LARGEST,
    Counts,
    edges,
    from_sparse,
    quantiles,
    to_sparse,
)

LATENCY_SCALE = 0.01
"""Seconds that one unit of the latency histogram is: it resolves 2.4 µs to 41 s, to 1/64 of the latency."""

_EDGES: list[float] = (edges()[LARGEST:] * LATENCY_SCALE).tolist()
"""Lower edges in seconds of the buckets above zero [1537]."""


def latency_bucket(seconds: float) -> int:
    """The bucket that ``profiles.histogram`` counts a latency in, without numpy: 0.2 µs."""
    return LARGEST + bisect_right(_EDGES, seconds)


def _nothing() -> Counts:
    return np.zeros(BUCKETS, np.int64)


@dataclass(frozen=True, eq=False)
class ServiceStats:
    """Counts of predict requests; adding two is both together.

    Args:
        answered: answered with a prediction (2xx).
        rejected: refused because of what was sent (4xx).
        errors: failed (5xx).
        fallback: of those answered, by something other than the chosen version.
        latency: answered requests by ``latency / LATENCY_SCALE`` in the buckets of ``profiles.histogram`` [3075].
        latency_seconds: sum of the latencies.
    """

    answered: int = 0
    rejected: int = 0
    errors: int = 0
    fallback: int = 0
    latency: Counts = field(default_factory=_nothing)
    latency_seconds: float = 0.0

    @property
    def requests(self) -> int:
        """All of them."""
        return self.answered + self.rejected + self.errors

    def quantile(self, q: float) -> float:
        """A quantile of the latency in seconds, NaN when nothing was answered."""
        return LATENCY_SCALE * float(quantiles(self.latency, q)[0]) if self.answered else math.nan

    def merge(self, other: ServiceStats) -> ServiceStats:
        """Both together."""
        return ServiceStats(
            self.answered + other.answered,
            self.rejected + other.rejected,
            self.errors + other.errors,
            self.fallback + other.fallback,
            self.latency + other.latency,
            self.latency_seconds + other.latency_seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values; the histogram sparse."""
        where, counts = to_sparse(self.latency)
        return {
            "answered": self.answered, "rejected": self.rejected, "errors": self.errors, "fallback": self.fallback,
            "latency": [where.tolist(), counts.tolist()], "latency_seconds": self.latency_seconds,
        }  # fmt: skip

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> ServiceStats:
        """The inverse of ``to_json``."""
        where, counts = (np.asarray(side, np.int64) for side in tree["latency"])
        plain = {name: value for name, value in tree.items() if name != "latency"}
        return cls(latency=from_sparse(where, counts), **plain)

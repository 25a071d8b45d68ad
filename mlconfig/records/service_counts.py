"""What a replica counted over a stretch of time, as one line of the service log; adding two is both together.

All are whole numbers, so that sums do not depend on the order of adding and a total never shrinks by rounding.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np

from mlconfig.profiles.histogram import BUCKETS, from_sparse
from mlconfig.records.service import ServiceStats

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Bucket = Annotated[int, msgspec.Meta(ge=0, lt=BUCKETS)]
Status = Annotated[int, msgspec.Meta(ge=100, lt=600)]
PREDICT = "predict"
"""The route whose requests are the endpoint's work."""

_PLAIN = ("latency_ns", "rows", "failures", "fallback", "log_dropped", "feedback_dropped")


class ServiceCounts(msgspec.Struct, omit_defaults=True, eq=True):
    """Counts of a stretch of time.

    Args:
        requests: by route (``predict``, ``feedback``, …) and HTTP status.
        latency: answered predict requests by the bucket of ``records.service.latency_bucket``.
        latency_ns: sum of their latencies in nanoseconds.
        rows: rows predicted.
        failures: predictions that the model broke on.
        fallback: predict requests answered by something other than the chosen version.
        log_dropped, feedback_dropped: records that the disk refused.
    """

    requests: dict[str, dict[Status, Count]] = {}
    latency: dict[Bucket, Count] = {}
    latency_ns: Count = 0
    rows: Count = 0
    failures: Count = 0
    fallback: Count = 0
    log_dropped: Count = 0
    feedback_dropped: Count = 0

    def add(self, other: ServiceCounts) -> None:
        """Add another's counts to these."""
        for route, by_status in other.requests.items():
            _add(self.requests.setdefault(route, {}), by_status)
        _add(self.latency, other.latency)
        for name in _PLAIN:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def since(self, earlier: ServiceCounts) -> ServiceCounts:
        """What was counted after ``earlier``, both being counts since one beginning."""
        requests = {
            route: rest
            for route, by_status in self.requests.items()
            if (rest := _less(by_status, earlier.requests.get(route, {})))
        }
        plain = {name: getattr(self, name) - getattr(earlier, name) for name in _PLAIN}
        return ServiceCounts(requests, _less(self.latency, earlier.latency), **plain)

    def __bool__(self) -> bool:
        return bool(self.requests or self.latency) or any(getattr(self, name) for name in _PLAIN)

    def answers(self, hundred: int) -> int:
        """Predict requests answered with a status of one hundred: 2 for 2xx."""
        by_status = self.requests.get(PREDICT, {})
        return sum(count for status, count in by_status.items() if status // 100 == hundred)

    def stats(self) -> ServiceStats:
        """What monitoring reads of them."""
        where = np.fromiter(self.latency.keys(), np.int64, len(self.latency))
        counts = np.fromiter(self.latency.values(), np.int64, len(self.latency))
        return ServiceStats(
            answered=self.answers(2),
            rejected=self.answers(4),
            errors=self.answers(5),
            fallback=self.fallback,
            latency=from_sparse(where, counts),
            latency_seconds=self.latency_ns / 1e9,
        )


def _add(to: dict[int, int], given: dict[int, int]) -> None:
    for key, count in given.items():
        to[key] = to.get(key, 0) + count


def _less(later: dict[int, int], earlier: dict[int, int]) -> dict[int, int]:
    return {key: more for key, count in later.items() if (more := count - earlier.get(key, 0))}

"""Counts of what an endpoint did, for monitoring to read: requests by status, rows, latency."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latency buckets, in seconds; one more bucket holds what is slower."""


@dataclass(frozen=True)
class EndpointStats:
    """Counts since the process began.

    ``requests``: by route (``predict``, ``feedback``, …) and status. ``latency``: answered predict requests by bucket (see
    `BOUNDS`). ``rows``: predicted. ``failures``: predictions that the model broke on. ``log_dropped``, ``feedback_dropped``:
    records that the disk refused. ``problem``: why the newest route could not be taken over, or the log not written.
    """

    requests: dict[tuple[str, int], int]
    latency: tuple[int, ...]
    latency_seconds: float
    rows: int
    failures: int
    log_dropped: int
    feedback_dropped: int
    problem: str | None


class Counters:
    """Requests and latency; incremented on the event loop only."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.latency = [0] * (len(BOUNDS) + 1)
        self.latency_seconds = 0.0

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests[route, status] += 1
        if route == "predict" and status == 200:
            self.latency[bisect_left(BOUNDS, seconds)] += 1
            self.latency_seconds += seconds

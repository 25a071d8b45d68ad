"""What a replica counts while it answers: requests by route and status, and how long predictions took."""

from __future__ import annotations

from typing import Any

from mlconfig.profiles.histogram import BUCKETS
from mlconfig.records.service import latency_bucket
from mlconfig.records.service_counts import PREDICT, ServiceCounts


class Counters:
    """Counts since the process began; incremented on the event loop only, read from any thread.

    ``requests``: by route (``predict``, ``feedback``, …) and HTTP status. ``latency``: answered predict requests by
    `latency_bucket` [3075].
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.latency = [0] * BUCKETS
        self.latency_seconds = 0.0

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request: under 1 µs."""
        key = route, status
        self.requests[key] = self.requests.get(key, 0) + 1
        if route == PREDICT and 200 <= status < 300:
            self.latency[latency_bucket(seconds)] += 1
            self.latency_seconds += seconds

    def snapshot(self, **others: Any) -> ServiceCounts:
        """All of it as it stands, with counts that are kept elsewhere (``rows``, ``failures``, …).

        Copying a dict or a list of whole numbers is one step for other threads, so nothing is counted by half.
        """
        latency, requests = self.latency.copy(), self.requests.copy()
        by_route: dict[str, dict[int, int]] = {}
        for (route, status), count in requests.items():
            by_route.setdefault(route, {})[status] = count
        return ServiceCounts(
            requests=by_route,
            latency={bucket: count for bucket, count in enumerate(latency) if count},
            latency_ns=round(self.latency_seconds * 1e9),
            **others,
        )

"""How often a key may ask: a token bucket for the second, a count for the day (UTC). In memory, of one replica."""

from __future__ import annotations

import math
from collections import OrderedDict

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.sections.serving import RateLimit

DAY_S = 86_400.0
MOST_KEYS = 100_000
"""Callers that are counted at once; the one that has been silent for longest is forgotten first."""


class Bucket:
    """One key's: tokens that are left at a moment, and requests of a day (days since 1970)."""

    __slots__ = ("at", "day", "tokens", "used")

    def __init__(self, tokens: float, at: float, day: int) -> None:
        self.tokens, self.at, self.day, self.used = tokens, at, day, 0


class Limiter:
    """Counts requests by key. A bucket holds what may come at once: a second's worth, and one request at least."""

    def __init__(self, limit: RateLimit) -> None:
        self._rate, self._day = limit.per_second, limit.per_day
        self._most = max(1.0, limit.per_second or 1.0)
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str, now: float) -> None:
        """Count a request (now: seconds since 1970). Raises RequestRefusedError (429) with the seconds to wait."""
        bucket = self._bucket(key, now)
        if self._day is not None and bucket.used >= self._day:
            raise _too_many(f"{self._day:,} requests a day", DAY_S - now % DAY_S)
        if self._rate is not None:
            if bucket.tokens < 1.0:
                raise _too_many(f"{self._rate:g} requests a second", (1.0 - bucket.tokens) / self._rate)
            bucket.tokens -= 1.0
        bucket.used += 1

    def _bucket(self, key: str, now: float) -> Bucket:
        """The key's, with what has run in since; a clock that was set back neither adds nor takes."""
        bucket, day = self._buckets.get(key), int(now // DAY_S)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._most, now, day)
            if len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        if self._rate is not None:
            bucket.tokens = min(self._most, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        if day > bucket.day:
            bucket.day, bucket.used = day, 0
        return bucket


def _too_many(limit: str, wait: float) -> RequestRefusedError:
    return RequestRefusedError(
        429, f"this key may make {limit}", hint="ask again after Retry-After", retry_after=max(1, math.ceil(wait))
    )

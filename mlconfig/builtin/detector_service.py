"""Whether an endpoint answers, with what it should, and in time."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.proportions import wilson
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.histogram import quantiles
from mlconfig.records.service import LATENCY_SCALE, ServiceStats
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Duration, Fraction, Frozen, FrozenDict

CHECKS = 4
QUANTILE = 0.99
ALL_OF = 10
"""From so many requests on, an endpoint that refuses all of them is told, whatever a rate among so few may be."""
_WORDS = {
    "error_fraction": "requests failed",
    "rejected_fraction": "requests were refused for what was sent",
    "fallback_fraction": "answers came from the fallback",
}


class Service(Detector):
    """Errors, refusals and fallbacks as shares, and the 99th percentile of the latency, against fixed bounds.

    A share counts by the lower end of its interval (Wilson 1927), the percentile by that of order statistics
    (binomial; David, Nagaraja, Order Statistics, 2003, 7.1), each at a fourth of alpha: a few requests prove nothing, unless
    ten or more all failed, or all were refused.
    """

    class Params(Frozen):
        """What is tolerated."""

        max_error_fraction: Fraction = Field(0.01, description="Of requests that failed (5xx).")
        max_latency_p99: Duration = Field(
            timedelta(milliseconds=250), gt=timedelta(0), description="99th percentile of the answers' latency."
        )
        max_rejected_fraction: Fraction = Field(0.5, description="Of requests refused for what was sent (4xx).")
        max_fallback_fraction: Fraction = Field(0.01, description="Of answers by something else than the version.")

    params: Service.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"service"}), columnwise=False, large_reference=False, judges_silence=False
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """A finding each about errors and refusals, and where anything was answered, about fallbacks and the latency."""
        stats, alpha = evidence.service, evidence.alpha / CHECKS
        if stats is None or not stats.requests:
            return ()
        found = [
            _share(stats, "error_fraction", stats.errors, stats.requests, self.params.max_error_fraction, alpha),
            _share(
                stats, "rejected_fraction", stats.rejected, stats.requests, self.params.max_rejected_fraction, alpha
            ),
        ]
        if stats.answered:
            allowed = self.params.max_fallback_fraction
            found.append(_share(stats, "fallback_fraction", stats.fallback, stats.answered, allowed, alpha))
            found.append(_latency(stats, self.params.max_latency_p99.total_seconds(), alpha))
        return tuple(found)


def _share(stats: ServiceStats, name: str, count: int, of: int, allowed: float, alpha: float) -> Finding:
    at_least, _ = wilson(count, of, alpha)
    value = count / of
    breached = at_least > allowed or (count == of == stats.requests and of >= ALL_OF and value > allowed)
    return Finding(
        column=None,
        statistic=name,
        drift_score=value,
        threshold=allowed,
        is_drift=breached,
        details=FrozenDict({"count": float(count), "at_least": at_least, "requests": float(stats.requests)}),
        message=f"{value:.2%} of {of:,} {_WORDS[name]} ({allowed:.2%} allowed)" if breached else "",
    )


def _latency(stats: ServiceStats, allowed: float, alpha: float) -> Finding:
    p50, p99, at_least = stats.quantile(0.5), stats.quantile(QUANTILE), _p99_at_least(stats, alpha)
    breached = at_least > allowed
    said = f"p99 latency {p99 * 1e3:.0f} ms over {allowed * 1e3:.0f} ms; the median is {p50 * 1e3:.0f} ms"
    return Finding(
        column=None,
        statistic="latency_p99",
        drift_score=p99,
        threshold=allowed,
        is_drift=breached,
        details=FrozenDict({"p50": p50, "p99": p99, "at_least": at_least, "answered": float(stats.answered)}),
        message=said if breached else "",
    )


def _p99_at_least(stats: ServiceStats, alpha: float) -> float:
    """The order statistic in seconds that is over the true percentile with probability of at most alpha; 0 where none is."""
    from scipy.special import bdtr, bdtrik

    rank = int(bdtrik(alpha, stats.answered, QUANTILE)) if bdtr(0, stats.answered, QUANTILE) <= alpha else 0
    return LATENCY_SCALE * float(quantiles(stats.latency, rank / stats.answered)[0]) if rank else 0.0

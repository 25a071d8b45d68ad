"""A candidate beside the champion, on the same rows and the same resamples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.bootstrap import draws, percentile_interval
from mlconfig.evaluation.evaluate import readable

if TYPE_CHECKING:
    import numpy as np

    from mlconfig.contracts.metric import Metric
    from mlconfig.sections.evaluation import Interval

    Vector = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Answers:
    """What one version said about the rows: ``predicted`` and ``score`` as a metric reads them."""

    predicted: Vector
    score: Vector | None = None


@dataclass(frozen=True)
class PairedDifference:
    """How much better the candidate is than the champion, in the metric's good direction (negative: worse).

    ``low`` and ``high`` bound the difference by the paired bootstrap: both versions see each resample, so what the rows have in
    common cancels. ``champion`` is the champion's value on these rows.
    """

    champion: float
    better_by: float
    low: float
    high: float
    rows: int


def compare_paired(
    y: Vector,
    candidate: Answers,
    champion: Answers,
    metrics: Mapping[str, Metric],
    interval: Interval,
    random_state: int,
) -> dict[str, PairedDifference]:
    """The difference of each metric; one that is undefined for either version on these rows is left out.

    Args:
        y: class codes or values [rows].
        candidate, champion: what each said about these very rows.
        metrics: instances by name.
        interval: level and number of resamples.
        random_state: the same gives the same interval, and the same draws as ``evaluate``.
    """
    compared = {
        name: _difference(y, (mine, theirs), metric, interval, random_state)
        for name, metric in metrics.items()
        for mine in [readable(metric, candidate.predicted, candidate.score)]
        for theirs in [readable(metric, champion.predicted, champion.score)]
        if mine is not None and theirs is not None and len(y)
    }
    return {name: difference for name, difference in compared.items() if difference is not None}


def _difference(
    y: Vector, pair: tuple[Vector, Vector], metric: Metric, interval: Interval, random_state: int
) -> PairedDifference | None:
    import numpy as np

    sign = 1.0 if metric.tags.greater_is_better else -1.0
    mine, theirs = (metric.score(y, given) for given in pair)
    better_by = sign * (mine - theirs)
    if not np.isfinite(better_by):
        return None
    resampled = [
        sign * (metric.resampled(y, pair[0], counts) - metric.resampled(y, pair[1], counts))
        for counts in draws(len(y), interval.resamples, random_state)
    ]
    low, high = percentile_interval(np.concatenate(resampled), interval.level) or (better_by, better_by)
    return PairedDifference(theirs, better_by, low, high, len(y))

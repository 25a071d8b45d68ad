"""What a version is worth on held-out rows: each metric with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.bootstrap import draws, percentile_interval
from mlconfig.records.version import MetricValue

if TYPE_CHECKING:
    import numpy as np

    from mlconfig.contracts.metric import Metric
    from mlconfig.sections.evaluation import Interval

    Vector = np.ndarray[Any, Any]


def readable(metric: Metric, predicted: Vector, score: Vector | None) -> Vector | None:
    """What the metric reads of a version's answers; null where the version gives no probabilities."""
    return score if metric.tags.reads == "score" else predicted


def evaluate(
    y: Vector,
    predicted: Vector,
    score: Vector | None,
    metrics: Mapping[str, Metric],
    interval: Interval,
    random_state: int,
) -> dict[str, MetricValue]:
    """Each metric by name with its percentile bootstrap interval (Efron 1979); one set of draws serves all of them.

    Args:
        y: class codes or values [rows].
        predicted: codes or values [rows].
        score: probabilities as ``Metric.score`` takes them; null where there are none.
        metrics: instances by name.
        interval: level and number of resamples.
        random_state: the same gives the same interval.

    A metric that is undefined on these rows (one class only, no rows, no probabilities) is left out of the result, and a
    gate on it does not pass.
    """
    import numpy as np

    read = {name: readable(metric, predicted, score) for name, metric in metrics.items()}
    values = {name: metrics[name].score(y, given) for name, given in read.items() if given is not None and len(y)}
    values = {name: value for name, value in values.items() if np.isfinite(value)}
    resampled: dict[str, list[Vector]] = {name: [] for name in values}
    for counts in draws(len(y), interval.resamples, random_state) if values else ():
        for name, found in resampled.items():
            given = read[name]
            assert given is not None
            found.append(metrics[name].resampled(y, given, counts))
    bounds = {name: percentile_interval(np.concatenate(found), interval.level) for name, found in resampled.items()}
    return {
        name: MetricValue(value=value, low=low, high=high, rows=len(y))
        for name, value in values.items()
        for low, high in [bounds[name] or (value, value)]
    }

"""Whether numeric columns go together otherwise than they did: correlations from second moments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlconfig.builtin.proportions import upper_quantile
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.clusters import Stretch
from mlconfig.profiles.counts import NumericCounts
from mlconfig.profiles.histogram import Floats, positions
from mlconfig.profiles.profile import Profile
from mlconfig.profiles.tally import MOMENT_CLIP
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict

TOLD = 3
LEAST_ROWS = 10
"""Complete rows below which a correlation says nothing."""


Stretches = dict[float, tuple[float, float]]


@dataclass(frozen=True)
class _Pair:
    """Two columns, their correlations, and how large a change must be seen to be one of more than what is tolerated."""

    names: tuple[str, str]
    before: float
    now: float
    threshold: float
    z: float

    @property
    def change(self) -> float:
        return abs(self.now - self.before)

    def __str__(self) -> str:
        return f"`{self.names[0]}` and `{self.names[1]}` {self.before:.2f} → {self.now:.2f}"


class Correlation(Detector):
    """Pearson correlations of each two numeric columns, over the rows that have all of them, beside the reference's.

    A pair has changed when the lower end of the interval of the change, at alpha over all pairs, is beyond
    ``tolerance``. The interval joins those of the two correlations by Fisher's z (Zou, "Toward using confidence intervals
    to compare correlations", Psychological Methods 2007), each widened where the columns' tails are heavier than a normal
    one's: its variance by (kurtosis − 1) / 2, how much more squares vary, which left it a fifth too short at worst where
    lognormal, zero-inflated and Student's columns were tried. Rows of one stretch of time that are alike count as the fewer
    that they are worth (``profiles.clusters``). Values count as at most 4 interquartile ranges from the median.
    """

    class Params(Frozen):
        """What does not matter."""

        tolerance: float = Field(0.15, ge=0.0, le=2.0, description="Change of a correlation that does not matter.")

    params: Correlation.Params
    tags: ClassVar[DetectorTags] = DetectorTags(columnwise=False, min_numeric=2)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding about all pairs; none where there is no pair, or hardly a row that has all numeric columns."""
        layout = evidence.reference.layout
        places = [i for i, name in enumerate(layout.correlated) if name in evidence.columns]
        finer = [_finer(evidence, name) for name in layout.correlated]
        sides = [
            _Side(
                evidence.reference, [{at: (each.reference, each.correlation) for at, each in f.items()} for f in finer]
            ),
            _Side(evidence.current, [{at: (each.window, each.correlation) for at, each in f.items()} for f in finer]),
        ]
        if len(places) < 2 or min(side.rows for side in sides) < LEAST_ROWS:
            return ()
        names = list(combinations(places, 2))
        z = upper_quantile(evidence.alpha / (2 * len(names)))
        pairs = [self._pair(layout.correlated, i, j, sides, z) for i, j in names]
        return (_finding(sorted(pairs, key=lambda pair: pair.threshold - pair.change)),)

    def _pair(self, names: tuple[str, ...], i: int, j: int, sides: list[_Side], z: float) -> _Pair:
        before, now = (float(side.correlations[i, j]) for side in sides)
        errors = [side.standard_error(i, j) for side in sides]
        towards = 1.0 if now > before else -1.0
        ends = [_moved(before, towards * z * errors[0]), _moved(now, -towards * z * errors[1])]
        allowance = math.hypot(ends[0] - before, ends[1] - now)
        return _Pair(
            (names[i], names[j]), before, now, self.params.tolerance + allowance,
            abs(_fisher(now) - _fisher(before)) / math.hypot(*errors),
        )  # fmt: skip


class _Side:
    """Correlations of a profile [k, k], the complete rows they are of, and of each column its kurtosis [k] and the stretches
    of time [k] in which its rows are alike: by length, rows in one and how alike two of them are.
    """

    def __init__(self, profile: Profile, stretches: list[Stretches]) -> None:
        self.stretches = stretches
        self.rows = int(profile.moments[-1, -1])
        self.correlations = profile.correlation()
        self.kurtosis = _kurtosis(profile)

    def standard_error(self, i: int, j: int) -> float:
        """Of Fisher's z."""
        inflation = max(1.0, (math.sqrt(self.kurtosis[i] * self.kurtosis[j]) - 1.0) / 2.0)
        rows = self.rows / self._design_effect(self.stretches[i], self.stretches[j])
        return math.sqrt(inflation / max(rows - 3, 1.0))

    @staticmethod
    def _design_effect(one: Stretches, other: Stretches) -> float:
        """Of products of both columns: by the stretches in which they are most alike, at most as their geometric mean."""
        shared = one.keys() & other.keys()
        alike = ((one[at][0] - 1.0) * math.sqrt(one[at][1] * other[at][1]) for at in shared)
        return 1.0 + max(0.0, *alike, 0.0)


def _finer(evidence: Evidence, name: str) -> Mapping[float, Stretch]:
    worth = evidence.worth.get(name)
    return {} if worth is None else worth.finer


def _kurtosis(profile: Profile) -> Floats:
    """Fourth moment over the squared second, of the columns in ``layout.correlated`` [k]; 3 where a column does not vary."""
    columns = [profile.columns[name] for name in profile.layout.correlated]
    counts = np.array([column.counts for column in columns if isinstance(column, NumericCounts)], np.float64)
    places = np.clip(positions(), -MOMENT_CLIP, MOMENT_CLIP)
    raw = counts @ np.stack([places**power for power in range(5)], axis=1)
    m1, m2, m3, m4 = (raw[:, power] / np.maximum(raw[:, 0], 1.0) for power in range(1, 5))
    variance = m2 - m1**2
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    varies = variance > 1e-9
    return np.where(varies, fourth / np.where(varies, variance, 1.0) ** 2, 3.0)


def _fisher(correlation: float) -> float:
    return math.atanh(min(max(correlation, -1.0 + 1e-12), 1.0 - 1e-12))


def _moved(correlation: float, by: float) -> float:
    """A correlation moved on the scale of Fisher's z."""
    return math.tanh(_fisher(correlation) + by)


def _finding(pairs: list[_Pair]) -> Finding:
    from scipy.special import ndtr

    worst, changed = pairs[0], [pair for pair in pairs if pair.change > pair.threshold]
    told: dict[str, float] = {}
    for pair in pairs[:TOLD]:
        name = " × ".join(pair.names)
        told |= {name: pair.now, f"{name} (reference)": pair.before}
    more = f" and {len(changed) - TOLD} more" if len(changed) > TOLD else ""
    said = f"{len(changed)} of {len(pairs)} correlations changed: {', '.join(map(str, changed[:TOLD]))}{more}"
    return Finding(
        column=None,
        statistic="correlation_change",
        drift_score=worst.change,
        threshold=worst.threshold,
        is_drift=bool(changed),
        p_value=min(1.0, 2.0 * float(ndtr(-max(pair.z for pair in pairs))) * len(pairs)),
        details=FrozenDict({"pairs": float(len(pairs)), "changed": float(len(changed)), **told}),
        message=said if changed else "",
    )

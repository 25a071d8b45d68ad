"""Whether groups have equal chances: selection rates, and once labels are there, true positive rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import ClassVar

import numpy as np

from mlconfig.builtin.proportions import largest_ratio, least_difference
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence, LabelEvidence, ScoreEvidence
from mlconfig.records.verdict import Finding
from mlconfig.sections.evaluation import Fairness
from mlconfig.vocabulary import FrozenDict

MEASURES = 2


@dataclass(frozen=True)
class _Group:
    """One level of a group column, and how many of its rows were chosen (or found)."""

    level: str
    count: int
    rows: int

    @property
    def rate(self) -> float:
        return self.count / self.rows

    @property
    def pair(self) -> tuple[float, float]:
        return float(self.count), float(self.rows)


class GroupFairness(Detector):
    """Between the levels of each of ``evaluation.fairness.groups``: the smallest selection rate (answers of class 1) over the
    largest, and the difference of true positive rates (Hardt, Price, Srebro 2016). Levels with fewer rows than
    ``evaluation.fairness.min_rows`` (for the second: labelled rows of class 1) are not compared.

    It is a breach when even the better end of a pair's interval at alpha, over all pairs, columns and both measures, is beyond
    ``min_ratio`` or ``max_gap``. The scores are 1 − ratio and the difference, so more is worse.
    """

    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"scores", "labels"}),
        columnwise=False,
        large_reference=False,
        tasks=frozenset({"binary"}),
        needs_groups=True,
        without_labels=True,
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """Up to two findings a group column, in its name; none for a column with fewer than two levels to compare."""
        fairness = evidence.fairness
        alpha = evidence.alpha / max(1, MEASURES * len(fairness.groups))
        found = []
        for column in fairness.groups:
            selected = _selected(evidence.scores, column, fairness.min_rows) if evidence.scores else []
            true = _found(evidence.labels, column, fairness.min_rows) if evidence.labels else []
            if len(selected) > 1 and any(group.count for group in selected):
                found.append(_ratio(column, selected, fairness, alpha))
            if len(true) > 1:
                found.append(_gap(column, true, fairness, alpha))
        return tuple(found)


def _selected(scores: ScoreEvidence, column: str, min_rows: int) -> list[_Group]:
    names = [name for name in scores.current.groups if name.startswith(f"{column}=")]
    counted = ((name.removeprefix(f"{column}="), scores.current.of(name)) for name in names)
    return _large((_Group(level, int(counts[1].sum()), int(counts.sum())) for level, counts in counted), min_rows)


def _found(labels: LabelEvidence, column: str, min_rows: int) -> list[_Group]:
    if column not in labels.groups:
        return []
    positive = np.asarray(labels.y) == 1
    levels, right = np.asarray(labels.groups[column], object)[positive], np.asarray(labels.predicted)[positive] == 1
    known = sorted({str(level) for level in levels if level is not None})
    counted = ((level, right[levels == level]) for level in known)
    return _large((_Group(level, int(hit.sum()), len(hit)) for level, hit in counted), min_rows)


def _large(groups: Iterable[_Group], min_rows: int) -> list[_Group]:
    """Those with enough rows, the lowest rate first."""
    return sorted((group for group in groups if group.rows >= min_rows), key=lambda group: (group.rate, group.level))


def _best(groups: list[_Group], alpha: float, bound: Callable[[_Group, _Group, float], float]) -> list[float]:
    """A bound for each ordered pair, which shares alpha with all others."""
    pairs = list(permutations(groups, 2))
    return [bound(low, high, alpha / len(pairs)) for low, high in pairs]


def _ratio(column: str, groups: list[_Group], fairness: Fairness, alpha: float) -> Finding:
    lowest, highest = groups[0], groups[-1]
    ratio = lowest.rate / highest.rate
    at_most = min(_best(groups, alpha, lambda low, high, share: largest_ratio(low.pair, high.pair, share)))
    breached = at_most < fairness.min_ratio
    return Finding(
        column=column,
        statistic="selection_ratio",
        drift_score=1.0 - ratio,
        threshold=1.0 - fairness.min_ratio,
        is_drift=breached,
        details=FrozenDict({"ratio": ratio, "at_most": min(at_most, 1e9), **_rates(groups)}),
        message=f"{_of(lowest, column)} is chosen in {lowest.rate:.1%}, {_of(highest, column)} in {highest.rate:.1%}: "
        f"ratio {ratio:.2f}, {fairness.min_ratio:.2f} wanted"
        if breached
        else "",
    )


def _gap(column: str, groups: list[_Group], fairness: Fairness, alpha: float) -> Finding:
    lowest, highest = groups[0], groups[-1]
    gap = highest.rate - lowest.rate
    at_least = max(_best(groups, alpha, lambda low, high, share: least_difference(high.pair, low.pair, share)))
    breached = at_least > fairness.max_gap
    return Finding(
        column=column,
        statistic="tpr_gap",
        drift_score=gap,
        threshold=fairness.max_gap,
        is_drift=breached,
        details=FrozenDict({"at_least": at_least, **_rates(groups)}),
        message=f"of the positive rows {_of(highest, column)} has {highest.rate:.1%} found, {_of(lowest, column)} "
        f"{lowest.rate:.1%}: {gap:.2f} apart, {fairness.max_gap:.2f} allowed"
        if breached
        else "",
    )


def _of(group: _Group, column: str) -> str:
    return f"`{column}={group.level}`"


def _rates(groups: list[_Group]) -> dict[str, float]:
    return {f"rate.{group.level}": group.rate for group in groups}

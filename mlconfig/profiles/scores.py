"""Counts of a classifier's answers: score bucket × predicted class × group, enough for every rate and most metrics.

Buckets are even in the log odds of the score, 512 over ±12, so that a probability of 0.001 is resolved as well as one of 0.5;
an edge lies at 0.5 exactly. Adding two tables is the table of both windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles.histogram import Counts, Floats, Vector

SCORE_BUCKETS = 512
LARGEST_LOGIT = 12.0
ALL_ROWS = ""
"""The group that every row is in."""


def score_bucket(scores: Vector) -> Counts:
    """The bucket of each probability [rows], int64; what is beyond the range falls into the outermost."""
    p = np.clip(np.asarray(scores, np.float64), 1e-12, 1.0 - 1e-12)
    logit = np.log(p) - np.log1p(-p)
    place = np.floor((logit + LARGEST_LOGIT) * (SCORE_BUCKETS / (2 * LARGEST_LOGIT))).astype(np.int64)
    return np.asarray(np.clip(place, 0, SCORE_BUCKETS - 1))


@cache
def score_positions() -> Floats:
    """The probability in the middle of each bucket [512], ascending."""
    logit = (np.arange(SCORE_BUCKETS) + 0.5) * (2 * LARGEST_LOGIT / SCORE_BUCKETS) - LARGEST_LOGIT
    middle = 1.0 / (1.0 + np.exp(-logit))
    middle.flags.writeable = False
    return np.asarray(middle)


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Answers by group, predicted class and score bucket.

    Args:
        classes: how many there are. For two, the score is the probability of class 1; for more, of the predicted class.
        groups: names of the groups, ``("", "sex=f", "sex=m", …)``; the first is all rows. A row is in one group a column.
        counts: [groups, classes, 512].
    """

    classes: int
    groups: tuple[str, ...]
    counts: Counts

    def __post_init__(self) -> None:
        self.counts.flags.writeable = False

    @property
    def rows(self) -> int:
        """Answers counted."""
        return int(self.counts[0].sum())

    def of(self, group: str = ALL_ROWS) -> Counts:
        """Counts of one group [classes, 512]."""
        return np.asarray(self.counts[self.groups.index(group)])

    def merge(self, other: ScoreCounts) -> ScoreCounts:
        """Both together; a group that only one has is kept. ``DataError`` where the numbers of classes differ."""
        if other.classes != self.classes:
            raise DataError(
                f"answers of {self.classes} and of {other.classes} classes cannot be added",
                hint="compare one version's",
            )
        groups = tuple(dict.fromkeys((*self.groups, *other.groups)))
        counts = np.zeros((len(groups), self.classes, SCORE_BUCKETS), np.int64)
        for side in (self, other):
            counts[[groups.index(group) for group in side.groups]] += side.counts
        return ScoreCounts(self.classes, groups, counts)


def empty_scores(classes: int) -> ScoreCounts:
    """A table of no answers."""
    return ScoreCounts(classes, (ALL_ROWS,), np.zeros((1, classes, SCORE_BUCKETS), np.int64))


def count_scores(
    classes: int, predicted: Vector, scores: Vector, groups: dict[str, Vector] | None = None
) -> ScoreCounts:
    """The table of some answers.

    Args:
        classes: how many.
        predicted: class codes [rows].
        scores: probabilities as ``ScoreCounts`` says [rows]; rows with NaN are left out.
        groups: column → level of each row, as text or null [rows]; a null is in no group.
    """
    codes, there = np.asarray(predicted), ~np.isnan(np.asarray(scores, np.float64))
    place = codes[there].astype(np.int64) * SCORE_BUCKETS + score_bucket(np.asarray(scores)[there])
    size = classes * SCORE_BUCKETS
    names, tables = [ALL_ROWS], [np.bincount(place, minlength=size)]
    for column, levels in (groups or {}).items():
        for level, rows in _rows_by_level(np.asarray(levels, dtype=object)[there]):
            names.append(f"{column}={level}")
            tables.append(np.bincount(place[rows], minlength=size))
    return ScoreCounts(classes, tuple(names), np.reshape(tables, (len(names), classes, SCORE_BUCKETS)).astype(np.int64))


def _rows_by_level(levels: Any) -> list[tuple[str, Counts]]:
    known = sorted({str(level) for level in levels if level is not None})
    as_text = np.array([None if level is None else str(level) for level in levels], dtype=object)
    return [(level, np.flatnonzero(as_text == level)) for level in known]

"""How evenly a classifier treats groups on held-out rows: selection rates, and true positive rates, with intervals.

The four-fifths rule compares selection rates (29 CFR 1607.4 D); equal opportunity compares true positive rates (Hardt, Price,
Srebro 2016, "Equality of Opportunity in Supervised Learning").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

from mlconfig.vocabulary import Frozen, FrozenDict

if TYPE_CHECKING:
    import numpy as np

    from mlconfig.sections.evaluation import Fairness

    Vector = np.ndarray[Any, Any]


class LevelRates(Frozen):
    """One level of a group column. ``selection_rate``: by class, the share of its rows that are given it.

    ``true_positive_rate``: by class, the share of its rows of that class that are given it; no class that it has too few of.
    """

    rows: int
    selection_rate: FrozenDict[float]
    true_positive_rate: FrozenDict[float]


class Spread(Frozen):
    """The two levels that are furthest apart in one class: their ratio (smaller by larger) or gap, and its interval."""

    value: float
    low: float
    high: float
    of: str
    lowest: str
    highest: str


class GroupFairness(Frozen):
    """One group column. A comparison is null where fewer than two levels can be compared.

    ``few``: rows by level, of levels that have too few to be compared.
    """

    levels: FrozenDict[LevelRates]
    few: FrozenDict[int]
    selection_ratio: Spread | None = None
    tpr_gap: Spread | None = None


class _Share(NamedTuple):
    """``hits`` of ``n`` rows of a level."""

    level: str
    hits: int
    n: int

    @property
    def rate(self) -> float:
        return self.hits / self.n


def fairness_of(
    y: Vector, predicted: Vector, level: Vector, classes: Sequence[str], settings: Fairness, confidence: float
) -> GroupFairness:
    """Compare the levels of one group column.

    With two classes the second is the one that is selected; with more, each in turn, and the one that is treated least
    evenly is told. The intervals hold for all pairs of levels and classes together (Bonferroni), because the pair
    that is furthest apart is picked out of them.

    Args:
        y: class codes [rows].
        predicted: class codes [rows].
        level: of each row as text, null where it is missing [rows]; those rows are in no group.
        classes: names by code.
        settings: ``evaluation.fairness``; only levels with ``min_rows`` rows (of the class, for a true positive rate) are
            compared.
        confidence: of the intervals, 0 to 1.
    """
    import numpy as np

    known = np.array([each is not None for each in level], bool)
    names, place = np.unique(level[known].astype(str), return_inverse=True)
    counts = _counts(y[known], predicted[known], place, (len(names), len(classes)))
    rows = {str(name): int(n) for name, n in zip(names, counts[0].sum(1), strict=True)}
    compared = [k for k, name in enumerate(rows) if rows[name] >= settings.min_rows]
    codes = range(1 if len(classes) == 2 else 0, len(classes))
    selected, found = (
        {classes[code]: list(_shares(part, list(rows), code, settings.min_rows)) for code in codes}
        for part in ((counts[1], counts[0].sum(1, keepdims=True)), (counts[2], counts[0]))
    )
    return GroupFairness.model_validate(
        {
            "levels": {list(rows)[k]: _level(list(rows)[k], rows, selected, found) for k in compared},
            "few": {name: n for name, n in rows.items() if n < settings.min_rows},
            "selection_ratio": _furthest(selected, _ratio, confidence, lambda spread: spread.high),
            "tpr_gap": _furthest(found, _gap, confidence, lambda spread: -spread.low),
        }
    )


def _counts(y: Vector, predicted: Vector, place: Vector, shape: tuple[int, int]) -> tuple[Vector, Vector, Vector]:
    """By level and class: rows of the class, rows that are given it, and rows of which both are true."""
    import numpy as np

    def count(codes: Vector, mask: Vector) -> Vector:
        flat = place[mask] * shape[1] + codes[mask].astype(np.int64)
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)

    everyone = np.ones(len(y), bool)
    return count(y, everyone), count(predicted, everyone), count(y, y == predicted)


def _shares(part: tuple[Vector, Vector], names: Sequence[str], code: int, min_rows: int) -> Iterator[_Share]:
    """The share of each level that has enough rows to take it of."""
    hits, of = part
    for k, name in enumerate(names):
        n = int(of[k, code if of.shape[1] > 1 else 0])
        if n >= min_rows:
            yield _Share(name, int(hits[k, code]), n)


def _level(
    name: str, rows: dict[str, int], selected: dict[str, list[_Share]], found: dict[str, list[_Share]]
) -> dict[str, Any]:
    rates = (
        {cls: share.rate for cls, shares in by_class.items() for share in shares if share.level == name}
        for by_class in (selected, found)
    )
    return {"rows": rows[name], **dict(zip(("selection_rate", "true_positive_rate"), rates, strict=True))}


def _furthest(
    by_class: dict[str, list[_Share]],
    compare: Callable[[_Share, _Share, float], tuple[float, float, float] | None],
    confidence: float,
    order: Callable[[Spread], float],
) -> Spread | None:
    """The most unequal pair of levels: of each class the two extremes, and of the classes the one that is surest."""
    pairs = sum(len(list(combinations(shares, 2))) for shares in by_class.values())
    z = NormalDist().inv_cdf(1 - (1 - confidence) / (2 * max(pairs, 1)))
    spreads = []
    for cls, shares in by_class.items():
        if len(shares) > 1:
            low, high = min(shares, key=lambda share: share.rate), max(shares, key=lambda share: share.rate)
            bounds = compare(low, high, z)
            if bounds is not None:
                value, lower, upper = bounds
                spreads.append(Spread(value=value, low=lower, high=upper, of=cls, lowest=low.level, highest=high.level))
    return min(spreads, key=order, default=None)


def _ratio(low: _Share, high: _Share, z: float) -> tuple[float, float, float] | None:
    """The ratio of two rates with its log interval, half a row added to each count (Walter 1975); null when both are 0."""
    if high.hits == 0:
        return None
    ratio = low.rate / high.rate
    shares = [(share.hits + 0.5, share.n + 0.5) for share in (low, high)]
    centre = math.log(shares[0][0] / shares[0][1]) - math.log(shares[1][0] / shares[1][1])
    half = z * math.sqrt(sum(1 / hits - 1 / n for hits, n in shares))
    return ratio, min(math.exp(centre - half), ratio), min(max(math.exp(centre + half), ratio), 1.0)


def _gap(low: _Share, high: _Share, z: float) -> tuple[float, float, float]:
    """The difference of two rates with its interval out of their Wilson intervals (Newcombe 1998, method 10)."""
    gap = high.rate - low.rate
    (low_from, low_to), (high_from, high_to) = _wilson(low, z), _wilson(high, z)
    below = math.hypot(high.rate - high_from, low_to - low.rate)
    above = math.hypot(high_to - high.rate, low.rate - low_from)
    return gap, max(gap - below, 0.0), min(gap + above, 1.0)


def _wilson(share: _Share, z: float) -> tuple[float, float]:
    """The score interval of a rate (Wilson 1927)."""
    p, n = share.rate, share.n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - half, centre + half


def told(column: str, found: GroupFairness, settings: Fairness) -> str:
    """What a person should know of one group column, in a clause or two."""
    if len(found.levels) < 2:
        return f"{column} is not compared: fewer than two groups have {settings.min_rows} rows"
    clauses = (_ratio_clause(column, found, settings), _gap_clause(column, found, settings))
    return ", ".join(clause for clause in clauses if clause)


def _ratio_clause(column: str, found: GroupFairness, settings: Fairness) -> str:
    ratio, floor = found.selection_ratio, settings.min_ratio
    if ratio is None:
        return f"nobody is selected in any group of {column}"
    head = f"selection ratio by {column}{_for(ratio, found)} {ratio.value:.2f}"
    if ratio.value >= floor:
        return f"{head} (floor {floor:.2f})"
    return (
        f"{head} is below the floor {floor:.2f} ({ratio.lowest} to {ratio.highest}){_doubt(chance=ratio.high >= floor)}"
    )


def _gap_clause(column: str, found: GroupFairness, settings: Fairness) -> str:
    gap, ceiling = found.tpr_gap, settings.max_gap
    if gap is None:
        return ""
    head = f"true positive rates by {column}{_for(gap, found)} differ by {gap.value:.2f}"
    if gap.value <= ceiling:
        return f"{head} (at most {ceiling:.2f})"
    return f"{head}, more than {ceiling:.2f} ({gap.lowest} to {gap.highest}){_doubt(chance=gap.low <= ceiling)}"


def _for(spread: Spread, found: GroupFairness) -> str:
    """The class, where there is more than the one that is selected."""
    several = any(len(level.selection_rate) > 1 for level in found.levels.values())
    return f" for `{spread.of}`" if several else ""


def _doubt(*, chance: bool) -> str:
    return ", which chance could do" if chance else ""


def breaches(found: GroupFairness, settings: Fairness) -> bool:
    """Whether a comparison is outside its bound, by its point."""
    ratio, gap = found.selection_ratio, found.tpr_gap
    return (ratio is not None and ratio.value < settings.min_ratio) or (
        gap is not None and gap.value > settings.max_gap
    )

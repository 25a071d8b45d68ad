"""One column's distribution in the reference and now, over the same bins: what is drawn, ready for the template."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mlconfig.pages import paths
from mlconfig.pages.scale import nice_step, value_ticks
from mlconfig.pages.time_axis import Tick, time_ticks
from mlconfig.pages.wording import Clock, share
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.histogram import Counts, Floats, edges
from mlconfig.profiles.layout import ColumnLayout
from mlconfig.profiles.profile import Profile

MOST_BINS = 48
MOST_LEVELS = 12
HEIGHT = 100.0
_TAILS = (0.005, 0.995)
_SMALLEST = 0.05
"""Percent of rows beyond the range that are worth a bar."""


@dataclass(frozen=True)
class Bar:
    """One level, or one bar beside the range. Shares are percent of all rows; ``place`` is percent of the picture's width."""

    label: str
    reference: float
    current: float
    place: float = 0.0
    kind: str = ""

    @property
    def reference_share(self) -> str:
        """In words."""
        return share(self.reference / 100)

    @property
    def current_share(self) -> str:
        """In words."""
        return share(self.current / 100)


@dataclass(frozen=True)
class Histogram:
    """Numbers or moments. Paths lie in a box of ``width`` × 100; ``sides``: bars of what is outside, and of nulls."""

    width: int
    reference: str
    current: str
    top: str
    ticks: tuple[Tick, ...]
    sides: tuple[Bar, ...]


@dataclass(frozen=True)
class Levels:
    """Categories, the reference's most frequent first; widths are percent of the largest share."""

    bars: tuple[Bar, ...]
    largest: float


def distribution(reference: Profile | None, current: Profile | None, column: ColumnLayout) -> Histogram | Levels | None:
    """The picture of one column; null where neither side has a row."""
    sides = [None if profile is None else profile.columns.get(column.name) for profile in (reference, current)]
    if not any(side is not None and side.rows for side in sides):
        return None
    if column.has_histogram:
        return _histogram(column, *(side if isinstance(side, NumericCounts) else NumericCounts() for side in sides))
    nothing = CategoricalCounts(np.zeros(len(column.categories), np.int64))
    return _levels(column, *(side if isinstance(side, CategoricalCounts) else nothing for side in sides))


def _histogram(column: ColumnLayout, reference: NumericCounts, current: NumericCounts) -> Histogram:
    low, high = _range(column, reference, current)
    grid = _bin_edges(low, high, moments=column.kind == "timestamp")
    sides = tuple(_shares(counts, column, grid) for counts in (reference, current))
    nulls = tuple(100 * counts.nulls / max(counts.rows, 1) for counts in (reference, current))
    left = 2 if max(side[0] for side in sides) >= _SMALLEST else 0
    heights = [[*([side[0], 0.0] if left else []), *side[1:-1]] for side in sides]
    bars = [Bar("below", sides[0][0], sides[1][0], kind="below")] if left else []
    for bar in (Bar("above", sides[0][-1], sides[1][-1], kind="above"), Bar("null", nulls[0], nulls[1], kind="null")):
        if max(bar.reference, bar.current) >= (_SMALLEST if bar.kind == "above" else 1e-9):
            bars.append(bar)
            for side, height in zip(heights, (bar.reference, bar.current), strict=True):
                side += [0.0, height]
    return _drawn(column, grid, heights, bars, left)


def _drawn(column: ColumnLayout, grid: Floats, heights: list[list[float]], bars: list[Bar], left: int) -> Histogram:
    """The picture of bins that stand side by side, a free place before and after the range."""
    width, tallest = len(heights[0]), max(*heights[0], *heights[1], 1e-9)
    scaled = [[HEIGHT * height / tallest for height in side] for side in heights]
    bins, low, high = len(grid) - 1, float(grid[0]), float(grid[-1])
    found = time_ticks(low, high, Clock("UTC")) if column.kind == "timestamp" else value_ticks(low, high)
    ticks = tuple(
        Tick(_percent(left + bins * (value - low) / (high - low), width), label, minor=number % 2 == 1)
        for number, (value, label) in enumerate(found)
    )
    places = [0.5] * bool(left) + [left + bins + 1.5 + 2 * i for i in range(2)]
    placed = tuple(replace(bar, place=_percent(x, width)) for bar, x in zip(bars, places, strict=False))
    return Histogram(
        width, paths.bars(scaled[0], HEIGHT), paths.steps(scaled[1], HEIGHT), share(tallest / 100), ticks, placed
    )


def _percent(place: float, width: float) -> float:
    return round(100 * place / width, 2)


def _range(column: ColumnLayout, reference: NumericCounts, current: NumericCounts) -> tuple[float, float]:
    """The reference's middle 99 %, longer by as much on either side where the window reaches there.

    A constant has no range of its own: then it is the window's, and for two constants a little around them.
    """
    spans = [_span(column, counts) for counts in (reference, current) if counts.n]
    if not spans:
        return column.centre - column.scale, column.centre + column.scale
    low, high = spans[0]
    reach = high - low
    if reach <= 0:
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    elif len(spans) == 2:
        low, high = min(low, max(spans[1][0], low - reach)), max(high, min(spans[1][1], high + reach))
    if high <= low:
        around = abs(low) * 0.05 or 0.5
        return low - around, high + around
    return low, high


def _span(column: ColumnLayout, counts: NumericCounts) -> tuple[float, float]:
    """The middle 99 % of the finite values; a bucket's width that one value alone fills is no spread."""
    cumulated = np.cumsum(counts.counts)
    low, high = np.searchsorted(cumulated, np.asarray(_TAILS) * counts.n)
    if low == high:
        middle = column.centre + column.scale * float(_bucket_edges()[low : low + 2].mean())
        return (counts.minimum,) * 2 if counts.minimum == counts.maximum else (middle,) * 2
    ends = column.centre + column.scale * _bucket_edges()[[low, high + 1]]
    first, last = np.clip(ends, counts.minimum, counts.maximum)
    return float(first), float(last)


@cache
def _bucket_edges() -> Floats:
    """All edges [3076] in scale units; the outermost buckets are as wide as their neighbours."""
    inner = edges()
    return np.concatenate([[2 * inner[0] - inner[1]], inner, [2 * inner[-1] - inner[-2]]])


def _bin_edges(low: float, high: float, *, moments: bool) -> Floats:
    """At most some 48 bins, of numbers with round widths and edges between the round numbers.

    So whole numbers fall evenly into them, and never on an edge.
    """
    if moments:
        return np.linspace(low, high, 41)
    step = nice_step(high - low, MOST_BINS - 2)
    shift = min(step, 1.0) / 2
    first, last = math.floor((low + shift) / step), math.ceil((high + shift) / step)
    return np.asarray(np.arange(first, max(last, first + 1) + 1) * step - shift, np.float64)


def _shares(counts: NumericCounts, column: ColumnLayout, grid: Floats) -> Floats:
    """Percent of all rows below, in each bin, and above [bins + 2]."""
    cumulated = np.concatenate([[0], np.cumsum(counts.counts)])
    with np.errstate(over="ignore"):
        # A bucket reaches no further than the values do, so a constant is one place however coarse its scale is.
        reach = np.clip(column.centre + column.scale * _bucket_edges(), counts.minimum, counts.maximum)
    below = np.interp(grid, reach, cumulated, left=0, right=counts.n)
    parts = np.diff(np.concatenate([[0.0], below, [float(counts.n)]]))
    parts[0] += counts.neg_inf
    parts[-1] += counts.pos_inf
    return np.asarray(100 * np.maximum(parts, 0.0) / max(counts.rows, 1))


def _levels(column: ColumnLayout, reference: CategoricalCounts, current: CategoricalCounts) -> Levels:
    shown, rest = _chosen(reference.counts, current.counts)
    sides = (reference, current)
    parts = [(column.categories[i], *(side.counts[i] for side in sides), "") for i in shown]
    others = [int(side.counts[rest].sum()) + side.other for side in sides]
    words = f"{len(rest):,} more" if len(rest) else "other"
    parts += [
        (words, *others, "other"),
        ("new", reference.new, current.new, "new"),
        ("null", reference.nulls, current.nulls, "null"),
    ]
    bars = tuple(
        Bar(label, _share_of(before, reference), _share_of(now, current), kind=kind)
        for label, before, now, kind in parts
        if kind == "" or before or now
    )
    return Levels(bars, max([max(bar.reference, bar.current) for bar in bars] or [1.0]) or 1.0)


def _share_of(amount: float, side: CategoricalCounts) -> float:
    return 100 * float(amount) / max(side.rows, 1)


def _chosen(reference: Counts, current: Counts) -> tuple[list[int], list[int]]:
    """The levels that are shown, in the layout's order, and the others: the largest on either side, or that moved most."""
    if len(reference) <= MOST_LEVELS:
        return list(range(len(reference))), []
    a, b = (counts / max(int(counts.sum()), 1) for counts in (reference, current))
    weight = np.maximum(a, b) + 3 * np.abs(a - b)
    best = sorted(np.argsort(-weight, kind="stable")[:MOST_LEVELS].tolist())
    return best, sorted(set(range(len(reference))) - set(best))

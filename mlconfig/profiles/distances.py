"""How far two windows lie apart, from their counts alone, and how far is too far.

All functions take two count vectors of one layout, reference first; the name of each measure is the literature's.
Shares are smoothed by half a row a bin (Krichevsky–Trofimov), so that an empty bin is far away but not infinitely.
For a shift of d standard deviations of a normal column: PSI ≈ d², JS ≈ 0.35 d, KS ≈ 0.4 d.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles.counts import NumericCounts
from mlconfig.profiles.histogram import Counts, Floats, positions
from mlconfig.profiles.profile import ColumnCounts

BINS = 16


@dataclass(frozen=True)
class TwoSample:
    """A two-sample test: its statistic and the probability of one as large when nothing differs."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """All distances of one column. ``bins`` is how many bins PSI, KL, JS and chi² were computed on.

    ``wasserstein`` is in scale units of the reference; it is null for levels, and where one side has no value.
    """

    psi: float
    kl: float
    js: float
    ks: TwoSample | None
    chi2: TwoSample
    wasserstein: float | None
    bins: int
    reference_rows: int
    current_rows: int


def compare(reference: ColumnCounts, current: ColumnCounts, *, bins: int = BINS, with_nulls: bool = True) -> Comparison:
    """All distances between two windows of one column.

    Args:
        reference: counts of the reference.
        current: counts of the window.
        bins: equal-mass bins of the reference that PSI, KL, JS and chi² are computed on. More levels than that are
            grouped, the rare ones together: 250 bins of a few rows each would hide any shift in their noise.
        with_nulls: nulls are one more bin, below all values for KS; otherwise only what is not null is compared.

    Errors: ``DataError`` when either has nothing to compare, or they are of two kinds.
    """
    return compare_all([(reference, current)], bins=bins, with_nulls=with_nulls)[0]


def compare_all(
    sides: Iterable[tuple[ColumnCounts, ColumnCounts]], *, bins: int = BINS, with_nulls: bool = True
) -> list[Comparison]:
    """``compare`` of many columns, a reference and a window each, in less time than one by one."""
    found = [_look_at(reference, current, bins, with_nulls) for reference, current in sides]
    if not found:
        return []
    return [
        Comparison(
            psi=psi_,
            kl=kl_,
            js=js_,
            ks=None if gap is None else TwoSample(gap, p_of_gap),
            chi2=TwoSample(chi2_, p_of_chi2),
            wasserstein=moved,
            bins=width,
            reference_rows=n,
            current_rows=m,
        )
        for (_, gap, moved), (psi_, kl_, js_, chi2_, p_of_chi2, p_of_gap, width, n, m) in zip(
            found, _Bins([pair for pair, _, _ in found]).measures([gap for _, gap, _ in found]), strict=True
        )
    ]


def _look_at(
    reference: ColumnCounts, current: ColumnCounts, bins: int, with_nulls: bool
) -> tuple[Counts, float | None, float | None]:
    """Counts by bin of both sides [2, bins], and of a numeric column the largest gap and how far mass must move."""
    kept, fine = _reference(reference, bins, with_nulls), current.vector()
    if type(reference) is not type(current) or kept.size != len(fine):
        raise DataError("counts of two layouts cannot be compared", hint="make both with the layout of one reference")
    pair = np.array([kept.coarse, _coarse(fine, kept.starts, current.nulls if with_nulls else None)])
    _check_sizes(kept.rows, int(pair[1].sum()))
    if kept.distribution is None:
        return pair, None, None
    return pair, *_gaps(kept, fine, current.nulls if with_nulls else 0)


class _Bins:
    """The bins of many columns side by side, without those that neither side of a column ever used."""

    def __init__(self, pairs: list[Counts]) -> None:
        flat = np.concatenate(pairs, axis=1)
        used = flat.any(axis=0)
        widths = np.array([pair.shape[1] for pair in pairs])
        self.widths = np.add.reduceat(used, np.cumsum(widths) - widths, dtype=np.int64)
        self.starts = np.cumsum(self.widths) - self.widths
        self.flat: Counts = flat.compress(used, axis=1)
        self.sizes: Counts = np.add.reduceat(self.flat, self.starts, axis=1)

    def measures(self, gaps: list[float | None]) -> Iterator[tuple[Any, ...]]:
        """PSI, KL, JS, chi², its p-value, the p-value of the gap, number of bins, and rows of both sides, a column."""
        from scipy.special import chdtrc, kolmogorov

        n, m = self.sizes.astype(np.float64)
        kl_, backwards, divergence = self._divergences()
        freedom, statistics = self.widths - 1, self._chi2(np.sqrt(m / n))
        statistics[freedom < 1] = 0.0
        p_of_chi2 = np.where(freedom < 1, 1.0, chdtrc(np.maximum(freedom, 1), statistics))
        p_of_gap = kolmogorov(np.sqrt(n * m / (n + m)) * np.array([gap or 0.0 for gap in gaps]))
        js_ = np.sqrt(np.maximum(divergence, 0.0) / 2)
        columns = (kl_ + backwards, kl_, js_, statistics, p_of_chi2, p_of_gap, self.widths, *self.sizes)
        return zip(*(column.tolist() for column in columns), strict=True)

    def _sum(self, terms: Floats) -> Floats:
        return np.asarray(np.add.reduceat(terms, self.starts))

    def _divergences(self) -> tuple[Floats, Floats, Floats]:
        """KL of the window from the reference, the other way round, and that of both from their middle."""
        smoothed = np.repeat(self.sizes + 0.5 * self.widths, self.widths, axis=1)
        a, b = shares = (self.flat + 0.5) / smoothed
        logs = np.log(shares)
        ratio = logs[1] - logs[0]
        apart = (shares * (logs - np.log((a + b) / 2))).sum(axis=0)
        return self._sum(b * ratio), -self._sum(a * ratio), self._sum(apart)

    def _chi2(self, balance: Floats) -> Floats:
        balance = np.repeat(balance, self.widths)
        difference = balance * self.flat[0] - self.flat[1] / balance
        return self._sum(difference**2 / self.flat.sum(axis=0))


class _Reference:
    """What comparing needs of the reference alone: worked out for its first window and kept while it lives.

    ``distribution`` is that of all rows, nulls below all values [3075]; ``of_values`` that of the values alone.
    """

    def __init__(self, counts: ColumnCounts, bins: int, with_nulls: bool) -> None:
        fine = counts.vector()
        numeric = isinstance(counts, NumericCounts)
        self.size = len(fine)
        self.starts = coarse_bins(fine, bins) if numeric else _grouped_levels(fine, bins)
        self.coarse = _coarse(fine, self.starts, counts.nulls if with_nulls else None)
        self.rows, self.nulls = int(self.coarse.sum()), counts.nulls if with_nulls else 0
        self.distribution: Floats | None = None
        self.of_values: Floats | None = None
        if numeric and self.rows:
            self.distribution = (np.cumsum(fine) + self.nulls) / self.rows
            values = self.rows - self.nulls
            self.of_values = np.cumsum(fine) / values if values else None


_references: WeakKeyDictionary[ColumnCounts, dict[tuple[int, bool], _Reference]] = WeakKeyDictionary()


def _reference(counts: ColumnCounts, bins: int, with_nulls: bool) -> _Reference:
    kept = _references.setdefault(counts, {})
    if (bins, with_nulls) not in kept:
        kept[bins, with_nulls] = _Reference(counts, bins, with_nulls)
    return kept[bins, with_nulls]


def _coarse(fine: Counts, starts: Counts, nulls: int | None) -> Counts:
    coarse = coarsen(fine, starts)
    return coarse if nulls is None else np.concatenate([[nulls], coarse])


def _gaps(kept: _Reference, fine: Counts, nulls: int) -> tuple[float, float | None]:
    """The largest gap between the two distributions, and the area between those of the values alone."""
    assert kept.distribution is not None
    cumulated = fine.cumsum()
    values = int(cumulated[-1])
    gaps = np.abs(kept.distribution - (cumulated + nulls) / (values + nulls))
    largest = max(float(gaps[gaps.argmax()]), abs(kept.nulls / kept.rows - nulls / (values + nulls)))
    if kept.of_values is None or not values:
        return largest, None
    if kept.nulls or nulls:
        gaps = np.abs(kept.of_values - cumulated / values)
    return largest, float(gaps[:-1].dot(_widths()))


@cache
def _widths() -> Floats:
    return np.diff(positions())


def _grouped_levels(reference: Counts, bins: int) -> Counts:
    """First level of each group; `other` and `new` (the last two) are never grouped."""
    known = len(reference) - 2
    if known <= bins:
        return np.arange(len(reference), dtype=np.int64)
    return np.append(coarse_bins(reference[:known], bins), [known, known + 1])


def coarse_bins(reference: Counts, bins: int = BINS) -> Counts:
    """First fine bucket of each of about ``bins`` equal-mass bins of the reference, ascending from 0.

    A bucket that alone holds a bin's mass (an atom: the zeros of a zero-inflated column, a constant) is a bin of its
    own, so that values beside it, which the reference may never have had, are not mistaken for it. There can be fewer
    bins than asked for when atoms are heavy, or up to twice as many when light stretches lie between them.
    """
    total = int(reference.sum())
    if total == 0:
        return np.zeros(1, np.int64)
    cumulated = np.cumsum(reference)
    ends = np.searchsorted(cumulated, np.arange(1, bins) * (total / bins), side="left") + 1
    atoms = np.flatnonzero(reference * bins >= total)
    starts = np.unique(np.concatenate([[0], ends, atoms, atoms + 1]))
    starts = starts[starts < len(reference)]
    mass = np.add.reduceat(reference, starts)
    inner = (mass == 0) & (starts > 0) & (np.arange(len(starts)) < len(starts) - 1)
    return np.asarray(starts[~inner], np.int64)


def coarsen(counts: Counts, starts: Counts) -> Counts:
    """Fine counts summed into the bins of ``coarse_bins``."""
    return np.asarray(np.add.reduceat(counts, starts), np.int64)


def _sizes(reference: Counts, current: Counts) -> tuple[int, int]:
    sizes = int(reference.sum()), int(current.sum())
    if len(reference) != len(current):
        raise DataError(f"{len(reference)} and {len(current)} bins cannot be compared", hint="use one layout")
    _check_sizes(*sizes)
    return sizes


def _check_sizes(n: int, m: int) -> None:
    if min(n, m) == 0:
        side = "reference" if n == 0 else "window"
        raise DataError(f"the {side} has no value to compare", hint="too little data is unknown, never fine")


def _shares(reference: Counts, current: Counts) -> tuple[Floats, Floats]:
    n, m = _sizes(reference, current)
    half = 0.5 * len(reference)
    return np.asarray((reference + 0.5) / (n + half)), np.asarray((current + 0.5) / (m + half))


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index, Σ (b − a) ln(b / a): KL both ways. At least 0, without bound."""
    a, b = _shares(reference, current)
    return float(((b - a) * np.log(b / a)).sum())


def kl(reference: Counts, current: Counts) -> float:
    """Kullback–Leibler divergence Σ b ln(b / a) of the window from the reference, in nats."""
    a, b = _shares(reference, current)
    return float((b * np.log(b / a)).sum())


def js(reference: Counts, current: Counts) -> float:
    """Jensen–Shannon distance, the root of the divergence in nats: 0 … 0.83."""
    a, b = _shares(reference, current)
    middle = (a + b) / 2
    return math.sqrt(max(0.0, float((a * np.log(a / middle) + b * np.log(b / middle)).sum()) / 2))


def ks(reference: Counts, current: Counts) -> TwoSample:
    """Two-sample Kolmogorov–Smirnov on fine buckets; asymptotic p-value (Smirnov 1948), conservative where values tie."""
    from scipy.special import kolmogorov

    n, m = _sizes(reference, current)
    gap = float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max())
    return TwoSample(gap, float(kolmogorov(math.sqrt(n * m / (n + m)) * gap)))


def chi2(reference: Counts, current: Counts) -> TwoSample:
    """Two-sample chi² (Pearson): both sides vary. Taking the reference as exact alarms on 20–97 % of null data."""
    from scipy.special import chdtrc

    n, m = _sizes(reference, current)
    used = (reference + current) > 0  # the others tell nothing and would count as degrees of freedom
    reference, current = reference[used], current[used]
    if len(reference) < 2:
        return TwoSample(0.0, 1.0)
    difference = math.sqrt(m / n) * reference - math.sqrt(n / m) * current
    statistic = float((difference**2 / (reference + current)).sum())
    return TwoSample(statistic, float(chdtrc(len(reference) - 1, statistic)))


def wasserstein(reference: Counts, current: Counts, places: Floats) -> float:
    """First Wasserstein distance: how far mass must move, in the unit of ``places``, one position a bucket ascending."""
    n, m = _sizes(reference, current)
    gap = np.abs(np.cumsum(reference) / n - np.cumsum(current) / m)
    return float(gap[:-1] @ np.diff(places))


def relevance_threshold(reference_rows: int, window_rows: int, bins: int, tolerance: float, alpha: float) -> float:
    """The PSI above which a window differs by more than ``tolerance``: p-value, effect and sample size in one.

    With n_e = nN / (n + N) and a true PSI of at most δ, PSI·n_e is about non-central chi² with B − 1 degrees of freedom
    and non-centrality n_e·δ; the threshold is its 1 − α quantile over n_e. It falls to δ as windows grow, so a harmless
    difference never alarms however much data there is. (The idea of the Population Resemblance Statistic, arXiv
    2307.11878.)

    Args:
        reference_rows: N.
        window_rows: n.
        bins: B, as ``Comparison.bins`` says; at least 2 count.
        tolerance: δ, the PSI that does not matter.
        alpha: false alarms one check may give: the budget / (checks × columns).
    """
    if min(reference_rows, window_rows) < 1 or not 0.0 < alpha < 1.0 or tolerance < 0.0:
        raise DataError(
            f"no threshold for {reference_rows} and {window_rows} rows, alpha {alpha}, tolerance {tolerance}",
            hint="rows are at least 1, 0 < alpha < 1, tolerance is not negative",
        )
    effective = reference_rows * window_rows / (reference_rows + window_rows)
    return relevance_quantile(effective, max(bins, 2) - 1, tolerance, alpha)


def relevance_quantile(effective: float, freedom: float, tolerance: float, alpha: float) -> float:
    """The same, given n_e and the degrees of freedom."""
    return _noncentral_quantile(1.0 - alpha, freedom, effective * tolerance) / effective


@lru_cache(maxsize=1024)
def _noncentral_quantile(probability: float, freedom: float, shift: float) -> float:
    """Of the non-central chi²; kept, because most columns of a window share their rows and number of bins."""
    from scipy.special import chndtrix

    quantile = float(chndtrix(probability, freedom, shift))
    return quantile if math.isfinite(quantile) and quantile > 0.0 else _sankaran(probability, freedom, shift)


def _sankaran(probability: float, freedom: float, shift: float) -> float:
    """Quantile of the non-central chi², by normal approximation (Sankaran 1959); for where the exact one gives up."""
    from scipy.special import ndtri

    mean, second, third = freedom + shift, freedom + 2 * shift, freedom + 3 * shift
    h = 1 - 2 * mean * third / (3 * second**2)
    p = second / mean**2
    m = (h - 1) * (1 - 3 * h)
    centre = 1 + h * p * (h - 1 - 0.5 * (2 - h) * m * p)
    spread = h * math.sqrt(2 * p) * (1 + 0.5 * m * p)
    return float(mean * (centre + spread * float(ndtri(probability))) ** (1 / h))

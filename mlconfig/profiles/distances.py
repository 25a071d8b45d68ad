"""How far two windows lie apart, from their counts alone, and how far is too far.

All functions take two count vectors of one layout, reference first; the name of each measure is the literature's.
Shares are smoothed by half a row a bin (Krichevsky–Trofimov), so that an empty bin is far away but not infinitely.
For a shift of d standard deviations of a normal column: PSI ≈ d², JS ≈ 0.35 d, KS ≈ 0.4 d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
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
    kept = _reference(reference, bins, with_nulls)
    fine = current.vector()
    if type(reference) is not type(current) or kept.size != len(fine):
        raise DataError("counts of two layouts cannot be compared", hint="make both with the layout of one reference")
    nulls = current.nulls if with_nulls else 0
    pair = np.array([kept.coarse, _coarse(fine, kept.starts, nulls if with_nulls else None)])
    pair = pair.compress(pair.any(axis=0), axis=1)
    n, m = kept.rows, int(pair[1].sum())
    _check_sizes(n, m)
    numeric = kept.distribution is not None
    gap, moved = _gaps(kept, fine, nulls) if numeric else (0.0, None)
    psi_, kl_, js_ = _divergences(pair, n, m)
    return Comparison(
        psi=psi_,
        kl=kl_,
        js=js_,
        ks=_ks_test(gap, n, m) if numeric else None,
        chi2=_chi2_test(pair[0], pair[1], n, m),
        wasserstein=moved,
        bins=pair.shape[1],
        reference_rows=n,
        current_rows=m,
    )


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


def _divergences(pair: Counts, n: int, m: int) -> tuple[float, float, float]:
    """PSI, KL and JS at once; see the functions of these names."""
    half = 0.5 * pair.shape[1]
    shares = (pair + 0.5) / np.array([[n + half], [m + half]])
    logs = np.log(shares)
    ratio = logs[1] - logs[0]
    kl_ = float(shares[1].dot(ratio))
    divergence = float(shares.ravel().dot((logs - np.log(shares.sum(axis=0) / 2)).ravel()))
    return kl_ - float(shares[0].dot(ratio)), kl_, math.sqrt(max(0.0, divergence) / 2)


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
    n, m = _sizes(reference, current)
    return _ks_test(float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max()), n, m)


def _ks_test(gap: float, n: int, m: int) -> TwoSample:
    from scipy.special import kolmogorov

    return TwoSample(gap, float(kolmogorov(math.sqrt(n * m / (n + m)) * gap)))


def chi2(reference: Counts, current: Counts) -> TwoSample:
    """Two-sample chi² (Pearson): both sides vary. Taking the reference as exact alarms on 20–97 % of null data."""
    n, m = _sizes(reference, current)
    used = (reference + current) > 0  # the others tell nothing and would count as degrees of freedom
    return _chi2_test(reference[used], current[used], n, m)


def _chi2_test(reference: Counts, current: Counts, n: int, m: int) -> TwoSample:
    from scipy.special import chdtrc

    if len(reference) < 2:
        return TwoSample(0.0, 1.0)
    difference = math.sqrt(m / n) * reference - math.sqrt(n / m) * current
    statistic = float(difference.dot(difference / (reference + current)))
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
    freedom, shift = max(bins, 2) - 1, effective * tolerance
    return _noncentral_quantile(1.0 - alpha, freedom, shift) / effective


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

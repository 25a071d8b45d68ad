"""How far two windows lie apart, from their counts alone, and how far is too far.

All functions take two count vectors of one layout, reference first; the name of each measure is the literature's.
Shares are smoothed by half a row a bin (Krichevsky–Trofimov), so that an empty bin is far away but not infinitely.
For a shift of d standard deviations of a normal column: PSI ≈ d², JS ≈ 0.35 d, KS ≈ 0.4 d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    fine = _two_vectors(reference, current)
    nulls = [reference.nulls, current.nulls] if with_nulls else None
    numeric = isinstance(reference, NumericCounts)
    coarse = _coarse(*fine, coarse_bins(fine[0], bins) if numeric else _grouped_levels(fine[0], bins))
    pair = _drop_empty(*_prepend(coarse, nulls))
    return Comparison(
        psi=psi(*pair),
        kl=kl(*pair),
        js=js(*pair),
        ks=ks(*_prepend(fine, nulls)) if numeric else None,
        chi2=chi2(*pair),
        wasserstein=wasserstein(*fine, positions()) if numeric and min(f.sum() for f in fine) > 0 else None,
        bins=len(pair[0]),
        reference_rows=int(pair[0].sum()),
        current_rows=int(pair[1].sum()),
    )


def _two_vectors(reference: ColumnCounts, current: ColumnCounts) -> tuple[Counts, Counts]:
    fine = reference.vector(), current.vector()
    if type(reference) is not type(current) or len(fine[0]) != len(fine[1]):
        raise DataError("counts of two layouts cannot be compared", hint="make both with the layout of one reference")
    return fine


def _prepend(pair: tuple[Counts, Counts], nulls: list[int] | None) -> tuple[Counts, Counts]:
    if nulls is None:
        return pair
    return np.concatenate([nulls[:1], pair[0]]), np.concatenate([nulls[1:], pair[1]])


def _coarse(reference: Counts, current: Counts, starts: Counts) -> tuple[Counts, Counts]:
    return coarsen(reference, starts), coarsen(current, starts)


def _grouped_levels(reference: Counts, bins: int) -> Counts:
    """First level of each group; `other` and `new` (the last two) are never grouped."""
    known = len(reference) - 2
    if known <= bins:
        return np.arange(len(reference), dtype=np.int64)
    return np.append(coarse_bins(reference[:known], bins), [known, known + 1])


def _drop_empty(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    """Without the bins that neither side ever used: they tell nothing and would count as degrees of freedom."""
    used = (reference + current) > 0
    return reference[used], current[used]


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
    if min(sizes) == 0:
        side = "reference" if sizes[0] == 0 else "window"
        raise DataError(f"the {side} has no value to compare", hint="too little data is unknown, never fine")
    return sizes


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
    statistic = float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max())
    return TwoSample(statistic, float(kolmogorov(math.sqrt(n * m / (n + m)) * statistic)))


def chi2(reference: Counts, current: Counts) -> TwoSample:
    """Two-sample chi² (Pearson): both sides vary. Taking the reference as exact alarms on 20–97 % of null data."""
    from scipy.special import chdtrc

    n, m = _sizes(reference, current)
    reference, current = _drop_empty(reference, current)
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
    from scipy.special import chndtrix

    if min(reference_rows, window_rows) < 1 or not 0.0 < alpha < 1.0 or tolerance < 0.0:
        raise DataError(
            f"no threshold for {reference_rows} and {window_rows} rows, alpha {alpha}, tolerance {tolerance}",
            hint="rows are at least 1, 0 < alpha < 1, tolerance is not negative",
        )
    effective = reference_rows * window_rows / (reference_rows + window_rows)
    freedom, shift = max(bins, 2) - 1, effective * tolerance
    quantile = float(chndtrix(1.0 - alpha, freedom, shift))
    if not (math.isfinite(quantile) and quantile > 0.0):
        quantile = _sankaran(1.0 - alpha, freedom, shift)
    return quantile / effective


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

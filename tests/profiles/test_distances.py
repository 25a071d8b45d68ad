"""Distances from counts: equal to those from rows, not blinded by outliers or nulls, and relevant at every size."""

import gc
import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial import distance

from mlconfig.errors import DataError
from mlconfig.profiles.distances import (
    _references,
    _sankaran,
    chi2,
    coarse_bins,
    coarsen,
    compare,
    compare_all,
    js,
    kl,
    ks,
    psi,
    relevance_threshold,
    wasserstein,
)
from mlconfig.profiles.histogram import positions
from mlconfig.profiles.profile import fit_layout, profile_of

ALPHA = 1 / (24 * 30 * 20)
two_vectors = st.integers(2, 20).flatmap(
    lambda n: st.tuples(*[hnp.arrays(np.int64, n, elements=st.integers(0, 500)) for _ in range(2)])
)


def pair(reference, current, kind="numeric"):
    layout = fit_layout({"x": reference}, {"x": kind})
    return tuple(profile_of(layout, {"x": values}).columns["x"] for values in (reference, current))


def shapes(generator, n, shift):
    zero = generator.random(n) < 0.7 - shift
    return {
        "normal": generator.normal(shift, 1, n),
        "lognormal": generator.lognormal(shift, 2.5, n),
        "pareto": (generator.pareto(1.2, n) + 1) * (1 + shift),
        "timestamps": 1.7e9 + 86_400 * generator.random(n) + shift * 1e4,
        "zero-inflated": np.where(zero, 0.0, generator.exponential(50, n)),
        "counts": generator.poisson(3 + shift, n).astype(float),
        "prices": np.round(generator.lognormal(3 + shift, 1, n), 2),
    }


@pytest.mark.parametrize("shape", ["normal", "lognormal", "pareto", "timestamps", "zero-inflated", "counts", "prices"])
@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_ks_is_that_of_the_rows(shape, shift):
    generator = np.random.default_rng(5)
    reference, current = shapes(generator, 50_000, 0.0)[shape], shapes(generator, 20_000, shift)[shape]
    exact = stats.ks_2samp(reference, current, method="asymp")
    kind = "timestamp" if shape == "timestamps" else "numeric"
    found = compare(*pair(reference, current, kind), with_nulls=False).ks
    assert found.statistic == pytest.approx(exact.statistic, abs=0.002)
    assert (found.p_value < 0.001) == (exact.pvalue < 0.001)


def test_the_p_value_is_kolmogorovs():
    reference, current = np.array([50, 50]), np.array([60, 40])
    assert ks(reference, current).p_value == pytest.approx(stats.kstwobign.sf(0.1 * math.sqrt(50)))


def test_a_float32_window_is_compared_with_a_float64_reference_without_a_difference():
    prices = np.round(np.random.default_rng(1).lognormal(3, 1, 50_000), 2)
    assert compare(*pair(prices, prices.astype(np.float32))).ks.statistic < 1e-3


@settings(deadline=None)
@given(two_vectors)
def test_distances_are_at_least_zero_and_zero_between_equals(vectors):
    reference, current = (vector + 1 for vector in vectors)
    for measure in (psi, kl, js):
        assert measure(reference, current) >= -1e-12
        assert measure(reference, reference) == pytest.approx(0.0, abs=1e-9)
    assert psi(reference, current) == pytest.approx(psi(current, reference))
    assert js(reference, current) == pytest.approx(js(current, reference))
    assert js(reference, current) <= math.sqrt(math.log(2))
    assert 0.0 <= ks(reference, current).statistic <= 1.0


@settings(deadline=None)
@given(two_vectors)
def test_chi2_js_and_wasserstein_are_scipys(vectors):
    reference, current = (vector + 1 for vector in vectors)
    exact = stats.chi2_contingency(np.vstack([reference, current]), correction=False)
    found = chi2(reference, current)
    assert found.statistic == pytest.approx(exact.statistic, abs=1e-8)
    assert found.p_value == pytest.approx(exact.pvalue, abs=1e-9)
    places = np.arange(len(reference), dtype=float) ** 1.5
    moved = stats.wasserstein_distance(places, places, reference, current)
    assert wasserstein(reference, current, places) == pytest.approx(moved, abs=1e-9)
    many = 10**6
    smooth = distance.jensenshannon(reference, current)
    assert js(reference * many, current * many) == pytest.approx(smooth, abs=1e-5)


def test_wasserstein_of_a_shift_is_the_shift_in_scale_units():
    values = np.random.default_rng(0).normal(size=50_000)
    iqr = np.subtract(*np.quantile(values, [0.75, 0.25]))
    assert compare(*pair(values, values + 0.5)).wasserstein == pytest.approx(0.5 / iqr, rel=0.01)


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 300), elements=st.integers(0, 50)), st.integers(2, 32))
def test_coarse_bins_keep_all_mass_and_split_what_can_be_split(counts, bins):
    starts = coarse_bins(counts, bins)
    assert starts[0] == 0
    assert np.all(np.diff(starts) > 0)
    coarse = coarsen(counts, starts)
    assert coarse.sum() == counts.sum()
    assert len(starts) <= 2 * bins + 1
    heavy = coarse * bins >= 2 * max(1, counts.sum()) + bins * counts.max()
    assert not heavy.any()


def test_bins_of_a_smooth_column_have_equal_mass():
    reference, _ = pair(np.random.default_rng(0).normal(size=50_000), np.zeros(1))
    coarse = coarsen(reference.counts, coarse_bins(reference.counts))
    assert len(coarse) == 16
    assert coarse.min() > 50_000 / 16 * 0.8


def test_one_outlier_does_not_hide_a_shift():
    """Equal-width bins over the pooled range see a PSI of 0.019 here."""
    generator = np.random.default_rng(4)
    reference, current = generator.normal(size=20_000), generator.normal(1.0, 1.0, 5_000)
    clean = compare(*pair(reference, current)).psi
    current[0], reference[0] = 1e6, -1e6
    assert clean > 0.8
    assert compare(*pair(reference, current)).psi == pytest.approx(clean, rel=0.02)


def test_one_outlier_is_no_drift():
    generator = np.random.default_rng(4)
    reference, current = generator.normal(size=20_000), generator.normal(size=5_000)
    current[0] = 1e6
    found = compare(*pair(reference, current))
    assert found.psi < relevance_threshold(20_000, 5_000, found.bins, 0.05, ALPHA)


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_nulls_are_seen(kind):
    generator = np.random.default_rng(6)
    draw = (lambda n: generator.normal(size=n)) if kind == "numeric" else (lambda n: generator.integers(0, 5, n))
    reference, current = draw(20_000), pa.array(draw(2_000))
    gone = pa.array([None if generator.random() < 0.8 else value for value in current.to_pylist()], current.type)
    found = compare(*pair(reference, gone, kind))
    assert found.psi > 3.0
    assert found.chi2.p_value < 1e-9
    assert found.ks is None or found.ks.statistic > 0.75
    assert compare(*pair(reference, gone, kind), with_nulls=False).psi < 0.1


def test_a_window_of_nothing_but_nulls_is_far_away():
    found = compare(*pair(np.random.default_rng(0).normal(size=5_000), np.full(500, np.nan)))
    assert found.psi > 5.0
    assert found.ks.statistic == 1.0
    assert found.wasserstein is None


def test_infinities_stand_at_the_ends():
    reference = np.random.default_rng(0).normal(size=5_000)
    current = np.where(np.arange(1_000) < 500, np.inf, reference[:1_000])
    found = compare(*pair(reference, current))
    assert found.current_rows == 1_000
    assert found.ks.statistic == pytest.approx(0.5, abs=0.05)
    _, ends = pair(reference, np.array([np.inf, np.inf, -np.inf]))
    assert (ends.vector()[0], ends.vector()[-1], ends.counts.sum()) == (1, 2, 0)


@pytest.mark.parametrize("other", [5.0, -5.0, 0.3])
def test_a_constant_that_became_another_value_is_drift(other):
    found = compare(*pair(np.zeros(20_000), np.full(1_000, other)))
    assert found.psi > relevance_threshold(20_000, 1_000, found.bins, 0.05, ALPHA)
    assert compare(*pair(np.zeros(20_000), np.zeros(1_000))).psi == 0.0


def test_values_on_the_empty_side_of_an_atom_are_drift():
    """Zero-inflated and never negative; then a tenth is negative."""
    generator = np.random.default_rng(2)
    reference = np.where(generator.random(20_000) < 0.7, 0.0, generator.exponential(5, 20_000))
    current = np.where(generator.random(2_000) < 0.1, -1.0, generator.choice(reference, 2_000))
    found = compare(*pair(reference, current))
    assert found.psi > relevance_threshold(20_000, 2_000, found.bins, 0.05, ALPHA)


def test_a_new_level_is_drift():
    reference, current = ["a", "b"] * 5_000, ["a", "b"] * 400 + ["c"] * 200
    found = compare(*pair(pa.array(reference), pa.array(current), "categorical"))
    assert found.psi > relevance_threshold(10_000, 1_000, found.bins, 0.05, ALPHA)
    assert found.bins == 3


def test_many_levels_do_not_hide_a_shift_in_their_noise():
    generator = np.random.default_rng(3)
    weights = 1 / np.arange(1, 251)

    def draw(n):
        return generator.choice(250, n, p=weights / weights.sum())

    reference, current = draw(50_000), draw(200)
    assert compare(*pair(reference, current, "categorical")).psi < relevance_threshold(50_000, 200, 18, 0.05, ALPHA)
    current[:80] = 1
    found = compare(*pair(reference, current, "categorical"))
    assert found.bins <= 18
    assert found.psi > relevance_threshold(50_000, 200, found.bins, 0.05, ALPHA)


def test_a_new_level_among_many_is_a_bin_of_its_own():
    levels = np.arange(20_000) % 100
    found = compare(*pair(levels, np.r_[levels[:900], np.full(100, 777)], "categorical"))
    assert found.psi > relevance_threshold(20_000, 1_000, found.bins, 0.05, ALPHA)


@pytest.mark.parametrize(("rows", "expected"), [(200, 0.344), (1_000, 0.137), (5_000, 0.082), (50_000, 0.062)])
def test_the_relevance_threshold_has_its_measured_values(rows, expected):
    assert relevance_threshold(50_000, rows, 16, 0.05, ALPHA) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("rows", [1, 50, 10**3, 10**5, 10**7, 10**9, 10**11])
@pytest.mark.parametrize("bins", [2, 16, 250])
def test_the_threshold_is_the_noncentral_chi2_quantile(rows, bins):
    effective = rows / 2
    exact = stats.ncx2.ppf(1 - ALPHA, bins - 1, effective * 0.05) / effective
    found = relevance_threshold(rows, rows, bins, 0.05, ALPHA)
    assert found > 0.05
    if math.isfinite(exact) and exact > 0:
        assert found == pytest.approx(exact, rel=1e-6)
    else:
        assert found == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("shift", [10.0, 1e3, 1e6])
@pytest.mark.parametrize("bins", [4, 16, 100])
def test_the_approximation_is_close_to_the_exact_quantile(shift, bins):
    assert _sankaran(1 - ALPHA, bins - 1, shift) == pytest.approx(stats.ncx2.ppf(1 - ALPHA, bins - 1, shift), rel=0.01)


def test_the_threshold_tends_to_the_tolerance_at_any_size():
    found = [relevance_threshold(10**k, 10**k, 16, 0.05, ALPHA) for k in range(2, 16)]
    assert all(earlier > later for earlier, later in itertools.pairwise(found))
    assert found[-1] == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize(
    "bad", [(0, 10, 0.05, 0.1), (10, 0, 0.05, 0.1), (10, 10, -1.0, 0.1), (10, 10, 0.05, 0.0), (10, 10, 0.05, 1.0)]
)
def test_an_impossible_threshold_is_refused(bad):
    reference, window, tolerance, alpha = bad
    with pytest.raises(DataError, match="no threshold for"):
        relevance_threshold(reference, window, 16, tolerance, alpha)


@pytest.mark.parametrize("rows", [200, 1_000, 5_000, 50_000])
def test_harmless_jitter_is_never_relevant(rows):
    """A mean that wanders by 0.05 standard deviations; at 50,000 rows a Kolmogorov–Smirnov test always alarms."""
    generator = np.random.default_rng(rows)
    reference = generator.normal(size=50_000)
    layout = fit_layout({"x": reference}, {"x": "numeric"})
    counted = profile_of(layout, {"x": reference}).columns["x"]
    for _ in range(2_000_000 // max(rows, 5_000)):
        window = generator.normal(generator.normal(0, 0.05), 1, rows)
        found = compare(counted, profile_of(layout, {"x": window}).columns["x"])
        assert found.psi < relevance_threshold(50_000, rows, found.bins, 0.05, ALPHA)


@pytest.mark.parametrize(("shift", "rows"), [(0.75, 200), (0.5, 1_000), (0.35, 5_000)])
def test_a_shift_that_matters_is_found(shift, rows):
    generator = np.random.default_rng(8)
    reference = generator.normal(size=50_000)
    layout = fit_layout({"x": reference}, {"x": "numeric"})
    counted, votes = profile_of(layout, {"x": reference}).columns["x"], []
    for _ in range(40):
        found = compare(counted, profile_of(layout, {"x": generator.normal(shift, 1, rows)}).columns["x"])
        votes.append(found.psi > relevance_threshold(50_000, rows, found.bins, 0.05, ALPHA))
    assert np.mean(votes) > 0.75


def test_nothing_to_compare_is_an_error_and_not_fine():
    nothing, some = np.zeros(4, np.int64), np.ones(4, np.int64)
    for measure in (psi, kl, js, ks, chi2):
        with pytest.raises(DataError, match="the window has no value to compare"):
            measure(some, nothing)
        with pytest.raises(DataError, match="the reference has no value to compare"):
            measure(nothing, some)
    with pytest.raises(DataError, match="3 and 4 bins cannot be compared"):
        psi(some[:3], some)


def test_a_number_is_not_compared_with_a_level():
    number, _ = pair(np.arange(5.0), np.arange(5.0))
    level, _ = pair(pa.array(["a"]), pa.array(["a"]), "categorical")
    with pytest.raises(DataError, match="counts of two layouts cannot be compared"):
        compare(number, level)


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 80), elements=st.floats(-50, 50)),
    hnp.arrays(np.float64, st.integers(1, 80), elements=st.sampled_from([0.0, 1.0, 3.0, -7.0, np.nan, np.inf])),
    st.booleans(),
)
def test_a_comparison_is_what_each_measure_says(reference, window, with_nulls):
    """Whether what is kept of the reference is used for the first time or the second."""
    sides = pair(reference, window)
    if not with_nulls and not np.isfinite(window[~np.isnan(window)]).size:
        return
    fine = [side.vector() for side in sides]
    nulls = [np.array([side.nulls] if with_nulls else [], np.int64) for side in sides]
    starts = coarse_bins(fine[0])
    coarse = [np.r_[null, coarsen(counts, starts)] for null, counts in zip(nulls, fine, strict=True)]
    used = (coarse[0] + coarse[1]) > 0
    coarse = [counts[used] for counts in coarse]
    for _ in range(2):
        found = compare(*sides, with_nulls=with_nulls)
        assert found.psi == pytest.approx(psi(*coarse), abs=1e-12)
        assert found.kl == pytest.approx(kl(*coarse), abs=1e-12)
        assert found.js == pytest.approx(js(*coarse), abs=1e-7)
        assert found.chi2.statistic == pytest.approx(chi2(*coarse).statistic)
        exact = ks(*(np.r_[null, counts] for null, counts in zip(nulls, fine, strict=True)))
        assert found.ks.statistic == pytest.approx(exact.statistic, abs=1e-12)
        assert found.ks.p_value == pytest.approx(exact.p_value)
        assert (found.bins, found.current_rows) == (used.sum(), coarse[1].sum())
        if fine[1].sum():
            assert found.wasserstein == pytest.approx(wasserstein(*fine, positions()))
        else:
            assert found.wasserstein is None


def test_what_is_kept_of_a_reference_goes_with_it():
    before = len(_references)
    sides = pair(np.arange(50.0), np.arange(50.0))
    compare(*sides)
    assert len(_references) == before + 1
    del sides
    gc.collect()
    assert len(_references) == before


def test_columns_compared_together_are_as_compared_one_by_one():
    generator = np.random.default_rng(9)
    sides = [
        pair(generator.normal(size=500), generator.normal(size=300)),
        pair(pa.array(["a", "b", None] * 9), pa.array(["b", "z"] * 4), "categorical"),
        pair(np.full(20, 3.0), np.full(30, 3.0)),
        pair(generator.normal(size=50), np.r_[generator.normal(size=5), np.nan, np.inf]),
        pair(np.array([True, False]), np.array([True]), "boolean"),
    ]
    assert compare_all(sides) == [compare(*one) for one in sides]
    assert compare_all([]) == []
    with pytest.raises(DataError, match="the window has no value to compare"):
        compare_all([*sides, pair(np.zeros(3), np.zeros(0))])

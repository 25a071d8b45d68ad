"""What the drift benchmark promises, at a size that a test can afford: decisions, errors, sizes."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlconfig.profiles.binary import dump
from mlconfig.profiles.distances import compare, relevance_threshold
from mlconfig.profiles.profile import fit_layout, profile_of

ROWS = 20_000
LEVELS = (3, 5, 8, 12, 25, 50)
KINDS = {f"x{i}": "numeric" for i in range(14)} | {f"c{i}": "categorical" for i in range(6)}
SIGNIFICANT = 0.05 / len(KINDS)


def table(seed, drift=0.0):
    """The benchmark's kinds of columns; the later ones of a kind drift further."""
    generator = np.random.default_rng(seed)
    shapes = (
        lambda: generator.normal(50, 9, ROWS) + 9 * step,
        lambda: generator.lognormal(3, 1, ROWS) + 26 * step,
        lambda: generator.gamma(2, 3, ROWS) + 4 * step,
        lambda: np.round(generator.normal(0, 20, ROWS) + 20 * step),
    )
    columns = {}
    for i in range(14):
        step = drift * i / 14
        columns[f"x{i}"] = shapes[i % 4]().astype(np.float32)
    for i, levels in enumerate(LEVELS):
        codes = np.minimum(generator.geometric(2 / levels * (1 - drift * i / 6), ROWS) - 1, levels - 1)
        columns[f"c{i}"] = pa.DictionaryArray.from_arrays(
            codes.astype(np.int32), [f"level {level}" for level in range(levels)]
        )
    return columns


REFERENCE = table(0)
LAYOUT = fit_layout(REFERENCE, KINDS)
KEPT = profile_of(LAYOUT, REFERENCE)


def exact(name, window):
    sides = REFERENCE[name], window[name]
    if KINDS[name] == "numeric":
        return stats.ks_2samp(*sides, method="asymp")
    size = len(sides[0].dictionary)
    counts = np.array([np.bincount(side.indices.to_numpy(), minlength=size) for side in sides])
    return stats.chi2_contingency(counts[:, counts.any(axis=0)])


@pytest.mark.parametrize(("seed", "drift"), [(1, 0.0), (2, 0.0), (3, 0.05), (4, 0.2), (5, 0.5)])
def test_decisions_from_counts_are_those_from_rows(seed, drift):
    window = table(seed, drift)
    profile = profile_of(LAYOUT, window)
    decided = {}
    for name, kind in KINDS.items():
        found, rows = compare(KEPT.columns[name], profile.columns[name], bins=256), exact(name, window)
        test = found.ks if kind == "numeric" else found.chi2
        decided[name] = test.p_value < SIGNIFICANT, rows.pvalue < SIGNIFICANT
        assert test.statistic == pytest.approx(rows.statistic, abs=0.001 if kind == "numeric" else 1e-6), name
    assert {name: pair for name, pair in decided.items() if pair[0] != pair[1]} == {}
    assert any(ours for ours, _ in decided.values()) == (drift > 0)


def test_the_relevance_rule_is_quiet_on_the_same_and_finds_what_moved():
    for drift in (0.0, 0.5):
        profile = profile_of(LAYOUT, table(7, drift))
        moved = set()
        for name in KINDS:
            found = compare(KEPT.columns[name], profile.columns[name])
            if found.psi > relevance_threshold(found.reference_rows, found.current_rows, found.bins, 0.05, 1e-5):
                moved.add(name)
        assert moved == set() if drift == 0.0 else {"x12", "x13", "c5"} <= moved < set(KINDS)


def test_a_profile_of_twenty_columns_is_far_below_40_kib():
    assert len(dump(KEPT)) < 36 * 1024


@pytest.mark.parametrize("outlier", [1e6, -1e6, 3e38])
def test_an_outlier_beside_a_shift_of_one_spread_does_not_hide_it(outlier):
    generator = np.random.default_rng(4)
    reference, window = generator.normal(size=50_000), generator.normal(1.0, 1.0, 5_000)
    reference[0], window[0] = -outlier, outlier
    layout = fit_layout({"x": reference}, {"x": "numeric"})
    sides = [profile_of(layout, {"x": values}).columns["x"] for values in (reference, window)]
    found = compare(*sides)
    assert found.psi > 5 * relevance_threshold(50_000, 5_000, found.bins, 0.05, 1e-5)

"""The histogram's buckets: where edges lie, that dtype does not matter, and how near quantiles are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlconfig.profiles.histogram import (
    BLOCK_ROWS,
    BUCKETS,
    edges,
    from_sparse,
    histogram,
    positions,
    quantiles,
    to_sparse,
)

finite = hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e6, 1e6, allow_nan=False))


def test_the_buckets_are_those_of_the_design():
    assert BUCKETS == 3075
    assert len(edges()) == BUCKETS - 1
    assert len(positions()) == BUCKETS
    assert np.all(np.diff(edges()) > 0)
    inner = edges()[edges() > 0]
    assert np.all(np.diff(inner) / inner[:-1] <= 1 / 64 + 1e-9)
    assert inner[0] == pytest.approx(2**-12, rel=1 / 64)
    assert inner[-1] == pytest.approx(2**12, rel=1 / 64)


@settings(deadline=None)
@given(finite)
def test_a_value_stands_between_the_edges_of_its_bucket(values):
    scaled = values.astype(np.float32)
    expected = np.zeros(BUCKETS, np.int64)
    above = np.searchsorted(edges(), scaled.astype(np.float64), side="right")
    below = np.searchsorted(edges(), scaled.astype(np.float64), side="left")
    np.add.at(expected, np.where(scaled >= 0, above, below), 1)
    assert np.array_equal(histogram(scaled, 0.0, 1.0), expected)


@settings(deadline=None)
@given(finite, st.floats(-100, 100), st.floats(0.01, 100))
def test_every_value_is_counted_once(values, centre, scale):
    assert histogram(values, centre, scale).sum() == len(values)


def test_blocks_leave_nothing_out():
    values = np.random.default_rng(0).normal(size=3 * BLOCK_ROWS + 17)
    pieces = histogram(values[:1000], 0.2, 1.3) + histogram(values[1000:], 0.2, 1.3)
    assert np.array_equal(histogram(values, 0.2, 1.3), pieces)


@pytest.mark.parametrize("scale", [1.0, 3.0, 0.75, 12.34, 100.0])
@pytest.mark.parametrize("step", [1.0, 0.5, 0.1, 0.01])
def test_round_numbers_fall_in_the_same_bucket_as_float32_and_float64(scale, step):
    values = np.round(12.34 + np.arange(-400, 400) * step, 2)
    centre = float(np.float32(12.34))
    wide, narrow = histogram(values, centre, scale), histogram(values.astype(np.float32), centre, scale)
    assert np.abs(wide - narrow).sum() <= 2


def test_a_timestamp_is_centred_before_it_loses_its_last_digits():
    seconds = 1_700_000_000.0 + np.arange(86_400)
    counts = histogram(seconds, 1_700_043_200.0, 43_200.0)
    assert np.count_nonzero(counts) > 800
    assert counts.max() < 700


@pytest.mark.parametrize("draw", ["normal", "lognormal", "pareto"])
def test_quantiles_are_within_a_bucket_of_the_exact_ones(draw):
    generator = np.random.default_rng(3)
    values = {
        "normal": generator.normal(size=50_000),
        "lognormal": generator.lognormal(0, 2, 50_000),
        "pareto": generator.pareto(1.2, 50_000),
    }[draw]
    q = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999])
    exact = np.quantile(values, q)
    assert np.allclose(quantiles(histogram(values, 0.0, 1.0), q), exact, rtol=1 / 60, atol=2**-12)


def test_quantiles_of_nothing_are_unknown():
    assert np.isnan(quantiles(np.zeros(BUCKETS, np.int64), 0.5)).all()


def test_the_sparse_form_gives_the_dense_one_back():
    counts = histogram(np.random.default_rng(1).normal(size=500), 0.0, 1.0)
    where, used = to_sparse(counts)
    assert len(where) < 500
    assert np.array_equal(from_sparse(where, used), counts)

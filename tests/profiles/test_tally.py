"""Counting as rows come: any split gives the same counts, and sums are those of the rows whichever way they are taken."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlconfig.profiles.arrays import count_levels
from mlconfig.profiles.histogram import BLOCK_ROWS, bincount, histogram
from mlconfig.profiles.profile import RunningProfile, empty_profile, fit_layout, fold, profile_of

ROWS = 2 * BLOCK_ROWS + 1_001
KINDS = {"normal": "numeric", "wild": "numeric", "holes": "numeric", "at": "timestamp", "level": "categorical"}


def columns():
    generator = np.random.default_rng(3)
    holes = generator.normal(size=ROWS)
    holes[generator.random(ROWS) < 0.001] = np.nan
    holes[[5, 77]] = np.inf, -np.inf
    return {
        "normal": generator.normal(50, 9, ROWS).astype(np.float32),
        "wild": generator.lognormal(0, 4, ROWS).astype(np.float32),
        "holes": holes,
        "at": 1.7e9 + 86_400 * generator.random(ROWS),
        "level": pa.array(generator.integers(0, 5, ROWS).astype(str)).dictionary_encode(),
    }


ALL = columns()
LAYOUT = fit_layout(ALL, KINDS)
WHOLE = profile_of(LAYOUT, ALL)


def part(start, stop):
    return {name: values[start:stop] for name, values in ALL.items()}


def assert_same(left, right):
    assert left.rows == right.rows
    for name, mine in left.columns.items():
        other = right.columns[name]
        for field, value in vars(mine).items():
            if field.startswith("total"):
                assert value == pytest.approx(getattr(other, field), rel=1e-4, abs=1e-2)
            else:
                assert np.array_equal(value, getattr(other, field)), (name, field)
    assert np.allclose(left.moments, right.moments, rtol=1e-4, atol=1e-1)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(0, ROWS), max_size=6))
def test_a_split_anywhere_changes_nothing(cuts):
    borders = [0, *sorted(cuts), ROWS]
    blocks = [part(start, stop) for start, stop in itertools.pairwise(borders)]
    assert_same(fold(LAYOUT, blocks), WHOLE)
    merged = empty_profile(LAYOUT)
    for block in reversed(blocks):
        merged = profile_of(LAYOUT, block).merge(merged)
    assert_same(merged, WHOLE)


@pytest.mark.parametrize("size", [997, BLOCK_ROWS // 4 - 1, BLOCK_ROWS // 4])
def test_blocks_of_rows_that_wait_are_counted(size):
    assert_same(fold(LAYOUT, [part(start, start + size) for start in range(0, ROWS, size)]), WHOLE)


def test_a_profile_can_be_looked_at_while_it_grows():
    running = RunningProfile(LAYOUT)
    assert_same(running.profile(), empty_profile(LAYOUT))
    for start in range(0, ROWS, 5_000):
        running.add(part(start, start + 5_000))
        assert running.profile().rows == min(start + 5_000, ROWS)
    first = running.profile()
    running.add(part(0, 10))
    assert_same(first, WHOLE)
    assert running.profile().rows == ROWS + 10


def test_blocks_may_differ_in_type_and_dictionary():
    """JSON gave float64 first, Parquet float32 later; each file has a dictionary of its own."""
    layout = fit_layout({"x": np.arange(8.0), "c": pa.array(["a", "b"] * 4)}, {"x": "numeric", "c": "categorical"})
    blocks = [
        {"x": np.array([1.0, 2.0]), "c": pa.array(["a", None])},
        {"x": np.array([3.0], np.float32), "c": pa.array(["b"]).dictionary_encode()},
        {"x": np.array([4, 5], np.int64), "c": pa.array(["b", "z"]).dictionary_encode()},
        {"x": pa.array([6.0, None], pa.float32()), "c": pa.array([None, "a"]).dictionary_encode()},
        {"x": np.zeros(0), "c": pa.array([], pa.string())},
    ]
    found = fold(layout, blocks)
    numbers, levels = found.columns["x"], found.columns["c"]
    assert (numbers.n, numbers.nulls, numbers.minimum, numbers.maximum, found.rows) == (6, 1, 1.0, 6.0, 7)
    assert (levels.counts.tolist(), levels.nulls, levels.new) == ([2, 2], 2, 1)


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e9, 1e9)),
    hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e3, 1e3)),
    st.booleans(),
)
def test_a_profile_counts_what_the_histogram_of_its_finite_values_counts(values, reference, holes):
    layout = fit_layout({"x": reference}, {"x": "numeric"})
    (column,) = layout.columns
    given_values = np.r_[values, np.nan, np.inf] if holes else values
    counts = profile_of(layout, {"x": given_values}).columns["x"]
    assert np.array_equal(counts.counts, histogram(values, column.centre, column.scale))
    scaled = (values - column.centre) / column.scale
    kept = np.clip(scaled, -1e15, 1e15)
    assert counts.total == pytest.approx(kept.sum(), rel=1e-4, abs=1e-4 * np.abs(kept).sum() + 1e-9)
    assert counts.total_squared == pytest.approx((kept**2).sum(), rel=1e-4, abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n - 1), max_size=80))))
def test_codes_are_counted_as_numpy_counts_them(given_codes):
    size, codes = given_codes
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        if size <= np.iinfo(dtype).max:
            found = bincount(np.array(codes, dtype), size)
            assert found.tolist() == np.bincount(np.array(codes, np.int64), minlength=size).tolist()


def test_levels_are_counted_over_chunks_with_their_own_dictionaries():
    chunks = [pa.array(["a", "b", None]).dictionary_encode(), pa.array(["b", "c"]).dictionary_encode()]
    assert count_levels(pa.chunked_array(chunks), "categorical") == ({"a": 1, "b": 2, "c": 1}, 1, 5)


def test_moments_are_those_of_the_complete_rows():
    complete = np.isfinite(ALL["holes"])
    place = LAYOUT.correlated.index("normal")
    column = LAYOUT.column("normal")
    scaled = ((ALL["normal"] - column.centre) / column.scale)[complete].astype(np.float64)
    assert WHOLE.moments[-1, -1] == complete.sum()
    assert WHOLE.moments[-1, place] == pytest.approx(scaled.sum(), abs=0.5)
    assert WHOLE.moments[place, place] == pytest.approx((np.clip(scaled, -4, 4) ** 2).sum(), rel=1e-5)

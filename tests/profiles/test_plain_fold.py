"""The fold beside the plainest one: value by value, bucket by bisection among the edges, level by dictionary."""

import bisect
import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlconfig.profiles.histogram import BLOCK_ROWS, BUCKETS, edges
from mlconfig.profiles.profile import fit_layout, fold, profile_of

REFERENCE = {"x": np.array([-3.0, -1.0, 0.0, 0.5, 1.0, 2.0, 7.0]), "c": pa.array(["a", "b", "a", "c", "b", "a", "d"])}
LAYOUT = fit_layout(REFERENCE, {"x": "numeric", "c": "categorical"})
NUMBERS, LEVELS = LAYOUT.columns
EDGES = [float(edge) for edge in edges()]


def on_edges(dtype):
    """Values that standardise to an edge, or to its neighbours a last bit away, at least about."""
    inner = np.asarray(EDGES)[:: len(EDGES) // 40].astype(np.float32)
    near = np.r_[inner, np.nextafter(inner, np.float32(np.inf)), np.nextafter(inner, np.float32(-np.inf))]
    return [float(value) for value in (near.astype(np.float64) * NUMBERS.scale + NUMBERS.centre).astype(dtype)]


def standardised(value, dtype):
    """As a float32. In float32 throughout where the column is of that type: the layout's centre is exact in it."""
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype == np.float32:
            return (np.float32(value) - np.float32(NUMBERS.centre)) * np.float32(1.0 / NUMBERS.scale)
        return np.float32((value - NUMBERS.centre) * (1.0 / NUMBERS.scale))


def bucket(scaled):
    place = bisect.bisect_right if scaled >= 0 else bisect.bisect_left
    return place(EDGES, float(scaled))


def plain_numbers(values, dtype):
    """Bucket counts and the counters, one value after the other."""
    counts, seen = [0] * BUCKETS, dict.fromkeys(("nulls", "pos_inf", "neg_inf", "below", "above", "n"), 0)
    smallest, largest = math.inf, -math.inf
    last = 2.0**-23
    for value in values:
        if value is None or math.isnan(value):
            seen["nulls"] += 1
        elif math.isinf(value):
            seen["pos_inf" if value > 0 else "neg_inf"] += 1
        else:
            counts[bucket(standardised(value, dtype))] += 1
            seen["n"] += 1
            seen["below"] += value < NUMBERS.low - abs(NUMBERS.low) * last
            seen["above"] += value > NUMBERS.high + abs(NUMBERS.high) * last
            smallest, largest = min(smallest, value), max(largest, value)
    return counts, seen, smallest, largest


def plain_levels(values):
    counts = [values.count(level) for level in LEVELS.categories]
    return counts, values.count(None), len(values) - sum(counts) - values.count(None)


def assert_plain(profile, numbers, levels, dtype):
    counts, seen, smallest, largest = plain_numbers(numbers, dtype)
    found = profile.columns["x"]
    assert found.counts.tolist() == counts
    assert {name: getattr(found, name) for name in seen} == seen
    assert (found.minimum, found.maximum) == (smallest, largest)
    named = profile.columns["c"]
    assert (named.counts.tolist(), named.nulls, named.new) == plain_levels(levels)
    assert profile.rows == len(numbers)


def some_numbers(width):
    special = st.sampled_from([None, math.nan, math.inf, -math.inf, 0.0, -0.0, 7.0, -3.0, 1e30, -1e30])
    return st.one_of(special, st.floats(-50, 50, width=width), st.sampled_from(on_edges(f"float{width}")))


some_levels = st.sampled_from(["a", "b", "c", "d", "unheard", None])
windows = st.sampled_from([32, 64]).flatmap(
    lambda width: st.tuples(st.just(np.dtype(f"float{width}")), st.lists(st.tuples(some_numbers(width), some_levels)))
)


def as_arrow(rows, dtype, cuts, encoded):
    """A table of chunks, each a slice out of the middle of a longer array."""
    borders = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    chunks = [rows[start:stop] for start, stop in itertools.pairwise(borders)] or [rows]
    padded = [[(1.0, "b"), *chunk, (2.0, "d")] for chunk in chunks]
    numbers = [pa.array([x for x, _ in chunk], pa.from_numpy_dtype(dtype)).slice(1, len(chunk) - 2) for chunk in padded]
    levels = [pa.array([c for _, c in chunk], pa.string()) for chunk in padded]
    levels = [chunk.dictionary_encode() if encoded else chunk for chunk in levels]
    return pa.table(
        {"x": pa.chunked_array(numbers), "c": pa.chunked_array([chunk.slice(1, len(chunk) - 2) for chunk in levels])}
    )


@settings(deadline=None, max_examples=150)
@given(windows, st.lists(st.integers(1, 30), max_size=3), st.booleans())
def test_a_window_is_counted_as_value_by_value(window, cuts, encoded):
    dtype, rows = window
    table = as_arrow(rows, dtype, cuts, encoded)
    numbers, levels = table.column("x").to_pylist(), table.column("c").to_pylist()
    assert_plain(profile_of(LAYOUT, table), numbers, levels, dtype)
    assert_plain(fold(LAYOUT, (table.slice(start, 7) for start in range(0, len(rows), 7))), numbers, levels, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [BLOCK_ROWS, 2 * BLOCK_ROWS + 1])
def test_whole_blocks_are_counted_as_value_by_value(rows, dtype):
    generator = np.random.default_rng(rows)
    numbers = generator.standard_cauchy(rows).astype(dtype)
    numbers[:: rows // 500] = np.resize(on_edges(dtype), len(numbers[:: rows // 500]))
    levels = generator.choice(["a", "b", "c", "d", "unheard"], rows)
    plain = numbers.tolist(), levels.tolist()
    whole = {"x": numbers, "c": pa.array(levels.tolist()).dictionary_encode()}
    assert_plain(profile_of(LAYOUT, whole), *plain, np.dtype(dtype))
    numbers[[0, 5, -1]] = np.nan, np.inf, -np.inf
    assert_plain(profile_of(LAYOUT, {**whole, "x": numbers}), numbers.tolist(), plain[1], np.dtype(dtype))


def test_one_value_may_fill_a_block():
    found = profile_of(LAYOUT, {"x": np.full(2 * BLOCK_ROWS, 2.0), "c": pa.array(["b"] * (2 * BLOCK_ROWS))})
    assert found.columns["x"].counts.max() == found.columns["c"].counts.max() == 2 * BLOCK_ROWS

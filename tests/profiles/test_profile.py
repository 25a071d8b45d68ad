"""Profiles: what they count, that merging equals counting together, and what they refuse."""

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlconfig.errors import DataError
from mlconfig.profiles.binary import dump, load
from mlconfig.profiles.histogram import BLOCK_ROWS
from mlconfig.profiles.layout import MAX_LEVELS
from mlconfig.profiles.profile import (
    CategoricalCounts,
    NumericCounts,
    empty_profile,
    fit_layout,
    fold,
    profile_of,
)

KINDS = {"amount": "numeric", "at": "timestamp", "plan": "categorical", "active": "boolean"}
COUNTERS = ("nulls", "pos_inf", "neg_inf", "below", "above", "n", "minimum", "maximum")


def rows(n, seed=0):
    generator = np.random.default_rng(seed)
    amount = generator.lognormal(3, 1, n)
    amount[generator.random(n) < 0.05] = np.nan
    plan = generator.choice(["basic", "pro", "team", None], n, p=[0.6, 0.25, 0.1, 0.05])
    return {
        "amount": amount,
        "at": 1.7e9 + 86_400 * generator.random(n),
        "plan": pa.array(plan, pa.string()),
        "active": generator.random(n) < 0.3,
    }


REFERENCE = rows(2_000)
LAYOUT = fit_layout(REFERENCE, KINDS)


def assert_same(left, right):
    assert left.rows == right.rows
    for name, mine in left.columns.items():
        other = right.columns[name]
        assert np.array_equal(mine.counts, other.counts)
        if isinstance(mine, NumericCounts):
            assert [getattr(mine, c) for c in COUNTERS] == [getattr(other, c) for c in COUNTERS]
            magnitude = (mine.total_squared * max(mine.n, 1)) ** 0.5
            assert mine.total == pytest.approx(other.total, abs=1e-5 * magnitude + 1e-9)
            assert mine.total_squared == pytest.approx(other.total_squared, rel=1e-5)
        else:
            assert (mine.nulls, mine.other, mine.new) == (other.nulls, other.other, other.new)
    assert np.allclose(left.moments, right.moments, rtol=1e-4, atol=1e-2)


any_float = st.one_of(
    st.floats(-1e4, 1e4), st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 1e300, -1e300, 5e-324, 20.1])
)
blocks = st.lists(
    st.integers(0, 30).flatmap(
        lambda n: st.fixed_dictionaries(
            {
                "amount": hnp.arrays(np.float64, n, elements=any_float),
                "at": hnp.arrays(np.float64, n, elements=st.floats(1.6e9, 1.8e9)),
                "plan": st.lists(st.sampled_from(["basic", "pro", "unheard", None]), min_size=n, max_size=n).map(
                    lambda levels: pa.array(levels, pa.string())
                ),
                "active": hnp.arrays(np.bool_, n),
            }
        )
    ),
    min_size=3,
    max_size=3,
)


def joined(parts):
    together = {name: np.concatenate([part[name] for part in parts]) for name in ("amount", "at", "active")}
    return {**together, "plan": pa.chunked_array([part["plan"] for part in parts])}


@settings(deadline=None, max_examples=60)
@given(blocks)
def test_merging_is_associative_commutative_and_equals_counting_together(parts):
    one, two, three = (profile_of(LAYOUT, part) for part in parts)
    together = profile_of(LAYOUT, joined(parts))
    assert_same(one.merge(two).merge(three), together)
    assert_same(one.merge(two.merge(three)), together)
    assert_same(three.merge(one).merge(two), together)
    assert_same(fold(LAYOUT, parts), together)


@settings(deadline=None, max_examples=60)
@given(blocks)
def test_every_row_is_counted_once_in_every_column(parts):
    profile = profile_of(LAYOUT, joined(parts))
    assert all(counts.rows == profile.rows for counts in profile.columns.values())
    amount, values = profile.columns["amount"], joined(parts)["amount"]
    assert amount.nulls == np.isnan(values).sum()
    assert amount.pos_inf == (values == np.inf).sum()
    assert amount.neg_inf == (values == -np.inf).sum()
    assert amount.counts.sum() == amount.n == np.isfinite(values).sum()


def test_an_empty_profile_changes_nothing():
    profile = profile_of(LAYOUT, REFERENCE)
    assert_same(empty_profile(LAYOUT).merge(profile), profile)
    assert_same(profile_of(LAYOUT, rows(0)), empty_profile(LAYOUT))


def test_blocks_and_nulls_on_their_borders_are_counted_exactly():
    values = np.arange(2 * BLOCK_ROWS + 3, dtype=np.float32)
    values[[0, BLOCK_ROWS - 1, BLOCK_ROWS, -1]] = np.nan
    layout = fit_layout({"x": values}, {"x": "numeric"})
    counts = profile_of(layout, {"x": values}).columns["x"]
    assert (counts.nulls, counts.n) == (4, len(values) - 4)
    assert (counts.minimum, counts.maximum) == (1.0, float(len(values) - 2))


def test_values_beyond_the_reference_are_counted_and_a_last_bit_is_not():
    layout = fit_layout({"x": np.array([0.1, 0.5, 0.9])}, {"x": "numeric"})
    counts = profile_of(layout, {"x": np.array([0.1, 0.9, 0.05, 1.0, 2.0], np.float32)}).columns["x"]
    assert (counts.below, counts.above) == (1, 2)


def test_a_constant_column_has_a_scale_and_sees_other_values():
    for constant in (0.0, 7.0, 0.1, 1e12):
        layout = fit_layout({"x": np.full(1000, constant)}, {"x": "numeric"})
        assert (layout.columns[0].centre, layout.columns[0].scale) == (pytest.approx(constant, rel=1e-6), 1.0)
        counts = profile_of(layout, {"x": np.full(10, constant + 3.0)}).columns["x"]
        assert counts.above == 10


def test_the_scale_falls_back_to_the_standard_deviation():
    values = np.r_[np.zeros(900), np.arange(1.0, 101.0)]
    (column,) = fit_layout({"x": values}, {"x": "numeric"}).columns
    assert column.scale == pytest.approx(values.std())


def test_small_differences_of_large_numbers_are_resolved():
    values = 1_700_000_050 + np.random.default_rng(0).normal(0, 0.01, 5_000)
    layout = fit_layout({"x": values}, {"x": "numeric"})
    profile = profile_of(layout, {"x": values})
    assert np.count_nonzero(profile.columns["x"].counts) > 500
    assert profile.quantile("x", 0.9)[0] == pytest.approx(np.quantile(values, 0.9), abs=5e-4)


def test_a_column_without_a_value_can_be_laid_out():
    layout = fit_layout({"x": np.full(5, np.nan)}, {"x": "numeric"})
    counts = profile_of(layout, {"x": np.array([1.0, np.nan])}).columns["x"]
    assert (counts.n, counts.nulls, counts.below, counts.above) == (1, 1, 0, 0)


def test_mean_and_quantiles_come_back_in_the_columns_own_units():
    profile = profile_of(LAYOUT, REFERENCE)
    amount = REFERENCE["amount"]
    assert profile.mean("amount") == pytest.approx(np.nanmean(amount), rel=1e-5)
    assert profile.quantile("amount", [0.1, 0.5, 0.9]) == pytest.approx(
        np.nanquantile(amount, [0.1, 0.5, 0.9]), rel=0.02
    )
    assert profile.quantile("at", 0.5)[0] == pytest.approx(np.median(REFERENCE["at"]), abs=200)
    with pytest.raises(DataError, match="column `plan`: levels have no quantiles"):
        profile.quantile("plan", 0.5)


def test_arrow_and_numpy_columns_give_the_same_profile():
    table = pa.table(
        {
            "amount": pa.array(REFERENCE["amount"], from_pandas=True),
            "at": pa.array((REFERENCE["at"] * 1e6).astype(np.int64), pa.timestamp("us", tz="UTC")),
            "plan": REFERENCE["plan"].dictionary_encode(),
            "active": pa.array(REFERENCE["active"]),
        }
    )
    parts = pa.concat_tables([table.slice(0, 700), table.slice(700)])
    rounded = {**REFERENCE, "at": (REFERENCE["at"] * 1e6).astype(np.int64) / 1e6}
    assert_same(profile_of(LAYOUT, parts), profile_of(LAYOUT, rounded))
    dates = {**rounded, "at": (REFERENCE["at"] * 1e6).astype("datetime64[us]")}
    assert_same(profile_of(LAYOUT, dates), profile_of(LAYOUT, rounded))


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 2, 3]),
        np.array([1, 2, 3], np.float16),
        np.array([1, 2, 3], object),
        pa.array([1, 2, 3], pa.int8()),
        pa.array([1, 2, 3], pa.float32()),
        pa.array([1, 2, 3], pa.int8()).cast(pa.decimal128(5, 1)),
        pa.array([1, 2, 3]).dictionary_encode(),
        pa.chunked_array([[1], [2, 3]]),
    ],
)
def test_numbers_of_any_type_are_read(values):
    layout = fit_layout({"x": np.array([1.0, 2.0, 3.0])}, {"x": "numeric"})
    counts = profile_of(layout, {"x": values}).columns["x"]
    assert (counts.n, counts.minimum, counts.maximum) == (3, 1.0, 3.0)


def test_null_integers_and_dates_are_nulls():
    layout = fit_layout({"x": np.arange(3.0), "t": np.arange(3.0)}, {"x": "numeric", "t": "timestamp"})
    moments = np.array(["1970-01-01T00:00:02", "NaT", "NaT"], "datetime64[s]")
    profile = profile_of(layout, {"x": pa.array([1, None, 2]), "t": moments})
    assert (profile.columns["x"].nulls, profile.columns["t"].nulls) == (1, 2)
    assert profile.columns["t"].maximum == 2.0
    days = profile_of(layout, {"x": np.zeros(2), "t": pa.array([1, None], pa.date32())}).columns["t"]
    assert (days.maximum, days.nulls) == (86_400.0, 1)


def test_levels_are_known_new_or_null():
    counts = profile_of(LAYOUT, {**rows(4), "plan": pa.array(["pro", "unheard", None, "pro"])}).columns["plan"]
    assert isinstance(counts, CategoricalCounts)
    known = dict(zip(LAYOUT.column("plan").categories, counts.counts.tolist(), strict=True))
    assert known == {"basic": 0, "pro": 2, "team": 0}
    assert (counts.new, counts.other, counts.nulls) == (1, 0, 1)


def test_where_the_reference_had_too_many_levels_unknown_ones_are_other():
    levels = [f"level-{i}" for i in range(MAX_LEVELS + 50)]
    layout = fit_layout({"x": pa.array(levels + levels[:10])}, {"x": "categorical"})
    assert set(levels[:10]) < set(layout.columns[0].categories)
    assert (len(layout.columns[0].categories), layout.columns[0].truncated) == (MAX_LEVELS, True)
    counts = profile_of(layout, {"x": pa.array([*levels, "unheard"])}).columns["x"]
    assert (counts.other, counts.new, counts.rows) == (51, 0, len(levels) + 1)


def test_long_text_is_not_kept_in_a_profile():
    layout = fit_layout({"x": pa.array(["short", "z" * 129])}, {"x": "categorical"})
    assert (layout.columns[0].categories, layout.columns[0].truncated) == (("short",), True)


@pytest.mark.parametrize(
    "values", [np.array([1, 2]), np.array([1.0, 2.0]), pa.array(["1", "2"]), np.array(["1", "2"], object)]
)
def test_a_level_is_one_text_whatever_its_type(values):
    layout = fit_layout({"x": np.array([1, 2, 2])}, {"x": "categorical"})
    assert layout.columns[0].categories == ("2", "1")
    assert profile_of(layout, {"x": values}).columns["x"].counts.tolist() == [1, 1]


@pytest.mark.parametrize(
    "values", [np.array([True, False]), pa.array([1, 0]), np.array([1.0, 0.0]), pa.array(["True", "false"])]
)
def test_booleans_are_read_from_truth_values_and_from_0_and_1(values):
    layout = fit_layout({"x": np.array([True])}, {"x": "boolean"})
    assert layout.columns[0].categories == ("false", "true")
    assert profile_of(layout, {"x": values}).columns["x"].counts.tolist() == [1, 1]


def test_correlations_come_from_complete_rows():
    generator = np.random.default_rng(2)
    shared = generator.normal(size=40_000)
    columns = {
        "a": shared + generator.normal(size=40_000),
        "b": shared + generator.normal(size=40_000),
        "c": np.full(40_000, 3.0),
    }
    columns["a"][::27] = np.nan
    layout = fit_layout(columns, dict.fromkeys(columns, "numeric"))
    profile = profile_of(layout, columns)
    complete = ~np.isnan(columns["a"])
    exact = np.corrcoef(columns["a"][complete], columns["b"][complete])[0, 1]
    assert profile.moments[-1, -1] == complete.sum()
    assert profile.correlation()[0, 1] == pytest.approx(exact, abs=0.002)
    assert profile.correlation()[0, 2] == 0.0
    columns["b"][1] = 1e12
    assert profile_of(layout, columns).correlation()[0, 1] == pytest.approx(exact, abs=0.01)


def test_a_column_that_is_mostly_null_takes_no_row_from_the_correlations_of_others():
    generator = np.random.default_rng(2)
    a = generator.normal(size=10_000)
    columns = {
        "a": a,
        "rare": np.where(generator.random(10_000) < 0.1, a, np.nan),
        "b": a + generator.normal(size=10_000),
    }
    layout = fit_layout(columns, dict.fromkeys(columns, "numeric"))
    profile = profile_of(layout, columns)
    assert layout.correlated == ("a", "b")
    assert profile.moments[-1, -1] == 10_000
    assert profile.correlation()[0, 1] == pytest.approx(np.corrcoef(a, columns["b"])[0, 1], abs=0.002)
    assert profile.columns["rare"].nulls == np.isnan(columns["rare"]).sum()
    assert load(dump(profile)).layout.digest == layout.digest


def test_a_profile_of_another_layout_is_refused():
    other = fit_layout(rows(500, seed=9), KINDS)
    with pytest.raises(DataError, match="profiles of two layouts cannot be merged"):
        profile_of(LAYOUT, REFERENCE).merge(profile_of(other, REFERENCE))


def test_the_same_reference_gives_the_same_layout():
    assert fit_layout(rows(2_000), KINDS).digest == LAYOUT.digest


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="column `plan`: the window has no such column"):
        profile_of(LAYOUT, {name: values for name, values in REFERENCE.items() if name != "plan"})
    with pytest.raises(DataError, match="column `ghost`: the reference has no such column"):
        fit_layout(REFERENCE, {"ghost": "numeric"})


def test_columns_of_several_lengths_are_refused():
    with pytest.raises(DataError, match="columns differ in length"):
        profile_of(LAYOUT, {**REFERENCE, "at": np.zeros(3)})


@pytest.mark.parametrize("values", [pa.array(["a", "b"]), np.array(["a", "b"]), np.array([1.0, "b"], object)])
def test_text_in_a_numeric_column_is_refused(values):
    layout = fit_layout({"x": np.arange(2.0)}, {"x": "numeric"})
    with pytest.raises(DataError, match="column `x`: the column is numeric in the reference and holds"):
        profile_of(layout, {"x": values})


def test_a_profile_cannot_be_altered():
    profile = profile_of(LAYOUT, REFERENCE)
    for name in KINDS:
        with pytest.raises(ValueError, match="read-only"):
            profile.columns[name].counts[0] += 1


def test_profiles_import_numpy_and_nothing_heavier():
    """A replica counts its rows too; it must not load scipy, pyarrow or pydantic for that."""
    names = "scipy", "pyarrow", "pydantic", "pandas"
    code = f"import sys, mlconfig.profiles.binary, mlconfig.profiles.distances; print([n for n in {names} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_profile_crosses_a_process():
    profile = profile_of(LAYOUT, REFERENCE)
    assert_same(pickle.loads(pickle.dumps(profile)), profile)

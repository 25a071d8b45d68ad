"""A column's picture: round bins that hold every row once, what is outside beside them, categories with other, new and null."""

import re

import numpy as np
import pytest

from mlconfig.pages import distributions
from mlconfig.pages.column_counts import count_rows
from mlconfig.pages.distributions import Histogram, Levels, distribution
from mlconfig.profiles.profile import fit_layout, profile_of

RNG = np.random.default_rng(3)


def picture(kind, reference, current):
    layout = fit_layout({"x": reference}, {"x": kind})
    sides = [None if side is None else profile_of(layout, {"x": side}) for side in (reference, current)]
    return distribution(*sides, layout.columns[0])


def tops(path):
    """The heights that a path reaches."""
    return [100 - float(y) for y in re.findall(r"V([\d.]+)", path)]


def test_a_shift_is_seen_in_the_outline():
    found = picture("numeric", RNG.normal(0, 1, 20_000), RNG.normal(1, 1, 20_000))
    assert isinstance(found, Histogram)
    assert max(tops(found.reference)) == pytest.approx(100, abs=8)
    assert max(tops(found.current)) == pytest.approx(100, abs=8)
    assert [bar.label for bar in found.sides] == ["below", "above"]
    assert found.sides[1].current == pytest.approx(0.5, abs=0.4)
    assert 20 <= found.width <= 54


def test_every_row_is_in_one_bar():
    column, current = (
        RNG.gamma(2, 3, 5000),
        np.concatenate([RNG.gamma(2, 3, 3000), [1e6, -50, np.nan, np.inf, -np.inf]]),
    )
    layout = fit_layout({"x": column}, {"x": "numeric"})
    counts = profile_of(layout, {"x": current}).columns["x"]
    grid = distributions._bin_edges(0.0, 20.0, moments=False)
    shares = distributions._shares(counts, layout.columns[0], grid)
    assert shares.sum() + 100 * counts.nulls / counts.rows == pytest.approx(100)
    assert shares[0] == pytest.approx(100 * 2 / counts.rows, rel=0.1), "−50 and −∞"


def test_whole_numbers_fall_evenly():
    values = np.repeat(np.arange(0, 90), 100)
    grid = distributions._bin_edges(0.0, 89.0, moments=False)
    layout = fit_layout({"x": values}, {"x": "numeric"})
    shares = distributions._shares(profile_of(layout, {"x": values}).columns["x"], layout.columns[0], grid)
    inner = shares[1:-1]
    assert inner[inner > 0].max() == pytest.approx(inner[inner > 0].min(), rel=0.05), "no comb"
    assert np.diff(grid) == pytest.approx(2.0)


def test_a_constant_that_comes_alive_shows_where_it_went():
    found = picture("numeric", np.full(3000, 0.003467), RNG.normal(0.01, 0.002, 3000))
    assert len([top for top in tops(found.current) if top > 1]) > 10
    assert all(bar.reference < 1 for bar in found.sides)
    assert max(tops(found.reference)) == pytest.approx(100)


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (np.full(50, 7.0), np.full(50, 7.0)), (np.zeros(10), np.zeros(10)), (np.full(5, np.nan), np.full(5, np.nan)),
        (np.full(5, np.nan), np.arange(5.0)), (np.arange(5.0), np.full(5, np.nan)),
        (np.array([1e300, -1e300, 0.0]), np.zeros(3)),
        (np.array([1e-300, 2e-300]), np.array([1.0, 2.0])), (np.arange(9.0), None), (np.array([5.0]), np.array([np.inf])),
        (np.array([1e15, 1e15 + 1]), np.array([1e15])), (np.zeros(100), np.array([1e12])),
    ],
)  # fmt: skip
def test_whatever_the_values_there_is_a_picture(reference, current):
    found = picture("numeric", reference, current)
    for path in (found.reference, found.current):
        assert re.fullmatch(r"[MVHz0-9 .-]*", path)
        assert "nan" not in path
    assert all(0 <= tick.place <= 100 for tick in found.ticks)


def test_nulls_have_a_bar_of_their_own():
    found = picture("numeric", RNG.normal(0, 1, 1000), np.where(RNG.random(1000) < 0.8, np.nan, 0.0))
    bar = found.sides[-1]
    assert bar.label == "null"
    assert (bar.reference_share, bar.current_share[:2]) == ("0 %", bar.current_share[:2])
    assert bar.current == pytest.approx(80, abs=4)


def test_moments_have_dates_below():
    day = np.arange("2026-05-01", "2026-05-31", dtype="datetime64[h]")
    found = picture("timestamp", day, day + np.timedelta64(20, "D"))
    assert any("May" in tick.label for tick in found.ticks)
    assert any("Jun" in tick.label for tick in found.ticks)


def test_categories_are_the_largest_or_most_moved_then_the_rest():
    reference = np.repeat([f"c{i}" for i in range(40)], np.arange(80, 40, -1)).astype(object)
    current = np.array(["c39"] * 500 + ["c0"] * 480 + ["never seen"] * 15 + [None] * 5, dtype=object)
    found = picture("categorical", reference, current)
    assert isinstance(found, Levels)
    labels = [bar.label for bar in found.bars]
    assert labels[0] == "c0"
    assert "c39" in labels
    assert labels[-3:] == ["28 more", "new", "null"]
    assert sum(bar.current for bar in found.bars) == pytest.approx(100)
    assert sum(bar.reference for bar in found.bars) == pytest.approx(100)


def test_few_categories_are_all_shown_and_nothing_else():
    found = picture("boolean", np.array([True, False, True]), np.array([True, True, True]))
    assert [(bar.label, bar.reference_share, bar.current_share) for bar in found.bars] == [
        ("false", "33.3 %", "0 %"), ("true", "66.7 %", "100 %"),
    ]  # fmt: skip


def test_without_a_row_there_is_no_picture():
    assert picture("categorical", np.array([], dtype=object), None) is None


def test_counts_mark_what_grew():
    layout = fit_layout({"x": np.arange(100.0)}, {"x": "numeric"})
    now = np.concatenate([np.full(10, np.nan), np.full(5, 1e6), np.arange(85.0)])
    rows = {
        row.name: row
        for row in count_rows(layout.columns[0], *(profile_of(layout, {"x": v}) for v in (np.arange(100.0), now)))
    }
    assert (rows["nulls"].reference, rows["nulls"].current, rows["nulls"].notable) == ("0", "10 (10.0 %)", True)
    assert (rows["out of range"].current, rows["out of range"].notable) == ("5 (5.0 %)", True)
    assert rows["largest"].current == "1M"
    assert "infinite" not in rows
    assert not rows["rows"].notable

"""Selection rates and true positive rates by group: the values, their intervals, and what is said of them."""

import numpy as np
import pytest

from mlconfig.evaluation.fairness import breaches, fairness_of, told
from mlconfig.sections.evaluation import Fairness

SETTINGS = Fairness(groups=("sex",))
CLASSES = ("no", "yes")


def rows_of(**levels):
    """(rows of the class, found among them, rows of the other class, selected among them) for each level."""
    y, predicted, level = [], [], []
    for name, (positive, found, negative, wrong) in levels.items():
        y += [1] * positive + [0] * negative
        predicted += [1] * found + [0] * (positive - found) + [1] * wrong + [0] * (negative - wrong)
        level += [None if name == "missing" else name] * (positive + negative)
    return np.array(y), np.array(predicted), np.array(level, object)


def compared(settings=SETTINGS, classes=CLASSES, confidence=0.95, **levels):
    return fairness_of(*rows_of(**levels), classes, settings, confidence)


def test_rates_are_counted_by_level():
    found = compared(f=(200, 120, 200, 20), m=(300, 240, 300, 60))
    assert {name: level.rows for name, level in found.levels.items()} == {"f": 400, "m": 600}
    assert found.levels["f"].selection_rate == {"yes": 140 / 400}
    assert found.levels["m"].selection_rate == {"yes": 300 / 600}
    assert found.levels["f"].true_positive_rate == {"yes": 0.6}
    assert found.selection_ratio.value == pytest.approx(0.7)
    assert (found.selection_ratio.lowest, found.selection_ratio.highest) == ("f", "m")
    assert found.tpr_gap.value == pytest.approx(0.2)
    assert found.selection_ratio.low < 0.7 < found.selection_ratio.high < 1.0


def test_the_gaps_interval_is_newcombes():
    """56 of 70 beside 48 of 80 is the first example of his table: 0.0524 to 0.3339."""
    found = compared(Fairness(groups=("sex",), min_rows=10), a=(70, 56, 5, 0), b=(80, 48, 5, 0))
    assert found.tpr_gap.value == pytest.approx(0.2)
    assert (found.tpr_gap.low, found.tpr_gap.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def coverage(rates, size, true_ratio, seeds=400):
    covered = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        level = np.repeat([str(k) for k in range(len(rates))], size).astype(object)
        y = np.ones(len(level), int)
        predicted = (rng.random(len(level)) < np.repeat(rates, size)).astype(int)
        found = fairness_of(y, predicted, level, CLASSES, SETTINGS, 0.95)
        covered += found.selection_ratio.low <= true_ratio <= found.selection_ratio.high
    return covered / seeds


def test_the_ratios_interval_covers_the_truth_about_as_often_as_it_says():
    assert 0.92 <= coverage([0.2, 0.4], 300, 0.5) <= 0.98
    assert coverage([0.3] * 6, 300, 1.0) >= 0.93  # the extremes of six equal groups are far apart by chance alone


def test_small_groups_and_rows_without_one_are_left_out():
    found = compared(f=(100, 50, 150, 30), m=(100, 90, 150, 30), x=(10, 0, 20, 0), missing=(500, 0, 500, 500))
    assert found.few == {"x": 30}
    assert set(found.levels) == {"f", "m"}
    assert found.selection_ratio.value == pytest.approx(80 / 120)


def test_true_positive_rates_are_of_enough_rows_of_the_class():
    found = compared(f=(199, 50, 150, 30), m=(300, 280, 150, 30))
    assert found.tpr_gap is None
    assert (found.levels["f"].true_positive_rate, found.levels["m"].true_positive_rate) == ({}, {"yes": 280 / 300})
    assert told("sex", found, SETTINGS) == "selection ratio by sex 0.33 is below the floor 0.80 (f to m)"


def test_one_group_is_no_comparison():
    found = compared(f=(100, 50, 150, 30), m=(10, 0, 10, 0))
    assert (found.selection_ratio, found.tpr_gap) == (None, None)
    assert told("sex", found, SETTINGS) == "sex is not compared: fewer than two groups have 200 rows"
    assert not breaches(found, SETTINGS)


def test_nobody_selected_is_no_ratio():
    found = compared(f=(0, 0, 300, 0), m=(0, 0, 300, 0))
    assert (found.selection_ratio, found.tpr_gap) == (None, None)
    assert told("sex", found, SETTINGS) == "nobody is selected in any group of sex"


def test_nobody_selected_in_one_group_is_a_ratio_of_zero():
    ratio = compared(f=(100, 0, 200, 0), m=(100, 60, 200, 30)).selection_ratio
    assert (ratio.value, ratio.low) == (0.0, 0.0)
    assert 0.0 < ratio.high < 0.2


def test_of_several_classes_the_least_even_is_told():
    y = np.tile([0, 1, 2], 400)
    level = np.repeat(["f", "m"], 600).astype(object)
    predicted = y.copy()
    predicted[(level == "f") & (y == 2) & (np.arange(1200) % 2 == 0)] = 0
    found = fairness_of(y, predicted, level, ("a", "b", "c"), SETTINGS, 0.95)
    assert set(found.levels["f"].selection_rate) == {"a", "b", "c"}
    assert (found.selection_ratio.of, found.tpr_gap.of) == ("c", "c")
    assert found.selection_ratio.value == pytest.approx(0.5)
    assert told("sex", found, SETTINGS).startswith(
        "selection ratio by sex for `c` 0.50 is below the floor 0.80 (f to m)"
    )


@pytest.mark.parametrize(
    ("levels", "says", "outside"),
    [
        (
            {"f": (200, 150, 200, 30), "m": (200, 160, 200, 35)},
            "selection ratio by sex 0.92 (floor 0.80), true positive rates by sex differ by 0.05 (at most 0.10)",
            False,
        ),
        (
            {"f": (400, 150, 400, 30), "m": (400, 360, 400, 70)},
            (
                "selection ratio by sex 0.42 is below the floor 0.80 (f to m), "
                "true positive rates by sex differ by 0.53, more than 0.10 (f to m)"
            ),
            True,
        ),
        (
            {"f": (200, 120, 200, 20), "m": (200, 144, 200, 40)},
            (
                "selection ratio by sex 0.76 is below the floor 0.80 (f to m), which chance could do, "
                "true positive rates by sex differ by 0.12, more than 0.10 (f to m), which chance could do"
            ),
            True,
        ),
    ],
)
def test_what_is_said(levels, says, outside):
    found = compared(**levels)
    assert told("sex", found, SETTINGS) == says
    assert breaches(found, SETTINGS) is outside


def test_more_confidence_is_a_wider_interval():
    levels = {"f": (400, 150, 400, 30), "m": (400, 360, 400, 70)}
    narrow, wide = (compared(confidence=level, **levels) for level in (0.8, 0.99))
    for name in ("selection_ratio", "tpr_gap"):
        assert getattr(wide, name).low < getattr(narrow, name).low
        assert getattr(wide, name).high > getattr(narrow, name).high

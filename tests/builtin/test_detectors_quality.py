"""Data quality: shares count by what they are at least, few rows prove little, and silence is told."""

from datetime import timedelta

import numpy as np
import pytest

from mlconfig.builtin.detector_quality import Quality
from mlconfig.builtin.proportions import largest_ratio, least_difference, wilson
from mlconfig.contracts import Evidence, WindowFacts
from mlconfig.profiles.profile import empty_profile, fit_layout, profile_of

KINDS = {"x": "numeric", "c": "categorical", "n": "numeric"}
ALPHA = 1e-4


def rows(n, seed):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=n),
        "c": rng.choice(np.array(["a", "b", "c"], object), n),
        "n": np.where(rng.random(n) < 0.99, np.nan, 1.0),
    }


REFERENCE_ROWS = rows(20_000, 0)
REFERENCE = profile_of(fit_layout(REFERENCE_ROWS, KINDS), REFERENCE_ROWS)
QUIET = rows(1000, 1)


def checked(window=None, reference=REFERENCE, facts=None, alpha=ALPHA, **params):
    current = empty_profile(reference.layout) if window is None else profile_of(reference.layout, window)
    evidence = Evidence(reference, current, tuple(KINDS), alpha, facts=facts)
    found = Quality(Quality.Params(**params)).check(evidence)
    return {finding.column or finding.statistic: finding for finding in found}


def test_a_jump_of_nulls_is_told():
    window = rows(1000, 1)
    window["x"][:800] = np.nan
    window["c"] = np.where(np.arange(1000) < 800, None, window["c"])
    found = checked(window)
    assert found["x"].is_drift
    assert found["x"].statistic == "null_fraction_increase"
    assert found["x"].drift_score == pytest.approx(0.8)
    assert found["x"].details["null_fraction"] == 0.8
    assert found["c"].message == "`c` has 80.0% more nulls (2.0% allowed)"
    assert not found["n"].is_drift


def test_few_rows_prove_little():
    window = rows(20, 1)
    window["x"][0] = 1e6
    window["c"][0] = "new"
    assert not any(finding.is_drift for finding in checked(window).values())
    many = rows(2000, 1)
    many["x"][:100] = 1e6
    many["c"][:100] = "new"
    found = checked(many)
    assert found["x"].statistic == "out_of_range_fraction"
    assert found["c"].statistic == "new_category_fraction"
    assert found["x"].is_drift
    assert found["c"].is_drift


def test_infinities_are_out_of_range():
    window = rows(2000, 1)
    window["x"][:100] = np.inf
    assert checked(window)["x"].is_drift


def test_a_small_reference_may_not_have_seen_it_all():
    small = rows(100, 0)
    small["c"] = np.array([f"l{i}" for i in np.random.default_rng(0).zipf(1.5, 100) % 200], object)
    reference = profile_of(fit_layout(small, KINDS), small)
    window = rows(5000, 1)
    window["c"] = np.array([f"l{i}" for i in np.random.default_rng(1).zipf(1.5, 5000) % 200], object)
    found = checked(window, reference)
    assert found["x"].details["out_of_range_fraction"] > 0.005
    assert found["c"].details["new_category_fraction"] > 0.05
    assert not any(finding.is_drift for finding in found.values())


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_false_alarms_are_rare(n):
    alarms = sum(f.is_drift for seed in range(60) for f in checked(rows(n, 10 + seed), alpha=0.01).values())
    assert alarms == 0  # of 180 checks, each with a tolerance beside alpha


def test_a_column_that_never_comes_is_a_breach_unless_it_is_rare_anyway():
    window = rows(1000, 1)
    window["x"][:] = np.nan
    facts = WindowFacts(1000, missing=("x", "n"))
    found = checked(window, facts=facts)["missing_columns"]
    assert found.is_drift
    assert found.drift_score == 2
    assert found.message == "`x`, `n` are null in every row"  # one that is required and not sent is refused
    left_out = checked(window, facts=WindowFacts(1000, missing=("x", "n"), omittable=("n",)))["missing_columns"]
    assert left_out.message == "`x` is null in every row; `n` is null or left out in every row: was it renamed?"
    few = checked(rows(100, 1), facts=WindowFacts(100, missing=("n",)))["missing_columns"]
    assert not few.is_drift  # of 100 rows none has it by chance in one window of three
    assert not checked(QUIET, facts=WindowFacts(1000))["missing_columns"].is_drift


@pytest.mark.parametrize(("share", "requests", "drifts"), [(0.5, 1000, True), (0.22, 100, False), (0.1, 9000, False)])
def test_refused_requests_are_a_breach_of_the_schema(share, requests, drifts):
    found = checked(QUIET, facts=WindowFacts(1000, rejected_fraction=share, requests=requests))["rejected_fraction"]
    assert found.is_drift == drifts
    assert bool(found.message) == drifts


def test_where_all_is_refused_no_row_comes_and_it_is_told():
    found = checked(facts=WindowFacts(0, rejected_fraction=1.0, requests=40))
    assert list(found) == ["rejected_fraction"]
    assert found["rejected_fraction"].message == "100.0% of the requests were refused for what was sent (20.0% allowed)"
    assert not checked(facts=WindowFacts(0, rejected_fraction=1.0, requests=1))["rejected_fraction"].is_drift
    assert checked(facts=WindowFacts(0, rejected_fraction=1.0)) == {}


@pytest.mark.parametrize(("now", "before", "drifts"), [(0.6, 0.1, True), (0.6, 0.5, False), (0.05, 0.0, False)])
def test_duplicates_count_over_those_of_the_reference(now, before, drifts):
    facts = WindowFacts(1000, duplicate_fraction=now, reference_duplicate_fraction=before)
    found = checked(QUIET, facts=facts)["duplicate_fraction_increase"]
    assert found.is_drift == drifts
    assert found.drift_score == pytest.approx(now - before)


def test_old_rows_are_told_where_a_bound_is_set():
    facts = WindowFacts(1000, newest_age=7200.0)
    assert "newest_age" not in checked(QUIET, facts=facts)
    assert not checked(QUIET, facts=facts, max_age=timedelta(hours=3))["newest_age"].is_drift
    late = checked(QUIET, facts=facts, max_age=timedelta(hours=1))["newest_age"]
    assert late.is_drift
    assert late.message == "the newest row is 2h old (1h allowed)"


@pytest.mark.parametrize(
    ("came", "expected", "drifts"),
    [
        (0, 10_000.0, True),
        (0, 30.0, True),
        (0, 3.0, False),
        (50, 1000.0, True),
        (200, 1000.0, False),
        (900, 1000.0, False),
    ],
)
def test_silence_where_rows_were_expected_is_told(came, expected, drifts):
    found = checked(facts=WindowFacts(came, expected_rows=expected))
    assert list(found) == ["volume_drop"]
    assert found["volume_drop"].is_drift == drifts
    if drifts:
        assert found["volume_drop"].message == f"{came:,} rows where about {expected:,.0f} were expected"


def test_silence_where_nothing_is_known_says_nothing():
    assert checked(facts=WindowFacts(0)) == {}
    assert checked() == {}


def test_intervals_are_the_textbooks():
    assert wilson(10, 100, 0.025) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0, 0, 0.025) == (0.0, 1.0)
    assert least_difference((56, 70), (48, 80), 0.025) == pytest.approx(0.0524, abs=1e-4)  # Newcombe 1998, table II (a)


def test_the_bound_of_a_ratio_is_crossed_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for p, q, n, m in ((0.3, 0.4, 300, 300), (0.05, 0.1, 250, 2000), (0.5, 0.5, 200, 200)):
        crossed = np.mean(
            [
                largest_ratio((a, n), (b, m), 0.05) < p / q
                for a, b in zip(rng.binomial(n, p, 2000), rng.binomial(m, q, 2000), strict=True)
            ]
        )
        assert 0.02 < crossed < 0.075
    assert largest_ratio((5, 10), (0, 10), 0.05) == float("inf")

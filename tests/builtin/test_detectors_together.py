"""Detectors that look at several columns at once: correlations, and whether rows can be told apart."""

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.builtin.detector_correlation import Correlation
from mlconfig.builtin.detector_domain_classifier import DomainClassifier, auc_error
from mlconfig.contracts import Evidence
from mlconfig.profiles.profile import empty_profile, fit_layout, profile_of

ALPHA = 1e-4
KINDS = {"a": "numeric", "b": "numeric", "c": "numeric", "plan": "categorical", "member": "boolean", "t": "timestamp"}


def rows(n, seed, r=0.0, shift=0.0, plans=("x", "y", "z"), shape=None):
    """``a`` and ``b`` correlate by ``r``; each alone stays what it is."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, n))
    b = r * a + np.sqrt(1 - r * r) * b
    a, b, c = (shape(values) if shape else values for values in (a, b, c))
    return {
        "a": a, "b": b, "c": c + shift, "plan": rng.choice(np.array(plans, object), n), "member": rng.random(n) < 0.5,
        "t": seed * 1e5 + rng.random(n) * 1e5,
    }  # fmt: skip


def table(*args, **more):
    given = rows(*args, **more)
    return pa.table({**given, "t": pa.array(given["t"].astype(np.int64), pa.timestamp("s"))})


REFERENCE_ROWS = rows(20_000, 0)
LAYOUT = fit_layout(REFERENCE_ROWS, KINDS)
REFERENCE = profile_of(LAYOUT, REFERENCE_ROWS)


def correlated(window, reference=REFERENCE, columns=tuple(KINDS), alpha=ALPHA, **params):
    current = profile_of(reference.layout, window)
    found = Correlation(Correlation.Params(**params)).check(Evidence(reference, current, columns, alpha))
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("r", "n", "drifts"), [(0.0, 500, False), (0.1, 50_000, False), (0.5, 500, True), (0.3, 5000, True)]
)
def test_a_correlation_that_comes_is_found_though_no_column_has_moved(r, n, drifts):
    finding = correlated(rows(n, 1, r=r))
    assert finding.is_drift == drifts
    assert finding.is_drift == (finding.drift_score > finding.threshold)
    if drifts:
        assert finding.message.startswith("1 of 3 correlations changed: `a` and `b` ")
        assert finding.details["a × b"] == pytest.approx(r, abs=0.1)
        assert finding.details["a × b (reference)"] == pytest.approx(0.0, abs=0.03)
        assert finding.p_value < 1e-6


def test_only_the_asked_columns_are_paired():
    moved = rows(5000, 1, r=0.8)
    assert not correlated(moved, columns=("a", "c", "plan")).is_drift
    assert correlated(moved, columns=("a", "b")).details["pairs"] == 1
    assert correlated(moved, columns=("a", "plan")) is None


def test_a_column_that_stops_varying_loses_its_correlations():
    lively = rows(20_000, 0, r=0.7)
    reference = profile_of(fit_layout(lively, KINDS), lively)
    dead = rows(1000, 1, r=0.7)
    dead["b"][:] = 0.0
    assert correlated(dead, reference).is_drift


def test_without_complete_rows_nothing_is_said():
    nulls = rows(1000, 1)
    nulls["b"][:] = np.nan
    assert correlated(nulls) is None
    assert Correlation().check(Evidence(REFERENCE, empty_profile(LAYOUT), tuple(KINDS), ALPHA)) == ()


@pytest.mark.parametrize("shape", [None, np.exp, lambda values: np.where(values < 0.5, 0.0, values)])
@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_correlations_rarely_alarm_where_nothing_changed(n, shape):
    alarms = 0
    for seed in range(0, 150, 5):
        usual = rows(10_000, 1000 + seed, r=0.5, shape=shape)
        reference = profile_of(fit_layout(usual, KINDS), usual)
        windows = [rows(n, seed + i, r=0.5, shape=shape) for i in range(5)]
        alarms += sum(correlated(window, reference, alpha=0.02, tolerance=0.0).is_drift for window in windows)
        assert not correlated(windows[0], reference).is_drift
    assert alarms <= 10  # of 150; 3 are expected at 2 %, four standard deviations are 7 more


def told_apart(window, reference=None, columns=tuple(KINDS), alpha=ALPHA, **params):
    given = Evidence(
        REFERENCE, REFERENCE, columns, alpha, random_state=3, rows=window,
        reference_rows=table(2000, 0) if reference is None else reference,
    )  # fmt: skip
    found = DomainClassifier(DomainClassifier.Params(**params)).check(given)
    assert len(found) <= 1
    return found[0] if found else None


def test_rows_of_the_reference_cannot_be_told_apart_and_time_does_not_help():
    finding = told_apart(table(2000, 1))
    assert not finding.is_drift
    assert finding.shown_by == ()
    assert finding.drift_score == pytest.approx(0.5, abs=0.05)
    assert finding.details["low"] < 0.5
    assert finding.details["high"] < 0.6


@pytest.mark.parametrize(
    ("moved", "column"),
    [({"r": 0.95}, "a"), ({"shift": 1.5}, "c"), ({"plans": ("x", "x", "x", "z", "new")}, "plan")],
)
def test_rows_that_moved_are_told_apart_and_the_columns_named(moved, column):
    finding = told_apart(table(2000, 1, **moved))
    assert finding.is_drift
    assert finding.drift_score > finding.threshold > 0.6
    assert f"`{column}` (" in finding.message
    assert column in finding.shown_by
    assert set(finding.shown_by) <= ({"a", "b"} if column == "a" else {column})
    gains = {name: share for name, share in finding.details.items() if name.startswith("gain.")}
    assert sum(gains.values()) == pytest.approx(1.0)
    assert "gain.t" not in gains
    assert finding.p_value < 1e-6


def test_a_column_fed_nulls_or_left_out_tells_them_apart():
    window = table(2000, 1)
    nulls = window.set_column(1, "b", pa.nulls(2000, pa.float64()))
    for broken in (nulls, window.drop_columns(["b"])):
        finding = told_apart(broken)
        assert finding.is_drift
        assert finding.details["gain.b"] > 0.9


def test_the_same_rows_give_the_same_finding_and_so_many_are_looked_at():
    window = table(3000, 1, r=0.9)
    assert told_apart(window) == told_apart(window)
    few = told_apart(window, rows=500)
    assert (few.details["rows"], few.details["reference_rows"]) == (500, 500)
    assert few.threshold > told_apart(window).threshold


def test_few_rows_or_no_column_say_nothing():
    assert told_apart(table(49, 1)) is None
    assert told_apart(table(500, 1), columns=("t",)) is None
    assert DomainClassifier().check(Evidence(REFERENCE, REFERENCE, tuple(KINDS), ALPHA)) == ()


def test_constant_columns_alone_do_not_break_it():
    constant = pa.table({"a": np.zeros(500)})
    assert not told_apart(constant, constant, columns=("a",)).is_drift


@pytest.mark.parametrize(("n", "windows"), [(200, 40), (1000, 30), (5000, 6)])
def test_rows_are_rarely_told_apart_where_nothing_changed(n, windows):
    found = [told_apart(table(n, 10 + i), table(2000, 500 + i), alpha=0.05, min_auc=0.5) for i in range(windows)]
    assert sum(finding.is_drift for finding in found) <= 2 + windows // 5  # 5 % is expected
    assert not any(told_apart(table(n, i), alpha=0.05).is_drift for i in (1, 2))


def test_the_error_of_an_auc_is_the_textbooks():
    # Hanley, McNeil 1982, table II: 0.893 with 51 abnormal and 58 normal has a standard error of about 0.032.
    assert auc_error(0.893, 58, 51) == pytest.approx(0.032, abs=0.002)
    assert auc_error(0.5, 200, 300) == pytest.approx(np.sqrt(501 / (12 * 200 * 300)), rel=0.01)

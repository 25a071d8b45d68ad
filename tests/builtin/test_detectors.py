"""Detectors: quiet on equals and on the harmless, awake to what matters, never blinded by nulls or fooled by few rows."""

import numpy as np
import pytest

from mlconfig.builtin.detector_chi2 import Chi2
from mlconfig.builtin.detector_ks import Ks
from mlconfig.builtin.detector_performance import Performance
from mlconfig.builtin.detector_psi import Psi
from mlconfig.builtin.detector_quality import Quality, wilson
from mlconfig.builtin.metrics_classification import Accuracy
from mlconfig.builtin.metrics_probability import RocAuc
from mlconfig.builtin.metrics_regression import Rmse
from mlconfig.contracts import Evidence, LabelEvidence
from mlconfig.errors import PluginError
from mlconfig.profiles.profile import fit_layout, profile_of

KINDS = {"x": "numeric", "c": "categorical", "b": "boolean", "t": "timestamp"}
ALPHA = 1e-4


def rows(n, seed, shift=0.0, levels=("a", "b", "c"), since=0.0):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(shift, 1, n),
        "c": rng.choice(np.array(levels, object), n),
        "b": rng.random(n) < 0.3,
        "t": since + rng.random(n) * 86_400,
    }


REFERENCE_ROWS = rows(20_000, 0)
LAYOUT = fit_layout(REFERENCE_ROWS, KINDS)
REFERENCE = profile_of(LAYOUT, REFERENCE_ROWS)


def checked(detector, window, reference=REFERENCE):
    evidence = Evidence(reference, profile_of(reference.layout, window), tuple(KINDS), ALPHA)
    return {finding.column: finding for finding in detector.check(evidence)}


@pytest.mark.parametrize("detector", [Psi(), Ks(), Chi2(), Quality()])
@pytest.mark.parametrize("n", [50, 500, 5000, 50_000])
def test_equals_and_the_harmless_are_quiet_at_any_size(detector, n):
    for seed in range(1, 6):
        assert not any(f.is_drift for f in checked(detector, rows(n, seed, shift=0.05 * (seed % 2))).values())


@pytest.mark.parametrize("detector", [Psi(), Ks(), Chi2()])
def test_half_a_standard_deviation_is_found_in_a_thousand_rows(detector):
    found = checked(detector, rows(1000, 1, shift=0.6))
    assert found["x"].is_drift
    assert found["x"].drift_score > found["x"].threshold
    assert "`x` moved" in found["x"].message
    assert not any(finding.is_drift for name, finding in found.items() if name != "x")


def test_moved_levels_are_found_and_ks_looks_at_numbers_alone():
    moved = rows(1000, 1, levels=("a", "a", "a", "b", "c"))
    assert checked(Psi(), moved)["c"].is_drift
    assert checked(Chi2(), moved)["c"].is_drift
    assert checked(Chi2(), moved)["c"].p_value < 1e-6
    assert list(checked(Ks(), moved)) == ["x"]


def test_time_moves_on_without_being_drift():
    later = rows(1000, 1, since=1e8)
    for detector in (Psi(), Ks(), Chi2()):
        assert "t" not in checked(detector, later)
    assert not checked(Quality(), later)["t"].is_drift


def test_a_small_p_value_alone_is_no_drift():
    finding = checked(Ks(), rows(50_000, 1, shift=0.1))["x"]
    assert finding.p_value < 1e-10
    assert not finding.is_drift


def test_eighty_percent_nulls_are_seen_by_all():
    window = rows(1000, 1)
    window["x"][:800] = np.nan
    window["c"] = np.where(np.arange(1000) < 800, None, window["c"])
    quality = checked(Quality(), window)
    assert quality["x"].is_drift
    assert quality["x"].statistic == "null_fraction_increase"
    assert quality["x"].drift_score == pytest.approx(0.8)
    assert quality["c"].message == "`c` has 80.0% more nulls (2.0% allowed)"
    for detector in (Psi(), Chi2()):
        assert checked(detector, window)["x"].is_drift
        assert checked(detector, window)["c"].is_drift


def test_few_rows_prove_little():
    window = rows(20, 1)
    window["x"][0] = 1e6
    window["c"][0] = "new"
    assert not any(finding.is_drift for finding in checked(Quality(), window).values())
    many = rows(2000, 1)
    many["x"][:100] = 1e6
    many["c"][:100] = "new"
    found = checked(Quality(), many)
    assert found["x"].statistic == "out_of_range_fraction"
    assert found["c"].statistic == "new_category_fraction"
    assert found["x"].is_drift
    assert found["c"].is_drift


def test_infinities_are_out_of_range():
    window = rows(2000, 1)
    window["x"][:100] = np.inf
    assert checked(Quality(), window)["x"].is_drift


def test_a_small_reference_may_not_have_seen_it_all():
    small = rows(100, 0)
    small["c"] = np.array([f"l{i}" for i in np.random.default_rng(0).zipf(1.5, 100) % 200], object)
    reference = profile_of(fit_layout(small, KINDS), small)
    window = rows(5000, 1)
    window["c"] = np.array([f"l{i}" for i in np.random.default_rng(1).zipf(1.5, 5000) % 200], object)
    found = checked(Quality(), window, reference)
    assert found["x"].details["out_of_range_fraction"] > 0.005
    assert found["c"].details["new_category_fraction"] > 0.05
    assert not any(finding.is_drift for finding in found.values())


def test_wilson_is_the_textbooks():
    assert wilson(10, 100, 0.025) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0, 0, 0.025) == (0.0, 1.0)


def labelled(metric, reference, y, predicted, score=None):
    labels = LabelEvidence("binary", metric, reference, y, predicted, score, 0.9)
    return Evidence(REFERENCE, REFERENCE, (), ALPHA, labels=labels)


def answers(n, accuracy, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return y, np.where(rng.random(n) < accuracy, y, 1 - y)


@pytest.mark.parametrize(
    ("accuracy", "n", "dropped"), [(0.9, 1000, False), (0.88, 1000, False), (0.8, 1000, True), (0.8, 210, True)]
)
def test_a_drop_beyond_doubt_is_one(accuracy, n, dropped):
    (finding,) = Performance().check(labelled(Accuracy(), 0.9, *answers(n, accuracy)))
    assert finding.is_drift == dropped
    assert finding.details["low"] < finding.details["value"] < finding.details["high"]
    assert finding.details["coverage"] == 0.9


def test_a_floor_of_ones_own():
    y, predicted = answers(2000, 0.8)
    assert not Performance(Performance.Params(max_drop=0.2)).check(labelled(Accuracy(), 0.9, y, predicted))[0].is_drift
    strict = Performance(Performance.Params(max_drop=0.2, min=0.85))
    assert strict.check(labelled(Accuracy(), 0.9, y, predicted))[0].is_drift


def test_errors_drop_relatively():
    y = np.random.default_rng(0).normal(100, 30, 1000)
    noise = np.random.default_rng(1).normal(size=1000)
    assert not Performance().check(labelled(Rmse(), 10.0, y, y + 10.2 * noise))[0].is_drift
    (finding,) = Performance().check(labelled(Rmse(), 10.0, y, y + 12 * noise))
    assert finding.is_drift
    assert finding.drift_score == pytest.approx(0.2, abs=0.06)
    assert finding.threshold == pytest.approx(0.03)
    with pytest.raises(PluginError, match="`min` bounds nothing for this metric"):
        Performance(Performance.Params(min=1.0)).check(labelled(Rmse(), 10.0, y, y))


def test_too_few_or_undefined_says_nothing():
    assert Performance().check(labelled(Accuracy(), 0.9, *answers(199, 0.2))) == ()
    one_class = np.zeros(500, int)
    assert Performance().check(labelled(RocAuc(), 0.9, one_class, one_class, np.linspace(0, 1, 500))) == ()
    with pytest.raises(PluginError, match="the log holds none"):
        Performance().check(labelled(RocAuc(), 0.9, one_class, one_class))

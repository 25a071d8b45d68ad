"""Detectors that compare columns: quiet on equals and on the harmless, awake to what matters, blinded by no null or outlier."""

import numpy as np
import pytest

from mlconfig.builtin.detector_chi2 import Chi2
from mlconfig.builtin.detector_js import JensenShannon
from mlconfig.builtin.detector_ks import Ks
from mlconfig.builtin.detector_psi import Psi
from mlconfig.builtin.detector_quality import Quality
from mlconfig.builtin.detector_wasserstein import Wasserstein
from mlconfig.contracts import Evidence
from mlconfig.profiles.profile import fit_layout, profile_of

KINDS = {"x": "numeric", "c": "categorical", "b": "boolean", "t": "timestamp"}
ALPHA = 1e-4
ALL = [Psi(), Ks(), Chi2(), JensenShannon(), Wasserstein()]
OF_LEVELS = [Psi(), Chi2(), JensenShannon()]
STRICT = [
    Psi(Psi.Params(tolerance=0.0)),
    Ks(Ks.Params(tolerance=0.0)),
    Chi2(Chi2.Params(tolerance=0.0)),
    JensenShannon(JensenShannon.Params(tolerance=0.0)),
    Wasserstein(Wasserstein.Params(tolerance=0.0)),
]


def named(detector):
    return type(detector).__name__


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


def checked(detector, window, reference=REFERENCE, **more):
    columns = tuple(column.name for column in reference.layout.columns)
    evidence = Evidence(reference, profile_of(reference.layout, window), columns, **{"alpha": ALPHA, **more})
    return {finding.column: finding for finding in detector.check(evidence)}


@pytest.mark.parametrize("detector", [*ALL, Quality()], ids=named)
@pytest.mark.parametrize("n", [50, 500, 5000, 50_000])
def test_equals_and_the_harmless_are_quiet_at_any_size(detector, n):
    for seed in range(1, 6):
        assert not any(f.is_drift for f in checked(detector, rows(n, seed, shift=0.05 * (seed % 2))).values())


def many(n, rng, columns=8):
    """Columns that are hard for a distance: heavy tails, atoms, nulls."""
    made = {}
    for i in range(columns):
        made[f"lognormal{i}"] = rng.lognormal(0, 1, n)
        made[f"pareto{i}"] = rng.pareto(1.2, n)
        made[f"zeros{i}"] = np.where(rng.random(n) < 0.7, 0.0, rng.exponential(size=n))
        made[f"nulls{i}"] = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
    return made


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_false_alarms_are_as_rare_as_alpha_says_even_where_nothing_is_tolerated(n):
    rng, windows, alpha = np.random.default_rng(n), 25, 0.01
    reference_rows = many(20_000, rng)
    reference = profile_of(fit_layout(reference_rows, dict.fromkeys(reference_rows, "numeric")), reference_rows)
    alarms = dict.fromkeys(map(named, STRICT), 0)
    for _ in range(windows):
        window = many(n, rng)
        for detector in STRICT:
            found = checked(detector, window, reference, alpha=alpha, report=())
            alarms[named(detector)] += sum(finding.is_drift for finding in found.values())
    # 800 checks: 8 alarms at 1 % are expected at most, 20 are four standard deviations more.
    assert max(alarms.values()) <= 20, alarms
    assert alarms["Psi"] > 0  # the figure is kept to, not merely undercut


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_what_is_tolerated_does_not_alarm_however_many_rows_there_are(detector):
    assert not checked(detector, rows(200_000, 1, shift=0.15))["x"].is_drift


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_half_a_standard_deviation_is_found_in_a_thousand_rows(detector):
    found = checked(detector, rows(1000, 1, shift=0.6))
    assert found["x"].is_drift
    assert found["x"].drift_score > found["x"].threshold
    assert "`x` moved" in found["x"].message
    assert not any(finding.is_drift for name, finding in found.items() if name != "x")


def test_the_threshold_falls_to_the_tolerance_as_rows_become_many():
    for detector, tolerance in ((Psi(), 0.05), (JensenShannon(), 0.08), (Wasserstein(), 0.15), (Ks(), 0.1)):
        thresholds = [checked(detector, rows(n, 1))["x"].threshold for n in (200, 1000, 20_000)]
        assert thresholds == sorted(thresholds, reverse=True)
        assert tolerance < thresholds[-1] < 1.6 * tolerance


def test_moved_levels_are_found_and_some_look_at_numbers_alone():
    moved = rows(1000, 1, levels=("a", "a", "a", "b", "c"))
    for detector in OF_LEVELS:
        assert checked(detector, moved)["c"].is_drift
    assert checked(Chi2(), moved)["c"].p_value < 1e-6
    assert list(checked(Ks(), moved)) == list(checked(Wasserstein(), moved)) == ["x"]


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_time_moves_on_without_being_drift(detector):
    later = rows(1000, 1, since=1e8)
    assert "t" not in checked(detector, later)
    assert not checked(Quality(), later)["t"].is_drift


def test_a_small_p_value_alone_is_no_drift():
    finding = checked(Ks(), rows(50_000, 1, shift=0.1))["x"]
    assert finding.p_value < 1e-10
    assert not finding.is_drift


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_one_wild_value_neither_hides_a_shift_nor_feigns_one(detector):
    shifted, still = rows(1000, 1, shift=1.0), rows(1000, 1)
    shifted["x"][0] = still["x"][0] = 1e6
    assert checked(detector, shifted)["x"].is_drift
    assert not checked(detector, still)["x"].is_drift


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_eighty_percent_nulls_are_seen_by_all(detector):
    window = rows(1000, 1)
    window["x"][:800] = np.nan
    window["c"] = np.where(np.arange(1000) < 800, None, window["c"])
    found = checked(detector, window)
    assert found["x"].is_drift
    assert found["x"].details["null_fraction"] == 0.8
    assert found["x"].details["reference_null_fraction"] == 0.0
    assert "c" not in found or found["c"].is_drift


@pytest.mark.parametrize("fed", [np.nan, 0.0, -7.25, 1e9])
def test_a_broken_pipeline_can_be_told_from_drift(fed):
    broken, moved = rows(1000, 1), rows(1000, 1, shift=1.0)
    broken["x"][:] = fed
    told = checked(Psi(), broken)["x"].details
    assert max(told["null_fraction"], told["top_share"]) == 1.0
    assert max(told["reference_null_fraction"], told["reference_top_share"]) < 0.05
    assert checked(Psi(), moved)["x"].details["top_share"] < 0.05


def test_levels_never_seen_are_one_value_of_the_window():
    window = rows(1000, 1)
    window["c"] = np.array(["0"] * 900 + ["a"] * 100, object)
    told = checked(Psi(), window)["c"].details
    assert (told["top_share"], told["reference_top_share"]) == (0.9, 0.0)
    usual = checked(Psi(), rows(1000, 1))["c"].details
    assert usual["top_share"] == pytest.approx(usual["reference_top_share"], abs=0.05)


@pytest.mark.parametrize("detector", ALL, ids=named)
def test_only_what_is_asked_for_is_told(detector):
    decides = {"Psi": "psi", "Ks": "ks", "Chi2": "chi2", "JensenShannon": "js", "Wasserstein": "wasserstein"}
    distances = {"psi", "kl", "js", "ks", "chi2", "wasserstein"}
    all_of_them = checked(detector, rows(1000, 1))["x"].details
    assert distances <= set(all_of_them)
    one = checked(detector, rows(1000, 1), report=("kl",))["x"].details
    assert distances & set(one) == {"psi", "kl", decides[named(detector)]}
    assert one["kl"] == all_of_them["kl"]

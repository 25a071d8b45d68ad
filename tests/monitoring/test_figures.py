"""The figures that monitoring must show, at a size that CI can bear; `python -m benchmarks monitoring` shows them whole."""

import numpy as np
import pytest

from benchmarks.monitoring_alarms import (
    DAY,
    HOUR,
    SIGNALS,
    answers_against_few,
    daily,
    delay_of,
    every_column,
    null_trial,
    season_trial,
    shifted_trial,
    step,
    weekly,
)
from benchmarks.monitoring_estimates import estimate, estimate_error
from benchmarks.monitoring_passes import HOUR_ROWS, memory, pass_times, watched, with_log

from .conftest import Log, make_watch

SIZES = (200, 1_000, 5_000, 50_000)
MOVING = ("x0", "x1", "x2", "x3", "x4", "x5")


def votes(told, signal="input_drift"):
    return [verdict.vote for verdict in told.of(signal)]


@pytest.mark.parametrize("rows", SIZES)
def test_where_nothing_differs_nothing_is_told(rows):
    told = null_trial(rows, seed=2).tell(72, 5, (HOUR, DAY))
    assert len(told.verdicts) == (72 + 3) * len(SIGNALS)
    assert all(verdict.vote is False for verdict in told.verdicts.values())
    nearest = max(f.drift_score / f.threshold for v in told.of("input_drift") for f in v.findings)
    assert nearest < 0.9  # of 1,440 checks none came near


@pytest.mark.parametrize("rows", [1_000, 50_000])
def test_a_harmless_difference_is_not_told_however_many_rows_show_it(rows):
    told = shifted_trial(rows, lambda _: every_column(0.05)).tell(48, 7, (HOUR, DAY))
    assert told.votes() == 0


def test_a_step_is_an_alert_in_three_hours_and_lasting_in_twelve():
    for place, column in enumerate(MOVING):
        told = shifted_trial(1_000, step(column, 0.5, 4), seed=place + 1).tell(17, place)
        assert votes(told)[:4] == [False] * 4
        assert delay_of(told, "alert", since=4) <= 3
        assert delay_of(told, "lasting", since=4) <= 12
        assert told.of("input_drift")[-1].cause == "lasting_drift"
        named = [f.column for f in told.of("input_drift")[-1].findings if f.is_drift]
        assert named == [column]


def test_a_spike_is_suspected_in_two_hours_and_never_lasting():
    for seed in (1, 2, 3):
        told = shifted_trial(1_000, step("x0", 2.0, 4, 14), seed=seed).tell(30, seed)
        assert delay_of(told, "suspect", since=4) <= 2
        assert delay_of(told, "lasting") is None
        assert {verdict.cause for verdict in told.of("input_drift") if verdict.vote} == {"spike"}
        assert told.of("input_drift")[-1].state == "ok"


def test_the_daily_cycle_is_no_drift_beside_the_same_hours():
    cycle = lambda hour: daily(hour, MOVING)  # noqa: E731
    trial = season_trial(500, 28, cycle)
    told = trial.tell(48, 3, (HOUR, DAY))
    assert told.votes() == 0
    assert {v.reference for v in told.of("input_drift")} == {"training rows at these hours of the day"}
    plain = trial.watched(reference={"season": "none"}).tell(48, 3, (HOUR, DAY))
    assert sum(votes(plain)) >= 8
    assert plain.episodes(("input_drift",)) >= 1


def test_weekends_are_no_drift_beside_the_same_hours_of_the_week():
    rhythm = lambda hour: weekly(hour, MOVING[:2])  # noqa: E731
    trial = season_trial(200, 70, rhythm)
    told = trial.tell(96, 3, (HOUR, DAY))  # from Thursday on
    assert told.votes() == 0
    assert {v.reference for v in told.of("input_drift")} == {"training rows at these hours of the week"}
    plain = trial.watched(reference={"season": "hour"}).tell(96, 3, (HOUR, DAY))
    assert sum(votes(plain)[48:]) >= 40
    assert sum(votes(plain)[:48]) <= 2


def test_a_real_step_is_seen_beside_the_season_as_well():
    moved = lambda hour: {"x0": daily(hour, ("x0",))["x0"] + (0.6 if hour >= 4 else 0.0)}  # noqa: E731
    told = season_trial(1_000, 28, moved).tell(10, 3)
    assert votes(told)[:4] == [False] * 4
    assert delay_of(told, "alert", since=4) <= 3


def test_an_outlier_hides_no_shift_and_nulls_are_reported_twice():
    def outlier(rows):
        rows["x0"][0] = 1e6

    def nulls(rows):
        rows["x0"][: len(rows["x0"]) * 4 // 5] = np.nan

    told = shifted_trial(1_000, step("x0", 1.0, 0), spoil=outlier).tell(4, 1)
    assert delay_of(told, "alert") == 3
    alone = shifted_trial(1_000, lambda _: {}, spoil=outlier).tell(4, 1)
    assert alone.votes() == 0
    empty = shifted_trial(1_000, lambda _: {}, spoil=nulls).tell(4, 1)
    for signal in ("input_drift", "data_quality"):
        assert delay_of(empty, "alert", signal=signal) == 3
        newest = empty.of(signal)[-1]
        assert [f.column for f in newest.findings if f.is_drift] == ["x0"]
        assert newest.cause == "pipeline_break"


@pytest.mark.parametrize(("held_out", "rows"), [(100, 1_000), (600, 200), (600, 1_000)])
def test_no_unlucky_small_reference_of_answers_alarms_for_ever(held_out, rows):
    assert not any(any(answers_against_few(held_out, rows, seed, windows=3)) for seed in range(60))


@pytest.mark.parametrize(("classes", "metric"), [(2, "accuracy"), (2, "roc_auc"), (2, "f1"), (3, "accuracy")])
def test_the_estimate_without_labels_is_near_the_truth(classes, metric):
    for shift in (0.0, 0.5):
        found = [estimate(classes, metric, shift, rows=20_000, seed=seed) for seed in (0, 1)]
        assert np.mean([each.error for each in found]) <= 0.011
        assert not any(each.estimate_alarms for each in found)


def test_concept_drift_is_seen_by_labels_alone():
    found = estimate(2, "accuracy", 0.0, rows=20_000, flipped=0.2)
    assert found.error > 0.05
    assert not found.estimate_alarms
    assert found.labels_alarm


def test_the_error_of_a_regression_is_told_before_labels_come():
    still, moved = estimate_error(0.0), estimate_error(1.0)
    assert still.error / still.true < 0.03
    assert not still.estimate_alarms
    assert moved.true > 1.1 * still.true
    assert moved.error / moved.true < 0.12
    assert moved.estimate_alarms


def test_memory_does_not_grow_with_the_rows_that_are_folded():
    few, many = memory("fold", 100_000), memory("fold", 2_000_000)
    assert many["growth"] < 2.0
    assert abs(many["peak"] - few["peak"]) < 12.0


def test_memory_does_not_grow_with_the_hours_that_are_judged():
    with with_log(3) as folder:
        one = memory("pass", HOUR_ROWS, folder)["peak"]
        three = memory("pass", 3 * HOUR_ROWS, folder)["peak"]
    assert abs(three - one) < 40.0


def test_a_pass_over_an_hour_takes_little_more_than_decoding_it(tmp_path):
    world, watch = watched()
    rounds = [pass_times(tmp_path, world, watch) for _ in range(3)][1:]
    best = {name: min(each[name] for each in rounds) for name in rounds[0]}
    assert best["pass"] < 6 * best["decode"] + 0.2
    assert best["detectors"] < 0.2


def test_performance_waits_for_labels_and_tells_how_many_there_are():
    """Labels a median of two hours late, one in ten never: windows are scored when most labels are there, and not before."""
    log, rng, seen = Log(5), np.random.default_rng(6), {}
    watched_ = make_watch(labels={"max_delay": "2d"})
    for hour in range(40):
        ids, truth, _ = log.hour(hour, 600, accuracy=0.9 if hour < 20 else 0.8)
        arrived = log.predictions.column("arrived").to_numpy()[-600:] + rng.exponential(3 * HOUR, 600)
        kept = rng.random(600) < 0.9
        log.label([each for each, keep in zip(ids, kept, strict=True) if keep], truth[kept], arrived[kept])
    for now in range(12, 44, 4):
        now_ = log.predictions.column("arrived").to_numpy()[0] + now * HOUR
        found = log.passed(watched_, now, seen.values())
        seen |= {(v.signal, v.scale, v.window.start): v for v in found.verdicts}
        fresh = [v for v in found.verdicts if v.signal == "performance" and v.findings]
        assert all(v.findings[0].details["coverage"] > 0.6 for v in fresh)
        assert all(now_ - v.window.end > 3 * HOUR for v in fresh)
    performance = [v for (name, _, _), v in sorted(seen.items()) if name == "performance"]
    assert {v.state for v in performance[:20]} == {"ok"}
    assert performance[-1].state == "alert"
    begun = performance[-1].since - performance[0].window.start
    assert 20 * HOUR <= begun <= 22 * HOUR

"""What happened over the time axis: heat map, lanes, quality, labels, alerts."""

import numpy as np
import pytest

from mlconfig.pages import alert_marks
from mlconfig.pages.performance import coverage, quality
from mlconfig.pages.strips import column_histories, heat_strip, ratio_bars, state_strip, volume_strip
from mlconfig.pages.time_axis import time_axis
from mlconfig.pages.wording import Clock
from mlconfig.vocabulary import Window


@pytest.fixture
def axis(make):
    return time_axis(Window(start=make.START, end=make.START + 12 * make.HOUR), make.HOUR, Clock("UTC"))


def layers(strip):
    return {layer.style: layer.path for layer in strip.layers}


def test_the_heat_map_tells_fine_beyond_unknown_and_missing_apart(make, axis):
    verdicts = [
        make.verdict("input_drift", 0, [make.finding("x", 0.02)]),
        make.verdict("input_drift", 1, [make.finding("x", 0.08)]),
        make.verdict("input_drift", 2, [make.finding("x", 0.15)]),
        make.verdict("input_drift", 3, [make.finding("x", 0.25)]),
        make.verdict("input_drift", 4, [make.finding("x", 0.9)]),
        make.verdict("input_drift", 5, rows=12),
        make.verdict("input_drift", 6, rows=0),
    ]
    strip = heat_strip(column_histories(verdicts, axis)["x"], axis)
    assert layers(strip) == {
        "known": "M0 0h6", "h0": "M0 0h1", "h1": "M1 0h1", "h2": "M2 0h1", "h3": "M3 0h1", "h4": "M4 0h1", "h5": "M5 0h1",
    }  # fmt: skip
    assert strip.label == "beyond its limit in 3 of 5 windows, at worst 9.0× its limit on 8 May 2026, 04:00"


def test_the_vote_decides_what_is_beyond_not_the_figure(make, axis):
    harmless = make.finding("x", 0.3, is_drift=False)  # a share over its limit that few rows do not prove
    drifting = make.finding("y", 0.01, 0.0, is_drift=True)
    found = column_histories([make.verdict("data_quality", 0, [harmless, drifting])], axis)
    assert layers(heat_strip(found["x"], axis)) == {"known": "M0 0h1", "h1": "M0 0h1"}
    assert layers(heat_strip(found["y"], axis)) == {"known": "M0 0h1", "h4": "M0 0h1"}
    assert found["x"].beyond == 0
    assert found["y"].worst == 99.0


def test_the_worst_of_all_signals_is_shown(make, axis):
    verdicts = [
        make.verdict("input_drift", 0, [make.finding("x", 0.05)]),
        make.verdict("data_quality", 0, [make.finding("x", 0.06, 0.02, statistic="null_fraction_increase")]),
    ]
    history = column_histories(verdicts, axis)["x"]
    assert history.ratios[0] == pytest.approx(3.0)
    assert (history.judged, history.beyond) == (1, 1)


def test_longer_windows_speak_only_where_shorter_ones_could_not(make, axis):
    verdicts = [
        make.verdict("input_drift", 0, [make.finding("x", 0.02)]),
        *(make.verdict("input_drift", hour, rows=12) for hour in range(1, 12)),
        make.verdict("input_drift", 0, [make.finding("x", 0.5)], scale=6 * make.HOUR),
    ]
    history = column_histories(verdicts, axis)["x"]
    assert layers(heat_strip(history, axis)) == {"known": "M0 0h12", "h0": "M0 0h1", "h4": "M1 0h5", "h5": "M6 0h6"}


def test_many_windows_in_a_cell_show_the_worst(make):
    axis = time_axis(Window(start=make.START, end=make.START + 720 * make.HOUR), make.HOUR, Clock("UTC"))
    verdicts = [
        make.verdict("input_drift", hour, [make.finding("x", 0.3 if hour == 401 else 0.01)]) for hour in range(720)
    ]
    assert layers(heat_strip(column_histories(verdicts, axis)["x"], axis))["h3"] == "M100 0h1"


def test_bars_of_a_column_have_the_limit_in_the_middle(make, axis):
    verdicts = [make.verdict("input_drift", i, [make.finding("x", score)]) for i, score in enumerate((0.05, 0.1, 0.3))]
    within, beyond = ratio_bars(column_histories(verdicts, axis)["x"])
    assert within == "M0 100V66.7H1V50H2V100z"
    assert beyond == "M2 100V25H3V100z"


def test_a_lane_shows_the_worst_state_of_all_window_lengths(make, axis):
    found = [make.finding("x", 0.01)]
    verdicts = [
        make.verdict("input_drift", 0, found),
        make.verdict("input_drift", 1, found, state="alert"),
        make.verdict("input_drift", 2),
        make.verdict("input_drift", 0, found, scale=2 * make.HOUR, state="suspect"),
    ]
    strip = state_strip(verdicts, axis)
    assert layers(strip) == {"known": "M0 0h3", "s-suspect": "M0 0h1", "s-alert": "M1 0h1", "s-unknown": "M2 0h1"}
    assert strip.label == "suspect in 33 % of the time, alert in 33 % of the time, unknown in 33 % of the time"
    assert state_strip([], axis).label == "no window yet"


def test_predictions_are_added_up_by_cell(make, axis):
    volume = {make.START: 10, make.START + make.HOUR: 40, make.START - 5 * make.HOUR: 900}
    assert volume_strip(volume, make.HOUR, axis) == ("M0 100V75H1V0H2V100z", 40.0)
    assert volume_strip({}, make.HOUR, axis) == ("", 0.0)


def test_quality_has_interval_levels_and_drops(make, axis):
    found = quality([make.scored(0, 0.82), make.scored(1, 0.80), make.scored(2, 0.70)], axis, "roc_auc")
    (series,) = found.series
    assert series.words == "0.7 (0.68 to 0.72) in the newest of 3 windows of 1 hour"
    assert series.band.endswith("z")
    assert series.dots.count("h0") == 3
    assert series.drops.count("h0") == 1
    assert [(level.name, level.value) for level in found.levels] == [
        ("at evaluation", "0.82"),
        ("lowest accepted", "0.79"),
    ]
    assert all(0 <= level.place <= 100 for level in found.levels)


def test_no_line_is_drawn_over_windows_that_were_not_scored(make, axis):
    (series,) = quality([make.scored(hour, 0.8) for hour in (0, 1, 5, 6, 9)], axis, "accuracy").series
    assert series.line.count("M") == 3
    assert series.line.count("L") == 2
    assert series.band.count("z") == 2, "one window alone has a stroke for its interval"


def test_longer_windows_are_shown_where_the_shortest_are_a_cloud(make):
    axis = time_axis(Window(start=make.START, end=make.START + 720 * make.HOUR), make.HOUR, Clock("UTC"))
    verdicts = [make.scored(hour, 0.8) for hour in range(720)] + [
        make.scored(day, 0.8, scale=make.DAY) for day in range(30)
    ]
    assert "of 30 windows of 24 hours" in quality(verdicts, axis, "accuracy").series[0].words


def test_an_estimate_stands_beside_what_was_measured(make, axis):
    verdicts = [make.scored(0, 0.8), make.scored(0, 0.9, signal="estimated_performance")]
    assert [series.style for series in quality(verdicts, axis, "accuracy").series] == ["measured", "estimated"]


def test_a_bound_from_above_is_called_so(make, axis):
    assert quality([make.scored(0, 0.9, floor=0.85)], axis, "rmse").levels[1].name == "highest accepted"


def test_without_a_scored_window_there_is_no_chart(make, axis):
    assert (
        quality([make.verdict("performance", 0, reason="none of 90 predictions has a label")], axis, "accuracy") is None
    )
    assert coverage([], {make.START: 10}, axis) is None


def test_coverage_tells_unlabelled_from_too_young(make, axis):
    volume = {make.START + hour * make.HOUR: 1000 for hour in range(6)}
    verdicts = [make.scored(0, 0.8, labelled=500), make.verdict("performance", 1, labelled=0, rows=0)]
    found = coverage(verdicts, volume, axis)
    assert found.bars == "M0 100V50H1V100z"
    assert layers(found.waiting) == {"waiting": "M2 0h4"}
    assert (
        found.words
        == "25.0 % of 2,000 predictions in scored windows have a label; newer windows still wait for theirs."
    )


def test_an_alert_lasts_from_its_begin_to_its_end(make, axis):
    lasting = make.alert(3, repeated=True, state="lasting", what="inputs still drift")
    said = [make.alert(1), lasting, make.alert(5, resolved=True), make.alert(8)]
    last, first = alert_marks.episodes(said, axis)
    assert (last.ended, last.said, last.place) == (None, 1, 75.0)
    assert last.place + last.length == 100.0
    assert (first.said, first.state, first.begun, first.ended) == (
        2,
        "lasting",
        make.START + 2 * make.HOUR,
        make.START + 6 * make.HOUR,
    )
    assert first.length == pytest.approx(100 * 4 / 12, abs=0.02)
    assert (first.what, first.latest, first.latest_at) == (
        "inputs drift",
        "inputs still drift",
        make.START + 4 * make.HOUR,
    )
    assert (last.what, last.latest) == ("inputs drift", "")


def test_alerts_of_two_rules_do_not_end_each_other(make, axis):
    said = [make.alert(1), make.alert(2, rule="loud"), make.alert(3, rule="loud", resolved=True)]
    assert [(each.rule, each.ended is None) for each in alert_marks.episodes(said, axis)] == [
        ("input_drift", True),
        ("loud", False),
    ]


def test_an_end_without_a_begin_and_what_is_long_past_are_left_out(make, axis):
    said = [make.alert(2, resolved=True), make.alert(-9), make.alert(-5, resolved=True)]
    assert alert_marks.episodes(said, axis) == []


def test_a_page_of_a_year_is_no_larger(make):
    axis = time_axis(Window(start=make.START, end=make.START + 365 * make.DAY), make.HOUR, Clock("UTC"))
    rng = np.random.default_rng(1)
    verdicts = [
        make.verdict("input_drift", hour, [make.finding("x", float(rng.gamma(2, 0.05)))]) for hour in range(0, 8760, 3)
    ]
    strip = heat_strip(column_histories(verdicts, axis)["x"], axis)
    assert sum(len(layer.path) for layer in strip.layers) < 8 * axis.cells

"""Passes over a log: quiet on null data, awake to a step, patient with labels, and the same when run again."""

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.contracts import Detector
from mlconfig.contracts.detector import DetectorTags
from mlconfig.monitoring.window_store import WindowStore
from mlconfig.records.feedback import key_text
from mlconfig.records.verdict import Finding

HOUR = 3600.0
BEGIN = 473_000 * HOUR


def by_signal(result, signal, scale=HOUR):
    return [verdict for verdict in result.verdicts if verdict.signal == signal and verdict.scale == scale]


def kept(before, found):
    """What a store holds after a pass."""
    both = {(v.version, v.signal, v.scale, v.window.start): v for v in [*before, *found]}
    return tuple(both.values())


def test_rows_of_the_window_that_is_open_are_not_read(new_log, watch):
    """They are judged once it is over; until then each pass would read them anew, for nothing."""
    log = new_log()
    for hour in range(3):
        log.hour(hour)
    asked = []
    blocks = log.blocks
    log.blocks = lambda since, until, *others: asked.append((since, until)) or blocks(since, until, *others)
    assert len(by_signal(log.passed(watch(), 2.7), "input_drift")) == 2
    assert asked == [(None, BEGIN + 2 * HOUR)]


def test_a_year_of_null_data_never_alarms(new_log, watch):
    rng = np.random.default_rng(3)
    judged = 0
    for month in range(12):  # 50 of each month's windows, of sizes around the least that is judged
        log = new_log(seed=100 + month)
        for hour in range(50):
            log.hour(hour, int(rng.choice([500, 700, 1500])))
        found = log.passed(watch(), 50)
        assert {verdict.state for verdict in found.verdicts} == {"ok"}
        judged += len(found.verdicts)
    assert judged == 12 * 50 * 2


def test_a_step_is_suspected_in_two_windows_and_lasts_in_twelve(new_log, watch):
    log = new_log()
    for hour in range(30):
        log.hour(hour, 1000, shift=0.6 * (hour >= 6))
    drift = by_signal(log.passed(watch(), 30), "input_drift")
    states = [verdict.state for verdict in drift]
    assert states[:7] == ["ok"] * 7
    assert states[7:9] == ["suspect", "alert"]
    assert states.index("lasting") == 17
    assert drift[-1].since == BEGIN + 6 * HOUR
    assert [f.column for f in drift[-1].findings if f.is_drift] == ["x"]
    assert {verdict.state for verdict in by_signal(log.passed(watch(), 30), "data_quality")} == {"ok"}


def test_a_ten_hour_spike_is_an_alert_and_never_lasting(new_log, watch):
    log = new_log()
    for hour in range(40):
        log.hour(hour, 600, shift=2.0 * (10 <= hour < 20))
    states = [verdict.state for verdict in by_signal(log.passed(watch(), 40), "input_drift")]
    assert "alert" in states
    assert "lasting" not in states
    assert states[-1] == "ok"


def test_eighty_percent_nulls_are_reported_by_quality_and_by_drift(new_log, watch):
    log = new_log()
    for hour in range(4):
        nulls = log.rng.normal(size=600)
        nulls[:480] = np.nan
        log.hour(hour, x=pa.array(nulls, from_pandas=True))
    found = log.passed(watch(), 4)
    for signal in ("data_quality", "input_drift"):
        newest = by_signal(found, signal)[-1]
        assert newest.state == "alert"
        assert [f.column for f in newest.findings if f.is_drift] == ["x"]
    assert "80.0% more nulls" in by_signal(found, "data_quality")[-1].findings[0].message


def test_a_column_that_is_not_logged_is_all_null(new_log, watch):
    log = new_log()
    log.hour(0)
    table = log.predictions
    given = table.column("inputs").combine_chunks()
    names = ["z", "plan", "customer"]
    fewer = pa.StructArray.from_arrays([given.field(name) for name in names], names)
    log._predictions = [table.set_column(table.schema.get_field_index("inputs"), "inputs", fewer)]
    assert by_signal(log.passed(watch(), 1), "data_quality")[0].findings[0].details["null_fraction_increase"] == 1.0


def test_too_few_rows_and_silence_are_unknown(new_log, watch):
    log = new_log()
    log.hour(0, 499)
    log.hour(3, 600)
    drift = by_signal(log.passed(watch(), 4), "input_drift")
    assert [verdict.state for verdict in drift] == ["unknown", "unknown", "unknown", "ok"]
    assert [verdict.reason for verdict in drift[:2]] == ["499 rows, and 500 are needed", "no prediction arrived"]


def test_silence_after_the_last_row_is_said_too(new_log, watch):
    log = new_log()
    log.hour(0)
    first = log.passed(watch(), 1)
    later = log.passed(watch(), 3, first.verdicts)
    assert [verdict.reason for verdict in by_signal(later, "input_drift")] == ["no prediction arrived"] * 2


def test_a_small_reference_leaves_drift_unknown_but_not_quality(new_log, watch):
    log = new_log()
    log.hour(0)
    found = log.passed(watch(reference_rows=5000), 1)
    (drift,) = by_signal(found, "input_drift")
    assert drift.state == "unknown"
    assert drift.reason == "the reference has 5000 rows; 20000 are needed, or 10 times the window's 600"
    assert by_signal(found, "data_quality")[0].state == "ok"
    assert by_signal(log.passed(watch(reference_rows=6000), 1), "input_drift")[0].state == "ok"


def test_a_pass_run_again_finds_nothing_new(new_log, watch):
    log = new_log()
    for hour in range(8):
        log.hour(hour, shift=hour >= 3, label_delay=600)
    watched_ = watch(scales=["4h"])
    first = log.passed(watched_, 8)
    assert (
        len(first.verdicts) == 3 * (8 + 2) - 2
    )  # performance of the newest hour, and of the newest four, is not mature
    again = log.passed(watched_, 8, first.verdicts)
    assert again.verdicts == ()


def test_passes_hour_by_hour_find_what_one_pass_finds(new_log, watch):
    log, store = new_log(), ()
    for hour in range(12):
        log.hour(hour, shift=hour >= 4)
        store = kept(store, log.passed(watch(scales=["4h"]), hour + 1, store).verdicts)
    key = lambda verdict: (verdict.window.end, verdict.scale, verdict.signal)  # noqa: E731
    assert sorted(store, key=key) == sorted(log.passed(watch(scales=["4h"]), 12).verdicts, key=key)


def test_longer_windows_hold_all_rows_of_theirs(new_log, watch):
    log = new_log()
    for hour in range(8):
        log.hour(hour, 300)
    found = by_signal(log.passed(watch(scales=["4h"]), 8), "input_drift", 4 * HOUR)
    assert [verdict.rows for verdict in found] == [1200, 1200]
    assert {verdict.state for verdict in found} == {"ok"}


def test_late_labels_ripen(new_log, watch):
    log = new_log()
    for hour in range(6):
        log.hour(hour, label_delay=3 * HOUR, accuracy=0.6)
    watched_ = watch(labels={"maturity": "3h"})
    early = log.passed(watched_, 6)
    assert len(by_signal(early, "performance")) == 3
    (skipped,) = early.skipped
    assert skipped.startswith("performance: 3 windows of 1 h wait for labels, at most until 3 h old")
    assert skipped.endswith("the oldest is 2 h old and has 1 of 600")
    late = log.passed(watched_, 9, early.verdicts)
    assert [verdict.window.start for verdict in by_signal(late, "performance")] == [BEGIN + h * HOUR for h in (3, 4, 5)]
    assert by_signal(late, "performance")[-1].state == "alert"
    assert "at evaluation" in by_signal(late, "performance")[-1].findings[0].message


def test_maturity_is_the_95th_percentile_of_the_delays(new_log, watch):
    log = new_log()
    for hour in range(6):
        log.hour(hour, label_delay=1800)
    performance = by_signal(log.passed(watch(), 6), "performance")
    assert [verdict.window.start for verdict in performance] == [BEGIN + h * HOUR for h in range(5)]
    assert {verdict.state for verdict in performance} == {"ok"}


def test_without_any_label_a_window_is_given_up_after_the_longest_delay(new_log, watch):
    log = new_log()
    log.hour(0)
    watched_ = watch(labels={"max_delay": "5h"})
    assert by_signal(log.passed(watched_, 5), "performance") == []
    assert by_signal(log.passed(watched_, 6), "performance")[0].reason == "none of 600 predictions has a label"


def test_coverage_is_reported_and_too_few_labels_are_unknown(new_log, watch):
    log = new_log()
    log.hour(0, label_delay=60, labelled=0.5)
    log.hour(1, label_delay=60, labelled=0.2)
    first, second = by_signal(log.passed(watch(), 3), "performance")
    assert first.rows == 300
    assert first.findings[0].details["coverage"] == 0.5
    assert second.state == "unknown"
    assert second.reason == "120 of 600 predictions with a label, and 200 are needed"


def test_more_labels_judge_a_window_again_and_change_later_states(new_log, watch):
    log = new_log()
    batches = [log.hour(hour, label_delay=60, labelled=0.1, accuracy=0.5) for hour in range(3)]
    for hour in range(3, 5):
        log.hour(hour, label_delay=60, accuracy=0.5)
    first = log.passed(watch(), 6)
    assert [verdict.state for verdict in by_signal(first, "performance")] == ["unknown"] * 3 + ["ok", "suspect"]
    for ids, truth, _ in batches:
        log.label(ids[60:], truth[60:], BEGIN + 6 * HOUR)
    second = log.passed(watch(labels={"maturity": "1m"}), 7, first.verdicts)
    states = [verdict.state for verdict in by_signal(second, "performance")]
    assert states[:5] == ["ok", "suspect", "alert", "alert", "alert"]
    assert log.passed(watch(labels={"maturity": "1m"}), 7, kept(first.verdicts, second.verdicts)).verdicts == ()


def test_a_window_with_all_its_labels_waits_for_none(new_log, watch):
    log, watched_ = new_log(), watch(labels={"maturity": "30d"})
    log.hour(0, label_delay=60)
    log.hour(1, label_delay=60, labelled=0.9)
    found = log.passed(watched_, 3)
    assert [verdict.window.start for verdict in by_signal(found, "performance")] == [BEGIN]


def test_a_corrected_label_judges_its_window_again(new_log, watch):
    log, watched_ = new_log(), watch(labels={"maturity": "1m"})
    ids, *_ = log.hour(0, label_delay=60, accuracy=0.5)
    first = log.passed(watched_, 2)
    assert by_signal(first, "performance")[0].vote is True
    right = log.predictions.column("prediction").to_pylist()
    log.label(ids, np.array([answer == '"yes"' for answer in right]), BEGIN + 3 * HOUR, label_version=2)
    second = log.passed(watched_, 4, first.verdicts)
    again = by_signal(second, "performance")[0]
    assert (again.window, again.vote, again.revisions) == (by_signal(first, "performance")[0].window, False, len(ids))
    third = log.passed(watched_, 5, kept(first.verdicts, second.verdicts))
    assert by_signal(third, "performance") == [], "and not once more"


def test_labels_by_key_a_corrected_label_and_one_too_late(new_log, watch):
    log = new_log()
    _, truth, customers = log.hour(0, accuracy=1.0)
    keys = [key_text([customer]) for customer in customers]
    log.label([], ~truth[:400], BEGIN + HOUR, keys=keys[:400])
    log.label([], truth[:400], BEGIN + HOUR, keys=keys[:400], label_version=2)
    log.label([], truth[400:], BEGIN + 40 * 24 * HOUR, keys=keys[400:])
    watched_ = watch(labels={"join": "data.key"})
    (found,) = by_signal(log.passed(watched_, 41 * 24), "performance")[:1]
    assert found.rows == 400
    assert found.findings[0].details["value"] == 1.0
    assert by_signal(log.passed(watch(labels={"maturity": "1h"}), 3), "performance")[0].rows == 0


def test_only_rows_of_the_version_count_and_a_new_version_begins_anew(new_log, watch):
    log = new_log()
    for hour in range(8):
        log.hour(hour, shift=1.0, version="1" if hour < 4 else "2")
    first = log.passed(watch(), 4)
    assert by_signal(first, "input_drift")[-1].state == "alert"
    second = log.passed(watch(version="2"), 8, first.verdicts)
    drift = by_signal(second, "input_drift")
    assert [verdict.window.start for verdict in drift] == [BEGIN + h * HOUR for h in (4, 5, 6, 7)]
    assert [verdict.state for verdict in drift] == ["ok", "suspect", "alert", "alert"]
    assert {verdict.version for verdict in second.verdicts} == {"2"}


def test_by_event_time_history_can_be_replayed(new_log, watch):
    log = new_log()
    for hour in (0, 1, 50):
        log.hour(hour, label_delay=60)
    found = log.passed(watch(time="event", labels={"maturity": "1m"}), 60)
    drift = by_signal(found, "input_drift")
    assert [verdict.rows for verdict in drift] == [
        600,
        600,
    ]  # the newest window is not complete, empty ones do not exist
    assert [verdict.state for verdict in drift] == ["ok", "ok"]
    assert all(verdict.window.end <= BEGIN - 30_000 * HOUR + 51 * HOUR for verdict in found.verdicts)
    assert by_signal(found, "performance")


def test_a_row_from_the_future_or_without_event_time_is_left_out(new_log, watch):
    log = new_log()
    log.hour(0)
    log.hour(1)
    table = log.predictions
    times = table.column("event_time").to_pylist()
    times[0], times[1] = 1e11, None
    log._predictions = [table.set_column(table.schema.get_field_index("event_time"), "event_time", pa.array(times))]
    found = log.passed(watch(time="event"), 2)
    assert found.skipped[0] == "2 predictions without an event time, or with one in the future"
    assert max(verdict.window.end for verdict in found.verdicts) <= BEGIN - 30_000 * HOUR + 2 * HOUR


class Broken(Detector):
    tags = DetectorTags()

    def check(self, evidence):
        raise RuntimeError("no luck")


def test_a_detector_that_raises_is_unknown_and_the_others_go_on(new_log, watch):
    log = new_log()
    log.hour(0)
    watched_ = watch()
    object.__setattr__(watched_, "detectors", {**watched_.detectors, "input_drift": Broken()})
    found = log.passed(watched_, 1)
    assert by_signal(found, "input_drift")[0].reason == "the detector `psi` raised RuntimeError: no luck"
    assert by_signal(found, "data_quality")[0].state == "ok"


class Odd(Detector):
    """Gives back what no detector may, or ends the process."""

    tags = DetectorTags()
    answer: object = None

    def check(self, evidence):
        if self.answer is SystemExit:
            raise SystemExit(3)
        return self.answer


@pytest.mark.parametrize("answer", [None, {"x": 1}, ("x",), 3, SystemExit], ids=str)
def test_a_detector_that_answers_nonsense_is_unknown_and_the_others_go_on(new_log, watch, answer):
    log, watched_, odd = new_log(), watch(), Odd()
    odd.answer = answer
    log.hour(0)
    object.__setattr__(watched_, "detectors", {**watched_.detectors, "input_drift": odd})
    found = log.passed(watched_, 1)
    verdict = by_signal(found, "input_drift")[0]
    assert verdict.state == "unknown"
    assert verdict.reason.startswith("the detector `psi` ")
    assert by_signal(found, "data_quality")[0].state == "ok"


NAN, INF = float("nan"), float("inf")
FINE = {"column": "x", "statistic": "psi", "drift_score": 1.0, "threshold": 0.1, "is_drift": True}


@pytest.mark.parametrize("how", ["built", "constructed"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"drift_score": NAN}, "gave a finding whose drift_score is nan, which is no finite number"),
        ({"threshold": INF}, "gave a finding whose threshold is inf, which is no finite number"),
        ({"p_value": NAN}, "gave a finding whose p_value is nan, which is no finite number"),
        ({"details": {"value": -INF}}, "gave a finding whose details.value is -inf, which is no finite number"),
        ({"shown_by": ("x", "nope")}, "gave a finding about the column `nope`, which the version does not have"),
        ({"column": "nope"}, "gave a finding about the column `nope`, which the version does not have"),
    ],
    ids=str,
)
def test_a_finding_that_can_not_be_is_unknown_with_its_detector_and_what_is_wrong(new_log, watch, wrong, said, how):
    class Strange(Detector):
        tags = DetectorTags()

        def check(self, evidence):
            return ((Finding if how == "built" else Finding.model_construct)(**{**FINE, **wrong}),)

    log, watched_ = new_log(), watch()
    log.hour(0)
    object.__setattr__(watched_, "detectors", {**watched_.detectors, "input_drift": Strange()})
    found = log.passed(watched_, 1)
    verdict = by_signal(found, "input_drift")[0]
    assert (verdict.vote, verdict.state, verdict.findings) == (None, "unknown", ())
    assert verdict.reason == f"the detector `psi` {said}"
    assert by_signal(found, "data_quality")[0].state == "ok"


def test_a_finding_of_the_wrong_types_is_told_without_the_validator_s_words(new_log, watch):
    class Strange(Detector):
        tags = DetectorTags()

        def check(self, evidence):
            return (Finding(**{**FINE, "drift_score": "high", "is_drift": 7}),)

    log, watched_ = new_log(), watch()
    log.hour(0)
    object.__setattr__(watched_, "detectors", {**watched_.detectors, "input_drift": Strange()})
    reason = by_signal(log.passed(watched_, 1), "input_drift")[0].reason
    assert reason == (
        "the detector `psi` gave a finding whose drift_score is 'high', which is no number; is_drift is 7, "
        "which is neither true nor false"
    )


def test_a_signal_may_name_its_columns(new_log, watch):
    log = new_log()
    log.hour(0, shift=2.0)
    named = watch(signals={"input_drift": {"columns": ["z", "plan"]}, "performance": "none"})
    (drift,) = by_signal(log.passed(named, 1), "input_drift")
    assert [finding.column for finding in drift.findings] == ["z", "plan"]
    assert drift.vote is False
    unknown = watch(signals={"input_drift": {"columns": ["nope"]}})
    assert by_signal(log.passed(unknown, 1), "input_drift")[0].reason == "the reference has no column `nope`"


def test_only_what_is_new_is_read(new_log, watch, tmp_path):
    log, known, read = new_log(), (), []
    watched_ = watch(signals={"performance": "none"}, scales=["4h"])
    blocks = log.blocks

    def counting(*args, **more):
        for block in blocks(*args, **more):
            read.append(len(block))
            yield block

    log.blocks = counting
    for hour in range(16):
        log.hour(hour, shift=hour >= 4)
        store = WindowStore(tmp_path, "1", watched_.baseline.inputs.layout.digest, HOUR)
        known = kept(known, log.passed(watched_, hour + 1, known, store=store).verdicts)
    assert sum(read) == 16 * 600  # each row once
    assert [v.rows for v in known if v.scale == 4 * HOUR and v.signal == "input_drift"] == [2400] * 4
    key = lambda verdict: (verdict.window.end, verdict.scale, verdict.signal)  # noqa: E731
    assert sorted(known, key=key) == sorted(log.passed(watched_, 16).verdicts, key=key)


def test_windows_before_those_that_are_known_are_left_alone(new_log, watch):
    log = new_log()
    for hour in range(6):
        log.hour(hour)
    found = log.passed(watch(), 6, known_since={HOUR: BEGIN + 4 * HOUR})
    assert [verdict.window.start for verdict in by_signal(found, "input_drift")] == [BEGIN + 4 * HOUR, BEGIN + 5 * HOUR]

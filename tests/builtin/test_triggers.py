"""Triggers: once a slot, and at the state that is asked for."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from mlconfig.builtin.trigger_lasting_drift import LastingDrift
from mlconfig.builtin.trigger_performance import PerformanceDrop
from mlconfig.builtin.trigger_schedule import Schedule
from mlconfig.contracts import TriggerView
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.vocabulary import Window


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def view(now, live="2026-01-01 00:00", retrain=None, verdicts=(), zone="UTC"):
    return TriggerView(at(now), at(live), at(retrain) if retrain else None, verdicts, zone)


def verdict(signal, state, since=None, message=""):
    finding = Finding(column="x", statistic="psi", drift_score=1.0, threshold=0.1, is_drift=True, message=message)
    window = Window(start=at("2026-01-02 00:00"), end=at("2026-01-02 01:00"))
    return Verdict(
        endpoint="e", version="1", signal=signal, detector="psi", window=window, scale=3600, rows=1000,
        vote=None if state == "unknown" else True, state=state, since=since, findings=(finding,),
    )  # fmt: skip


def test_the_schedule_fires_once_a_slot():
    monday = Schedule(Schedule.Params(cron="0 3 * * 1"))
    assert monday.fires(view("2026-01-05 02:59")) is None
    assert monday.fires(view("2026-01-05 03:00")) == "the schedule `0 3 * * 1` was due at 2026-01-05 03:00 (UTC)"
    assert monday.fires(view("2026-01-05 04:00", retrain="2026-01-05 03:01")) is None
    assert "2026-01-12" in monday.fires(view("2026-01-20 00:00", retrain="2026-01-05 03:01"))


def test_the_schedule_is_the_recipes_local_time():
    nightly = Schedule(Schedule.Params(cron="30 2 * * *"))
    assert nightly.fires(view("2026-07-01 00:29", live="2026-06-30 12:00", zone="Europe/Berlin")) is None
    assert "02:30 (Europe/Berlin)" in nightly.fires(
        view("2026-07-01 00:30", live="2026-06-30 12:00", zone="Europe/Berlin")
    )


@pytest.mark.parametrize("cron", ["every monday", "0 3 * *", "61 3 * * 1", "0 3 * * 1 0"])
def test_a_bad_cron_expression_is_named(cron):
    with pytest.raises(ValidationError, match="is no cron expression of five fields"):
        Schedule.Params(cron=cron)


def test_a_day_that_never_comes_is_named():
    with pytest.raises(ValidationError, match=r"no day fits `0 3 30 2 \*`"):
        Schedule.Params(cron="0 3 30 2 *")


def test_lasting_drift_wants_that_state_of_that_signal():
    trigger = LastingDrift()
    assert trigger.fires(view("2026-01-05 00:00", verdicts=[verdict("input_drift", "alert")])) is None
    assert trigger.fires(view("2026-01-05 00:00", verdicts=[verdict("data_quality", "lasting")])) is None
    assert trigger.fires(view("2026-01-05 00:00", verdicts=[verdict("input_drift", "unknown")])) is None
    lasting = verdict("input_drift", "lasting", at("2026-01-01 12:00"), "`x` moved")
    why = trigger.fires(view("2026-01-05 00:00", verdicts=[verdict("input_drift", "alert"), lasting]))
    assert why == "input_drift is lasting since 2026-01-01 12:00 UTC: `x` moved"


def test_performance_fires_at_alert_and_worse():
    trigger = PerformanceDrop()
    assert trigger.fires(view("2026-01-05 00:00", verdicts=[verdict("performance", "suspect")])) is None
    for state in ("alert", "lasting"):
        assert trigger.fires(view("2026-01-05 00:00", verdicts=[verdict("performance", state)]))
    late = PerformanceDrop(PerformanceDrop.Params(at="lasting"))
    assert late.fires(view("2026-01-05 00:00", verdicts=[verdict("performance", "alert")])) is None


def test_params_read_from_a_recipe():
    params = LastingDrift.Params.model_validate_json('{"signals": ["a", "b"], "at": "suspect"}', strict=True)
    assert params.signals == ("a", "b")
    assert LastingDrift.Params.model_validate_json('{"signals": "a"}', strict=True).signals == ("a",)

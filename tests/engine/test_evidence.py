"""What counts: nothing found before the endpoint came back to a version, nothing twice, nothing by settings of before."""

import time
from datetime import UTC, datetime

import pytest

from mlconfig.engine.tenure import tenure
from mlconfig.lifecycle.states import State
from mlconfig.monitoring.windows import window_at

HOUR = 3600.0
RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 800, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation: {metric: accuracy, interval: {resamples: 30}, gates: {accuracy: {min: 0.6, not_worse_by: 0.2}}}
monitoring:
  every: 1h
  scales: [1h]
  min_rows: 40
  reference: {min_rows: 500}
  persistence: {suspect: [1, 2], alert: [1, 2], lasting: [2, 2]}
  labels: {maturity: 1h}
  signals:
    performance: {params: {min_rows: 40}}
    multivariate_drift: none
    domain: none
    prediction_drift: none
    confidence: none
    estimated_performance: none
    service: none
alerts: {rules: {worse: {signal: performance, when: suspect, action: retrain}}}
retraining: {when: {lasting_drift: {}, performance: {}}, cooldown: 1h}
"""


def wrong(target):
    return 1 - target


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


def turn(shop, plan, now, *, act=False):
    """What is wanted is only said, if not told otherwise."""
    return shop.turn(plan, now, act=act)


def back(shop):
    """A rollback, now."""
    with shop.store() as store, tenure(store, shop.name) as lease:
        store.routes.rollback(shop.name, reason="v2 is worse", now=time.time(), lease=lease)


def latest_hour():
    """The newest window of an hour that is over."""
    return window_at(time.time(), HOUR).start - HOUR


def test_what_a_version_was_found_before_a_rollback_to_it_neither_alerts_nor_triggers(shop, make_traffic):
    plan = shop.live()
    traffic, past = make_traffic(plan), latest_hour() - HOUR
    for hour in (past, past + HOUR):
        traffic.send("moved", 80, hour, label=wrong)
    before = turn(shop, plan, past + 3 * HOUR)
    assert before.decision.retrain
    assert {alert.rule for alert in before.alerts} == {"worse"}

    shop.live("model.params.C=0.5")
    assert [alert.resolved for alert in turn(shop, plan, past + 3 * HOUR + 1).alerts] == [True]
    back(shop)
    after = turn(shop, plan, past + 3 * HOUR + 2)
    assert (after.verdicts, after.alerts) == ((), ())
    assert not after.decision.retrain

    first = latest_hour() + 2 * HOUR  # the first window that began after the rollback
    traffic.send("moved", 80, first, label=wrong)
    one = turn(shop, plan, first + 2 * HOUR)
    assert {verdict.window.start for verdict in one.verdicts if verdict.vote is not None} == {first}
    assert {verdict.since for verdict in one.verdicts if verdict.vote} == {first}
    assert "input_drift" in {verdict.signal for verdict in one.verdicts if verdict.state == "alert"}, "not lasting"
    assert [alert.since for alert in one.alerts] == [first]


def test_a_window_that_a_refused_retrain_rested_on_asks_for_no_other_one(shop, make_traffic):
    plan = shop.live()
    traffic, past = make_traffic(plan), latest_hour()
    traffic.send("usual", 80, past, label=wrong)
    asked = turn(shop, plan, past + 2 * HOUR, act=True)
    assert asked.decision.retrain
    with shop.store() as store, tenure(store, shop.name) as lease:
        rollout = store.rollouts.open(shop.name)
        store.rollouts.transition(
            rollout.id, rollout.row_version, State.FAILED, reason="refused", now=time.time(), lease=lease
        )
    again = turn(shop, plan, past + 2 * HOUR + 90 * 60)
    assert [v for v in again.verdicts if v.vote is not None] == []
    assert not again.decision.retrain, "neither the trigger nor the alert that is still open"
    traffic.send("usual", 80, past + 4 * HOUR, label=wrong)
    assert turn(shop, plan, past + 6 * HOUR).decision.retrain, "a new window is new evidence"


def test_other_settings_judge_the_newest_windows_anew_and_tell_what_holds_now(shop, make_traffic):
    plan = shop.live("monitoring.min_rows=100")
    traffic, past = make_traffic(plan), latest_hour() - HOUR
    for hour in (past, past + HOUR):
        traffic.send("moved", 80, hour)
    found = turn(shop, plan, past + 2 * HOUR)
    assert {v.state for v in found.verdicts if v.signal == "input_drift"} == {"unknown"}

    lower = shop.plan("monitoring.min_rows=50", "alerts.rules={drift: {signal: input_drift}}")
    anew = turn(shop, lower, past + 2 * HOUR + 60)
    drift = [v for v in anew.verdicts if v.signal == "input_drift"]
    assert [(v.window.start, v.state) for v in drift] == [(past, "alert"), (past + HOUR, "lasting")]
    assert [(alert.state, alert.resolved) for alert in anew.alerts] == [("lasting", False)], "once, as it is now"
    assert turn(shop, lower, past + 2 * HOUR + 61).verdicts == ()

    higher = shop.plan("monitoring.min_rows=100", "alerts.rules={drift: {signal: input_drift, when: suspect}}")
    assert {v.state for v in turn(shop, higher, past + 2 * HOUR + 62).verdicts if v.signal == "input_drift"} == {
        "unknown"
    }
    told = shop.plan("monitoring.min_rows=100")
    assert turn(shop, told, past + 2 * HOUR + 63).verdicts == (), "who is told changes nothing that was found"


def test_by_event_time_too_a_version_that_came_back_is_judged_by_what_came_after(shop, make_traffic):
    plan = shop.live("monitoring.time=event")
    traffic, begin = make_traffic(plan), 400_000 * HOUR

    def send(hour, at):
        times = [datetime.fromtimestamp(begin + hour * HOUR + 40 * row, UTC) for row in range(80)]
        traffic.send("moved", 80, at, label=wrong, times=times)

    now = time.time()
    for hour in range(3):
        send(hour, now - 100 + hour)
    assert turn(shop, plan, now).decision.retrain
    shop.live("model.params.C=0.5", "monitoring.time=event")
    back(shop)
    assert turn(shop, plan, time.time()).decision.retrain is False
    later = time.time() + 5
    for hour in range(3, 6):
        send(hour, later + hour)
    starts = {verdict.window.start for verdict in turn(shop, plan, later + 60).verdicts}
    assert starts == {begin + 3 * HOUR, begin + 4 * HOUR}

"""An episode is said once, again when it gets worse, and once at its end; and verdicts as rows."""

import json

from mlconfig.monitoring.alerts import alerts_of
from mlconfig.monitoring.table import COLUMNS, as_json, table_rows
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.vocabulary import FrozenDict, Window

HOUR = 3600.0


def verdict(hour, state, scale=HOUR, **more):
    drifts = state not in ("ok", "unknown")
    finding = Finding(
        column="x", statistic="psi", drift_score=0.3, threshold=0.1, is_drift=drifts, details=FrozenDict({"psi": 0.3}),
        message="`x` moved" if drifts else "",
    )  # fmt: skip
    fields = {
        "endpoint": "demo", "version": "2", "signal": "input_drift", "detector": "psi", "rows": 1000, "state": state,
        "vote": None if state == "unknown" else drifts, "since": 0.0 if drifts else None, "scale": scale,
        "window": Window(start=hour * scale, end=(hour + 1) * scale), "findings": (finding,),
    }  # fmt: skip
    return Verdict(**{**fields, **more})


def said(verdicts, previous=()):
    return [(alert.state, alert.resolved) for alert in alerts_of(verdicts, previous, recipe="churn", at=9.0)]


def run(states):
    return [verdict(hour, state) for hour, state in enumerate(states)]


def test_an_episode_is_said_once_again_when_worse_and_at_its_end():
    states = ["ok", "suspect", "alert", "alert", "unknown", "lasting", "alert", "lasting", "suspect", "ok", "alert"]
    assert said(run(states)) == [("alert", False), ("lasting", False), ("suspect", True), ("alert", False)]


def test_what_one_pass_says_the_next_does_not_repeat():
    whole = run(["suspect", "alert", "alert", "unknown", "alert", "ok"])
    for cut in range(len(whole) + 1):
        parts = said(whole[:cut]) + said(whole[cut:], whole[:cut])
        assert parts == [("alert", False), ("ok", True)]


def test_a_signal_is_as_bad_as_its_worst_scale():
    hours = run(["alert", "alert", "ok", "ok"])
    assert said([*hours, verdict(0, "alert", 3 * HOUR)]) == [("alert", False)]
    assert said([*hours, verdict(0, "ok", 3 * HOUR)]) == [("alert", False), ("ok", True)]


def test_a_restated_old_window_changes_nothing_now():
    assert said([verdict(0, "alert")], run(["ok", "ok"])) == []


def test_an_alert_says_what_since_when_and_what_to_do():
    (alert,) = alerts_of([verdict(0, "alert", advice="look")], [], recipe="churn", owner="ann", at=9.0)
    assert alert.what == "input_drift of version 2: alert since 1970-01-01 00:00 UTC: `x` moved"
    assert (alert.recipe, alert.owner, alert.endpoint, alert.at, alert.advice) == ("churn", "ann", "demo", 9.0, "look")
    assert len(alert.findings) == 1
    (_, ended) = alerts_of(run(["alert", "ok"]), [], recipe="churn", at=9.0)
    assert ended.what == "input_drift of version 2 is ok again"


def test_verdicts_as_rows_and_as_json():
    verdicts = [verdict(0, "ok"), verdict(1, "alert"), verdict(2, "unknown", findings=(), reason="3 rows")]
    rows = table_rows(verdicts)
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert rows[0] == ("1970-01-01 00:00", "1h", "input_drift", "1,000", "no", "ok", "", "`x` psi 0.300 of 0.100")
    assert [row[-1] for row in rows[1:]] == ["`x` moved", "3 rows"]
    assert [Verdict.model_validate(entry) for entry in json.loads(as_json(verdicts))] == verdicts

"""An episode is said once, again when it gets worse, and once at its end; and verdicts as rows."""

import json

from mlconfig.monitoring.alerts import Said, alerts_of, recipients, standing_alerts, wanted_retrain, wanted_rollback
from mlconfig.monitoring.table import COLUMNS, advice_lines, as_json, table_rows, what_was_found
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.sections import Alerts, Monitoring
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
    found = alerts_of(verdicts, previous, alerts=Alerts(), monitoring=Monitoring(), recipe="churn", at=9.0)
    return [(alert.state, alert.resolved) for alert in found]


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
    standard = {"alerts": Alerts(), "monitoring": Monitoring(), "recipe": "churn", "at": 9.0}
    (alert,) = alerts_of([verdict(0, "alert", advice="look")], [], owner="ann", **standard)
    assert alert.what == "input_drift of version 2: alert since 1970-01-01 00:00 UTC: `x` moved"
    assert (alert.recipe, alert.owner, alert.endpoint, alert.at, alert.advice) == ("churn", "ann", "demo", 9.0, "look")
    assert len(alert.findings) == 1
    (_, ended) = alerts_of(run(["alert", "ok"]), [], **standard)
    assert ended.what == "input_drift of version 2 is ok again"


def rules(**declared):
    sinks = {"log": {}, "ops": "log"}
    return Alerts.model_validate({"sinks": sinks, "rules": declared})


def by(declared, verdicts, previous=(), at=9.0):
    found = alerts_of(verdicts, previous, alerts=declared, monitoring=Monitoring(), recipe="churn", at=at)
    return [(alert.rule, alert.state, alert.resolved) for alert in found]


def test_without_rules_each_signal_is_told_under_its_own_name_to_every_sink():
    alerts = Alerts.model_validate({"sinks": {"log": {}, "ops": "log"}})
    (alert,) = alerts_of(run(["alert"]), (), alerts=alerts, monitoring=Monitoring(), recipe="churn", at=9.0)
    assert (alert.rule, alert.severity, alert.action) == ("input_drift", "warning", "notify")
    assert recipients(alerts, "input_drift") == ("log", "ops")
    strangers = [verdict(0, "alert", signal="no_longer_watched")]
    assert said(strangers) == [], "what is not watched any more is not told"


def test_two_rules_on_one_signal_each_begin_and_end_by_their_own_state():
    declared = rules(
        drift={"signal": "input_drift", "to": ["log"]},
        pager={"signal": "input_drift", "when": "lasting", "severity": "critical", "to": ["ops"]},
    )
    assert by(declared, run(["alert", "lasting", "alert", "ok"])) == [
        ("drift", "alert", False), ("drift", "lasting", False), ("drift", "ok", True),
        ("pager", "lasting", False), ("pager", "alert", True),
    ]  # fmt: skip
    assert (recipients(declared, "drift"), recipients(declared, "pager")) == (("log",), ("ops",))
    assert recipients(declared, "gone") == ()


def test_a_rule_may_speak_at_a_mere_suspicion():
    declared = rules(early={"signal": "input_drift", "when": "suspect", "severity": "info"})
    assert by(declared, run(["suspect", "alert", "ok"])) == [
        ("early", "suspect", False), ("early", "alert", False), ("early", "ok", True),
    ]  # fmt: skip


def test_an_alert_carries_what_it_was_measured_by_and_what_the_rule_says():
    declared = rules(drift={"signal": "input_drift", "severity": "critical", "action": "retrain", "advice": "see runbook",
                            "normal": [0.0, 0.05]})  # fmt: skip
    found = verdict(0, "lasting", advice="look", cause="pipeline_break")
    (alert,) = alerts_of([found], (), alerts=declared, monitoring=Monitoring(), recipe="churn", owner="ann", at=9.0)
    assert (alert.value, alert.threshold, alert.normal) == (0.3, 0.1, (0.0, 0.05))
    assert (alert.severity, alert.action, alert.advice, alert.cause) == (
        "critical",
        "retrain",
        "see runbook",
        "pipeline_break",
    )
    assert alert.what.endswith(
        ": lasting since 1970-01-01 00:00 UTC: `x` moved; probably something broke on the way of the rows"
    )
    assert alert.window == found.window
    assert alert.repeat_at == 9.0 + 24 * HOUR
    plain = alerts_of([found], (), alerts=Alerts(), monitoring=Monitoring(), recipe="churn", at=9.0)[0]
    assert (plain.normal, plain.advice) == ((0.0, 0.1), "look"), "without its own, up to the threshold"


def moved(score):
    return Finding(column="x", statistic="psi", drift_score=score, threshold=0.1, is_drift=True, message=f"{score}")


def test_inside_its_normal_range_nothing_is_said_whatever_the_state():
    declared = rules(drift={"signal": "input_drift", "normal": [0.0, 0.5]})
    usual = [verdict(hour, "lasting", findings=(moved(0.4),)) for hour in range(3)]
    assert by(declared, usual) == []
    beyond = [*usual, verdict(3, "lasting", findings=(moved(0.4), moved(0.6)))]
    assert by(declared, beyond) == [("drift", "lasting", False)], "the worst finding counts"
    back = [*beyond, verdict(4, "lasting", findings=(moved(0.4),))]
    found = alerts_of(back, (), alerts=declared, monitoring=Monitoring(), recipe="churn", at=9.0)
    assert [alert.resolved for alert in found] == [False, True]
    assert found[1].what == "input_drift of version 2 is inside its normal range again"


def test_a_window_without_a_vote_amid_an_episode_is_no_end_of_it():
    declared = rules(drift={"signal": "input_drift", "normal": [0.0, 0.2]})
    quiet = verdict(1, "alert", vote=False, findings=(moved(0.01).model_copy(update={"is_drift": False}),))
    assert by(declared, [verdict(0, "alert"), quiet, verdict(2, "ok")]) == [
        ("drift", "alert", False),
        ("drift", "ok", True),
    ]


def test_what_lasts_is_said_again_after_a_while_and_only_then():
    alerts = Alerts.model_validate({"repeat": "3h"})
    states = run(["alert"] * 8)
    found = alerts_of(states, (), alerts=alerts, monitoring=Monitoring(), recipe="churn", at=9.0)
    assert [alert.repeated for alert in found] == [False, True, True]
    assert [alert.window.end for alert in found] == [HOUR, 4 * HOUR, 7 * HOUR]
    for cut in range(len(states) + 1):
        parts = [alerts_of(part, before, alerts=alerts, monitoring=Monitoring(), recipe="churn", at=9.0)
                 for part, before in ((states[:cut], ()), (states[cut:], states[:cut]))]  # fmt: skip
        assert [alert.window for part in parts for alert in part] == [alert.window for alert in found]


DARK = {"signal": "input_drift", "when": "unknown"}


def drifting(hour, *columns, state="alert"):
    """A window in which these columns drift, of two that are looked at."""
    findings = tuple(
        Finding(column=name, statistic="psi", drift_score=0.3 if name in columns else 0.0, threshold=0.1,
                is_drift=name in columns, message=f"`{name}` moved" if name in columns else "")
        for name in ("x", "y")
    )  # fmt: skip
    return verdict(hour, state, findings=findings, vote=bool(columns))


def test_a_column_that_joins_an_alert_is_told_once_and_only_when_it_is_as_bad_itself():
    hours = [drifting(0, "x"), *(drifting(hour, "x", "y") for hour in range(1, 5)), drifting(5, "x")]
    found = alerts_of(hours, [], alerts=Alerts(), monitoring=Monitoring(), recipe="churn", at=9.0)
    assert [alert.window.start / HOUR for alert in found] == [0, 3]
    assert found[1].what == (
        "input_drift of version 2: alert since 1970-01-01 00:00 UTC, now in `y` too: `y` moved; `x` moved"
    )
    assert found[1].about == ("x", "y")
    assert not found[1].repeated
    noise = [drifting(0, "x"), drifting(1, "x", "y"), drifting(2, "x"), drifting(3, "x")]
    assert said(noise) == [("alert", False)]


def test_what_one_pass_says_of_a_column_that_joins_the_next_does_not_repeat():
    whole = [drifting(0, "x"), *(drifting(hour, "x", "y") for hour in range(1, 5)), verdict(5, "ok")]
    for cut in range(len(whole) + 1):
        assert len(said(whole[:cut]) + said(whole[cut:], whole[:cut])) == 3


def test_a_signal_that_was_judged_and_cannot_be_any_more_is_told_once_it_stays_so():
    declared = rules(dark=DARK)
    gaps = ["ok", "unknown", "ok", "unknown", "unknown", "unknown", "unknown", "ok"]
    verdicts = [verdict(hour, state, reason="12 rows, and 500 are needed") for hour, state in enumerate(gaps)]
    assert by(declared, verdicts) == [("dark", "unknown", False), ("dark", "ok", True)]
    (alert, end) = alerts_of(verdicts, (), alerts=declared, monitoring=Monitoring(), recipe="churn", at=9.0)
    assert alert.window.start == 4 * HOUR, "three of the last four"
    assert alert.what == "input_drift of version 2: unknown since 1970-01-01 03:00 UTC: 12 rows, and 500 are needed"
    assert end.what == "input_drift of version 2 is judged again"


def test_the_first_windows_are_no_news_but_rows_that_never_suffice_are():
    declared = rules(dark=DARK)
    assert by(declared, run(["unknown"] * 11)) == []
    assert by(declared, run(["unknown"] * 12)) == [("dark", "unknown", False)]
    days = [verdict(0, "ok", 24 * HOUR)]
    assert by(declared, [*run(["unknown"] * 60), *days]) == [("dark", "unknown", False), ("dark", "unknown", True)], (
        "an hour that is never long enough is no loss where the day is judged"
    )


def test_the_votes_are_the_signals_own():
    monitoring = Monitoring.model_validate(
        {"signals": {"input_drift": {"persistence": {"suspect": (1, 1), "alert": (1, 1), "lasting": (1, 1)}}}}
    )
    found = alerts_of(run(["unknown"]), (), alerts=rules(dark=DARK), monitoring=monitoring, recipe="churn", at=9.0)
    assert [alert.state for alert in found] == ["unknown"]


def standing(history, open_alerts=(), version="2", declared=None):
    said_by = Said("churn", None, 9.0, declared or Alerts(), Monitoring())
    return [(alert.version, alert.rule, alert.resolved, alert.what.split(": ")[0]) for alert in
            standing_alerts(history, open_alerts, version, said_by)]  # fmt: skip


def test_what_holds_and_what_ended_is_known_from_the_history_alone():
    alerted = run(["alert"])
    (open_one,) = alerts_of(alerted, (), alerts=Alerts(), monitoring=Monitoring(), recipe="churn", at=9.0)
    assert standing(alerted) == [("2", "input_drift", False, "input_drift of version 2")]
    assert standing([*alerted, verdict(1, "unknown")], [open_one]) == standing(alerted)
    assert standing(run(["alert", "ok"]), [open_one]) == [
        ("2", "input_drift", True, "input_drift of version 2 is ok again")
    ]
    assert standing([], [open_one]) == [], "nothing shows that it ended"
    assert standing([verdict(1, "unknown")], [open_one]) == []
    assert standing([], [open_one], version="3") == [("2", "input_drift", True, "input_drift")]
    other = rules(other={"signal": "performance"})
    assert standing(alerted, [open_one], declared=other) == [("2", "input_drift", True, "input_drift")]


def test_what_open_alerts_want():
    declared = rules(
        again={"signal": "input_drift", "action": "retrain"},
        back={"signal": "input_drift", "when": "lasting", "action": "rollback"},
    )
    alert, worse, back = alerts_of(
        run(["alert", "lasting"]), (), alerts=declared, monitoring=Monitoring(), recipe="c", at=9.0
    )
    assert wanted_retrain([alert]) == "alert `again`: input_drift is alert"
    assert wanted_retrain([worse, back]) == "alert `again`: input_drift is lasting"
    assert wanted_rollback([alert, worse]) is None
    assert wanted_rollback([alert, back]) == back
    assert wanted_retrain([]) is None
    assert wanted_retrain([alert.model_copy(update={"resolved": True})]) is None


def test_many_findings_are_told_the_worst_first_and_counted():
    found = verdict(0, "alert", findings=tuple(moved(score) for score in (0.2, 0.9, 0.3, 0.5, 0.4)))
    (alert,) = alerts_of([found], (), alerts=Alerts(), monitoring=Monitoring(), recipe="churn", at=9.0)
    assert alert.what.endswith(": 0.9; 0.5; 0.4; and 2 more")
    assert alert.value == 0.9
    assert [finding.drift_score for finding in alert.findings] == [
        0.9,
        0.5,
        0.4,
        0.3,
        0.2,
    ]  # sinks list them in their order
    assert table_rows([found])[0][-1] == "0.9; 0.5; 0.4; 0.3; 0.2"


def test_verdicts_as_rows_and_as_json():
    verdicts = [verdict(0, "ok"), verdict(1, "alert"), verdict(2, "unknown", findings=(), reason="3 rows")]
    rows = table_rows(verdicts)
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert rows[0] == (
        "1970-01-01 00:00",
        "1h",
        "input_drift",
        "1,000",
        "no",
        "ok",
        "",
        "`x` psi 0.300 of 0.100: over it, but 1,000 rows are too few to rule out chance",
    )
    assert [row[-1] for row in rows[1:]] == ["`x` moved", "3 rows"]
    assert [Verdict.model_validate(entry) for entry in json.loads(as_json(verdicts))] == verdicts


def test_requests_are_counted_as_requests():
    few = Finding(
        column=None, statistic="rejected_fraction", drift_score=1.0, threshold=0.5, is_drift=False,
        details=FrozenDict({"requests": 15.0}),
    )  # fmt: skip
    told = what_was_found(verdict(0, "ok", signal="service", rows=15, findings=(few,)))
    assert told.endswith("15 requests are too few to rule out chance")


def test_a_state_whose_newest_window_is_fine_is_not_shown_beside_a_figure_as_if_it_were_why():
    fine = drifting(0, state="alert")
    assert what_was_found(fine) == "this window is within its limits: `x` psi 0.000 of 0.100"


def test_what_joins_an_alert_and_is_no_column_is_told_in_words():
    gone = Finding(
        column=None, statistic="missing_columns", drift_score=1.0, threshold=0.0, is_drift=True, message="`y` is null"
    )
    hours = [drifting(hour, "x") for hour in range(4)]
    hours[1:] = [each.model_copy(update={"findings": (*each.findings, gone)}) for each in hours[1:]]
    found = alerts_of(hours, [], alerts=Alerts(), monitoring=Monitoring(), recipe="churn", at=9.0)
    assert found[-1].what == (
        "input_drift of version 2: alert since 1970-01-01 00:00 UTC, now also missing columns: `y` is null; `x` moved"
    )


def advised(state, scale, cause, advice, **more):
    return verdict(0, state, scale, cause=cause, advice=advice, **{"vote": True, **more})


def test_the_advice_is_that_of_the_worst_scale():
    lasting = advised("lasting", HOUR, "lasting_drift", "retrain")
    first_day = advised("ok", 24 * HOUR, "spike", "watch")
    told = ["input_drift: probably the world has changed, and stays so; retrain"]
    assert advice_lines([lasting, first_day]) == advice_lines([first_day, lasting]) == told
    passing = lasting.model_copy(update={"vote": False, "cause": None, "advice": ""})
    (line,) = advice_lines([passing, first_day])
    assert "spike" not in line
    assert "lasting, though its newest window does not vote" in line
    assert advice_lines([verdict(0, "ok")]) == []

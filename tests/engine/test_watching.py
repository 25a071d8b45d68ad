"""A watch by hand on a real version: all signals, one stretch of time, one column in full."""

from datetime import UTC, datetime

import pytest

from mlconfig.cli.explained import as_tree, print_explanation
from mlconfig.cli.tables import console
from mlconfig.engine.cycle import run_cycle
from mlconfig.engine.watching import OTHER_PLAN, explain, judge_window, parse_stretch, watch_now
from mlconfig.errors import DataError, EngineError, PlanError

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 3000, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation:
  metric: accuracy
  interval: {resamples: 30}
monitoring:
  every: 1h
  scales: [1h, 2h]
  min_rows: 200
  reference: {min_rows: 2000}
  signals: {domain: {every: 2h}}
"""
HOUR = 3600.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """It stands still."""
    monkeypatch.setattr("mlconfig.engine.watching.time.time", lambda: NOON + 4 * HOUR)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, make_project, mlflow_uri):
    """The recipe of a project."""
    return make_project(tmp_path_factory.mktemp("watched"), mlflow_uri).write(RECIPE)


@pytest.fixture(scope="module")
def live(shop, make_traffic_of):
    """Two usual hours, then two that moved."""
    plan = shop.plan()
    shop.go_live(plan)
    traffic = make_traffic_of(shop, plan)
    for hour, kind in enumerate(("usual", "usual", "moved", "moved")):
        traffic.send(kind, 400, NOON + hour * HOUR)
    return shop, plan, shop.workspace(plan)


def test_nothing_live_and_nothing_monitored_are_told(project):
    shop = project.write(RECIPE)
    plan = shop.plan()
    with pytest.raises(EngineError, match="no version of"):
        watch_now(shop.workspace(plan), plan)
    without = shop.plan("monitoring=none")
    with pytest.raises(PlanError, match="declares no monitoring"):
        judge_window(shop.workspace(without), without, "1h")


def test_a_stretch_is_judged_by_itself_and_nothing_is_kept(live):
    shop, plan, workspace = live
    window, verdicts = judge_window(workspace, plan, "2h")
    assert (window.start, window.end) == (NOON + 2 * HOUR, NOON + 4 * HOUR)
    drift = next(v for v in verdicts if v.signal == "input_drift")
    assert (drift.vote, drift.state, drift.rows) == (True, "alert", 800)
    _, before = judge_window(workspace, plan, "2026-03-01 12:00..2026-03-01 14:00")
    assert {v.signal for v in before if v.vote} == set()
    assert next(v for v in before if v.signal == "performance").labelled == 800
    with shop.store() as store:
        assert store.verdicts.latest(shop.name, "1") == []
        assert store.alerts.open(shop.name) == []


def test_every_signal_that_applies_has_its_say(live):
    shop, plan, workspace = live
    with shop.store() as store:
        verdicts = run_cycle(workspace, plan, store, NOON + 4 * HOUR).verdicts
    newest = {v.signal: v for v in verdicts if v.scale == HOUR and v.window.start == NOON + 3 * HOUR}
    quiet = {v.signal: v for v in verdicts if v.scale == HOUR and v.window.start == NOON}
    assert set(quiet) == {
        "data_quality", "input_drift", "multivariate_drift", "prediction_drift", "confidence", "performance",
        "estimated_performance", "service",
    }  # fmt: skip
    assert {name for name, v in quiet.items() if v.vote} == set()
    assert {name for name, v in quiet.items() if v.vote is None} <= {"service", "multivariate_drift"}
    assert newest["input_drift"].vote
    assert newest["input_drift"].state == "suspect"
    assert newest["input_drift"].cause == "spike"
    assert newest["input_drift"].reference == "training rows"
    assert "passes" in newest["input_drift"].advice
    assert "domain" in newest, "a slower signal that names columns is asked on suspicion"
    assert newest["domain"].vote
    assert {v.window.start for v in verdicts if v.signal == "domain" and v.scale == HOUR} == {NOON + 3 * HOUR}
    assert {v.window.start for v in verdicts if v.signal == "domain" and v.scale == 2 * HOUR} == {NOON, NOON + 2 * HOUR}


def test_a_column_is_explained_down_to_its_threshold(live, capsys):
    _, plan, workspace = live
    window, explained = explain(workspace, plan, "x0", None)
    assert window.start == NOON + 3 * HOUR
    assert sum(each.current for each in explained.bins if not each.label.startswith("of these")) == 400
    judged = {each.verdict.signal: each for each in explained.judged}
    assert set(judged) == {"data_quality", "input_drift"}
    (finding,) = judged["input_drift"].verdict.findings
    assert finding.is_drift
    assert f"/ n_e = {finding.threshold:.4f}" in judged["input_drift"].sentences[-1]
    assert explained.budget[-1].endswith(f"= {explained.alpha:.3g} for each check")
    assert as_tree(window, explained)["judged"][0]["verdict"]["signal"] == "data_quality"
    print_explanation(console(), window, explained)
    said = capsys.readouterr().out
    assert "`x0` (numeric), 2026-03-01 15:00 to 2026-03-01 16:00 UTC" in said
    assert f"psi {finding.drift_score:.4f} is over {finding.threshold:.4f}" in said
    with pytest.raises(
        DataError, match=r"column `x9`: is not monitored\n  hint: one of x0, x1, x2, .*prediction.label"
    ):
        explain(workspace, plan, "x9", None)


def test_the_answers_can_be_explained_too(live):
    _, plan, workspace = live
    _, explained = explain(workspace, plan, "prediction.label", "4h")
    assert {each.verdict.signal for each in explained.judged} == {"prediction_drift"}
    assert explained.rows == 1600


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yesterday", "`yesterday` is no stretch of time"),
        ("2026-03-02..2026-03-01", "ends before it begins"),
        ("2026-03-02..soon", "`2026-03-02..soon` is no stretch of time: `soon` is no date or time"),
        ("2026-03-02..", "`2026-03-02..` lacks its end\n  hint: write 2026-01-31..2026-02-01; what reaches until now"),
        ("..2026-03-02", "`..2026-03-02` lacks its begin"),
        (" .. ", "lacks its begin and its end"),
        ("0s", "`0s` ends before it begins"),
        ("99999999h", "`99999999h` begins before 1970"),
    ],
)
def test_what_is_no_stretch_is_refused(text, says):
    with pytest.raises(DataError, match=says):
        parse_stretch(text, NOON, "UTC")


def test_a_stretch_is_in_the_recipe_s_zone():
    window = parse_stretch("2026-03-01 12:00..2026-03-01T13:00", NOON, "Europe/Berlin")
    assert (window.start, window.end) == (NOON - HOUR, NOON)


def test_what_is_kept_goes_by_the_plan_that_was_applied(live):
    shop, plan, workspace = live
    other = shop.plan("monitoring.every=30m")
    report, latest = watch_now(workspace, other)
    assert report.skipped[-1] == OTHER_PLAN
    assert {verdict.scale for verdict in latest} == {HOUR, 2 * HOUR}
    assert OTHER_PLAN not in watch_now(workspace, plan)[0].skipped


def test_a_stretch_without_a_prediction_is_no_answer(live):
    _, plan, workspace = live
    with pytest.raises(DataError) as refused:
        judge_window(workspace, plan, "2026-02-01..2026-02-02")
    assert str(refused.value) == (
        "--window: no prediction of version 1 lies between 2026-02-01 00:00 and 2026-02-02 00:00 (UTC)\n"
        "  hint: they reach from 2026-03-01 12:00 to 2026-03-01 15:00"
    )


def test_who_waits_hears_how_far_it_is(project, make_traffic):
    shop = project.write(RECIPE)
    plan = shop.plan()
    shop.go_live(plan)
    make_traffic(plan).send("usual", 300, NOON)
    heard = []
    watch_now(shop.workspace(plan), plan, lambda *how: heard.append(how))
    assert heard[-1][0] == heard[-1][1] == len(heard)
    assert {total for _, total in heard} == {len(heard)}
    assert len(heard) >= 4

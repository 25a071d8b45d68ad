"""The report of a real version: windows, verdicts and alerts as they are kept, put together and written as a page."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlconfig.cli.main import main
from mlconfig.engine.cycle import run_cycle
from mlconfig.engine.reporting import report_of, write_report
from mlconfig.errors import DataError, EngineError, PlanError
from mlconfig.pages.monitoring_report import render

RECIPE = """
owner: on-call@example.com
task: binary
time_zone: Europe/Berlin
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
  scales: [1h]
  min_rows: 200
  reference: {min_rows: 2000}
  persistence: {suspect: [1, 2], alert: [2, 2], lasting: [12, 24]}
"""
HOUR = 3600.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def shop(tmp_path_factory, make_project, mlflow_uri):
    """The recipe of a project."""
    return make_project(tmp_path_factory.mktemp("reported"), mlflow_uri).write(RECIPE)


@pytest.fixture(scope="module")
def live(shop, make_traffic_of):
    """Two usual hours, one without a request, two that moved."""
    plan = shop.plan()
    shop.go_live(plan)
    traffic = make_traffic_of(shop, plan)
    for hour, kind in ((0, "usual"), (1, "usual"), (3, "moved"), (4, "moved")):
        traffic.send(kind, 400, NOON + hour * HOUR)
    workspace = shop.workspace(plan)
    with shop.store() as store:
        run_cycle(workspace, plan, store, NOON + 5 * HOUR + 60)
    return plan, workspace


def shown(live, **more):
    plan, workspace = live
    return report_of(workspace, plan, **{"since": None, "version": None, "now": NOON + 5 * HOUR + 60, **more})


def test_it_is_put_together_from_what_is_kept(live):
    report = shown(live)
    plan, _ = live
    assert (report.endpoint, report.version, report.owner) == (plan.name, "1", "on-call@example.com")
    assert (report.period.start, report.period.end) == (NOON, NOON + 5 * HOUR)
    assert {start: rows for start, rows in report.volume.items() if rows} == {
        NOON + hour * HOUR: 400 for hour in (0, 1, 3, 4)
    }
    assert (report.current_window.start, report.current_window.end) == (NOON, NOON + 5 * HOUR)
    assert report.inputs.current.rows == report.outputs.current.rows == 1600
    assert report.inputs.reference.rows > 2000
    assert report.outputs.reference is not None
    told = re.fullmatch(r"the ([\d,]+) rows of its data, ([\d,]+) of which it was trained on", report.reference_words)
    rows, trained = (int(number.replace(",", "")) for number in told.groups())
    assert rows == report.inputs.reference.rows
    assert trained == pytest.approx(0.7 * rows, rel=0.05)
    assert [change.version for change in report.changes] == ["1"]
    assert {verdict.signal for verdict in report.verdicts} >= {"input_drift", "data_quality", "performance"}
    assert "input_drift" in {alert.rule for alert in report.alerts}


def test_the_page_tells_the_story(live):
    page = render(shown(live))
    assert "<h3>Inputs, column by column</h3>" in page
    assert "1 Mar 2026, 13:00 to 18:00 (Europe/Berlin)" in page
    assert "1,600 predictions in 4 of 5 windows of 1 hour" in page
    for column in ("x0", "x1", "x2", "predicted class", "score"):
        assert f'data-name="{column}"' in page
    assert "still lasts" in page


def test_it_covers_what_was_asked_for(live):
    assert shown(live, since="2h").period.start == NOON + 3 * HOUR
    assert shown(live, since="2026-03-01T15:00").period.start == NOON + 2 * HOUR
    far = shown(live, since="2026-02-01")
    assert far.period.start == datetime(2026, 1, 31, 23, tzinfo=UTC).timestamp()
    assert render(far).count("<details class=") >= 5
    part = shown(live, since="2h")
    assert min(part.volume) == NOON + 3 * HOUR
    assert part.inputs.current.rows == 800


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("soon", "--since: `soon` is no time: .*\n  hint: write 30d, or 2026-01-31"),
        ("2026-13-01", "--since: `2026-13-01` is no time"),
        ("2030-01-01", "is after the last complete window, which ends 1 Mar 2026, 18:00"),
    ],
)
def test_a_time_that_is_none_is_told(live, since, told):
    with pytest.raises(DataError, match=told):
        shown(live, since=since)


def test_only_versions_that_were_live_have_one(live):
    assert shown(live, version="1").version == "1"
    with pytest.raises(EngineError, match=r"version `9` of .* was never live\n  hint: these were: 1"):
        shown(live, version="9")


def test_it_is_written_at_once_into_the_storage(live):
    plan, workspace = live
    written = write_report(workspace, plan)
    assert written.path.parent == workspace.storage / "reports"
    assert re.fullmatch(plan.name + r"-\d{4}-\d\d-\d\d\.html", written.path.name)
    assert written.path.stat().st_size == written.size
    assert [path.name for path in written.path.parent.iterdir()] == [written.path.name]
    with pytest.raises(EngineError, match=r"cannot be written: .*\n  hint: name another place with --out"):
        write_report(workspace, plan, out=written.path / "below" / "page.html")


def test_nothing_live_and_nothing_monitored_are_told(project):
    shop = project.write(RECIPE)
    plan = shop.plan()
    with pytest.raises(EngineError, match=r"no version of .* is live\n  hint: `mlconfig apply` first"):
        write_report(shop.workspace(plan), plan)
    without = shop.plan("monitoring=none")
    with pytest.raises(PlanError, match="declares no monitoring"):
        write_report(shop.workspace(without), without)


def test_the_verb_prints_where_it_is(live, shop, capsys, tmp_path):
    overrides = [f"name={shop.name}", f"tracking.uri='{shop.mlflow}'", f"engine.storage='{shop.storage}'"]
    asked = ["report", str(shop.folder / "recipe.yaml"), *overrides, "--version", "1", "--since", "2026-03-01"]
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--out", str(tmp_path / "page.html")])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    with pytest.raises(SystemExit):
        main([*asked, "-o", "json"])
    told = json.loads(capsys.readouterr().out)
    assert Path(told["path"]).parent == shop.storage / "reports"
    assert Path(told["path"]).stat().st_size == told["size"]

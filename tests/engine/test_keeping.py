"""Retention: whole days that are over go, never a younger row; what was counted stays, and nothing counts as lost."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from mlconfig.engine.cycle import run_cycle
from mlconfig.engine.keeping import kept_in_words
from mlconfig.engine.status import status_of
from mlconfig.plan.steps import DeployStep
from mlconfig.records.prediction_log import SHADOW, PredictionLog
from mlconfig.records.retention import remove_predictions
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.serving.compaction import FileManifest, compact

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 6000, numeric: 2, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation: {metric: accuracy, interval: {resamples: 30}}
monitoring:
  every: 1h
  scales: [1h, 24h]
  min_rows: 20
  labels: {max_delay: 1d}
  signals: {domain: none, multivariate_drift: none, service: none}
governance:
  retention: {predictions: 2d, labels: 4d, reports: 10d}
"""
HOUR, DAY = 3600.0, 86_400.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


def days_of(folder):
    return sorted(place.name.removeprefix("day=") for place in folder.glob("day=*"))


def test_days_go_when_they_are_over_and_windows_stay(shop, make_traffic):
    plan = shop.plan()
    shop.go_live(plan)
    traffic, workspace = make_traffic(plan), shop.workspace(plan)
    endpoint = plan.step(DeployStep).endpoint
    log = PredictionLog(workspace.predictions(endpoint))
    page, other = workspace.storage / f"reports/{endpoint}-2026-02-01.html", workspace.storage / "reports/x-1.html"
    page.parent.mkdir()
    for file in (page, other):
        file.write_text("<p>")
        os.utime(file, (NOON, NOON))
    seen = {}
    with shop.store() as store:
        for day in range(12):
            at = NOON + day * DAY
            if day < 6:
                traffic.send("usual", 60, at)
            run_cycle(workspace, plan, store, at + 2 * HOUR)
            seen[day] = days_of(log.folder / "parquet"), days_of(log.folder / "labels"), page.exists()
        again = run_cycle(workspace, plan, store, NOON + 11 * DAY + 2 * HOUR)
        notes = [event.reason for event in store.audit.events(endpoint) if event.kind == "retention"]
        verdicts = store.verdicts.history(endpoint, "1", "input_drift", 24 * HOUR)
        told = kept_in_words(workspace, plan, store)
    assert seen[2][0] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert seen[3][0] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert seen[5][1] == ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]
    assert seen[9][:2] == ([], ["2026-03-06"])
    assert (seen[9][2], seen[10][2], other.exists()) == (True, False, True)
    assert seen[11][:2] == ([], [])
    assert again.verdicts == ()
    assert notes[0] == "removed 1 day of predictions up to 2026-03-01 (60 rows)"
    assert notes[-1] == "removed 1 day of labels up to 2026-03-06 (60 rows)" or "report" in notes[-1]
    assert {round(each.window.start): each.rows for each in verdicts if each.rows}[round(NOON - 12 * HOUR)] == 60
    assert log.lost() == {}
    assert told.startswith("predictions 2d, labels 4d, removed 1")
    assert status_of(workspace, plan).kept == told


def test_a_row_is_never_younger_and_nothing_counts_as_lost(tmp_path):
    clock = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC).timestamp()
    for name, place in (("r0", tmp_path), ("r0_shadow", tmp_path / SHADOW)):
        for turn in range(2):
            writer = SegmentWriter(place / "segments", name, f"b{turn}")
            at = clock + 2 * turn
            record = f'{{"v":1,"id":"{turn}","at":{at},"version":"1","generation":1,"prediction":0,"inputs":{{}}}}'
            assert writer.append([record.encode()] * 3)
            writer.close()
        compact(place, FileManifest(place / "manifest.jsonl"))
    log, keep = PredictionLog(tmp_path), timedelta(days=1)
    midnight = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    assert remove_predictions(tmp_path, keep, midnight + DAY - 1) == (0, "", 0)
    assert remove_predictions(tmp_path, keep, midnight + DAY) == (1, "2026-03-01", 3)
    assert log.predictions().column("prediction_id").to_pylist() == ["1"] * 3
    assert log.lost() == {}
    assert remove_predictions(tmp_path, keep, midnight + DAY) == (0, "", 0)
    assert PredictionLog(tmp_path / SHADOW).predictions().num_rows == 6


def test_what_was_stopped_in_between_counts_once(tmp_path, monkeypatch):
    writer = SegmentWriter(tmp_path / "segments", "r0", "b0")
    assert writer.append([b'{"v":1,"id":"a","at":1.0,"version":"1","generation":1,"prediction":0,"inputs":{}}'] * 3)
    writer.close()
    compact(tmp_path, FileManifest(tmp_path / "manifest.jsonl"))
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", _die)
        with pytest.raises(KeyboardInterrupt):
            remove_predictions(tmp_path, timedelta(days=1), 1e9)
    assert PredictionLog(tmp_path).lost() == {}
    remove_predictions(tmp_path, timedelta(days=1), 1e9)
    assert PredictionLog(tmp_path).lost() == {}
    assert PredictionLog(tmp_path).predictions().num_rows == 0


def _die(*_, **__):
    raise KeyboardInterrupt

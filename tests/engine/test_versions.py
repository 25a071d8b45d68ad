"""What a registered version is: its folder, its run in MLflow, and that whoever loads it predicts the same."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlconfig.data.event_time import event_seconds
from mlconfig.engine.batch import Request, predict_batch
from mlconfig.engine.champion import Champion
from mlconfig.engine.labels import import_file
from mlconfig.engine.tables import read_table_file
from mlconfig.errors import DataError, EngineError
from mlconfig.records.packing import Packing, pack_table
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.route import RouteVersion
from mlconfig.serving.batch.run import Settings

RECIPE = """
task: binary
description: Who leaves?
owner: shop@example.org
time_zone: Europe/Berlin
data:
  source: {name: parquet, params: {path: rows.parquet}}
  target: left
  key: customer
  event_time: seen
features: auto
model: {name: lightgbm, params: {n_estimators: 15}}
tuning:
  space: {model.params.num_leaves: {choice: [4, 8]}}
  searcher: grid
  trials: 2
evaluation:
  metrics: [accuracy, log_loss]
  interval: {resamples: 40}
  gates: {roc_auc: {min: 0.55}, size: {max: 1MiB}, latency_p99: {max: 1s}}
"""
FILES = {
    *("model.onnx", "signature.json", "profile.bin", "features.json", "dataset.json", "recipe.json", "plan.json"),
    *("card.json", "requirements.txt", "tuned.json", "trained.json", "parity.json"),
    *(
        "outputs.bin",
        "baseline.json",
        "season.bin",
        "season_outputs.bin",
        "reference_rows.parquet",
        "holdout_rows.parquet",
    ),
}


def make_rows(rows=500, seed=3):
    rng = np.random.default_rng(seed)
    spend, member = rng.normal(50, 20, rows), rng.random(rows) < 0.4
    plan = rng.choice(["basic", "pro", "team"], rows).astype(object)
    first = np.datetime64("2025-03-01T00:00:00", "us")
    joined = first + rng.integers(0, 300 * 86400, rows).astype("timedelta64[s]")
    raw = (spend - 50) / 20 + member + (plan == "pro") + 0.3 * rng.normal(size=rows)
    return pa.table(
        {
            "customer": pa.array([f"c{i}" for i in range(rows)]),
            "spend": pa.array(spend, mask=rng.random(rows) < 0.1),
            "plan": pa.array(plan, pa.string(), mask=rng.random(rows) < 0.1),
            "member": pa.array(member, mask=rng.random(rows) < 0.1),
            "visits": pa.array(rng.integers(0, 30, rows)),
            "joined": pa.array(joined, mask=rng.random(rows) < 0.1),
            "seen": pa.array(np.datetime64("2026-01-01T00:00:00", "us") + 3600 * 10**6 * np.arange(rows)),
            "left": pa.array(raw > 1),
        }
    )


@pytest.fixture
def shop(project):
    pq.write_table(make_rows(), project.folder / "rows.parquet")
    git = project.folder / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("1234abcd" * 5 + "\n")
    return project.write(RECIPE)


def only_version(project):
    (folder,) = (project.storage / "versions" / project.name).iterdir()
    sha256 = json.loads((folder / "card.json").read_text())["artifact_sha256"]
    route = RouteVersion(version="1", artifact_sha256=sha256, folder=str(folder.relative_to(project.storage)))
    return Champion(project.storage, route)


def test_a_versions_folder_holds_all_that_it_came_from(shop):
    report = shop.apply()
    version = only_version(shop)
    assert {file.name for file in version.folder.iterdir()} == FILES
    told = {name: json.loads((version.folder / f"{name}.json").read_text()) for name in ("card", "recipe", "dataset")}
    card = told["card"]
    assert (card["version"], card["name"], card["git_commit"]) == ("1", shop.name, "1234abcd" * 5)
    assert card["metrics"]["roc_auc"]["value"] == report.metrics["roc_auc"]
    assert card["data_fingerprint"] == told["dataset"]["fingerprint"]
    assert told["recipe"]["model"]["params"]["num_leaves"] in (4, 8), "the searched values are bound"
    assert version.tuned == {"model.params.num_leaves": told["recipe"]["model"]["params"]["num_leaves"]}
    assert version.baseline.inputs.rows == 500
    roles = {column.name: (column.kind, column.role) for column in version.signature.columns}
    kinds = {"spend": "numeric", "plan": "categorical", "member": "boolean", "visits": "numeric", "joined": "timestamp"}
    context = {"customer": ("categorical", "context"), "seen": ("timestamp", "context")}
    assert roles == {name: (kind, "feature") for name, kind in kinds.items()} | context
    assert next(column for column in version.signature.columns if column.name == "visits").integer
    assert version.signature.classes == (False, True)
    assert (version.signature.event_time, version.signature.key) == ("seen", ("customer",))
    steps = shop.storage / "artifacts" / "steps"
    (parts,) = steps.glob("*/parts.npz")
    (table,) = steps.glob("*/table.arrow")
    with np.load(parts) as kept:
        learned = np.concatenate([kept["train"], kept["validation"]])
    assert version.trained_until == event_seconds(read_table_file(table))[learned].max()


def test_the_run_in_mlflow_tells_the_whole_story_and_the_version_predicts_as_the_packaged_bytes(shop, monkeypatch):
    import mlflow

    report = shop.apply()
    client = mlflow.MlflowClient(shop.mlflow, shop.mlflow)
    registered = client.get_model_version(shop.name, "1")
    run = client.get_run(registered.run_id)
    said = run.data
    assert said.params["data.source.name"] == "parquet"
    assert said.params["model.params.num_leaves"] in ("4", "8")
    assert said.metrics["roc_auc"] == report.metrics["roc_auc"]
    assert said.metrics["roc_auc.low"] <= said.metrics["roc_auc"] <= said.metrics["roc_auc.high"]
    assert {"accuracy", "log_loss", "size_bytes", "latency_p99_seconds", "fit_seconds"} <= set(said.metrics)
    assert run.info.status == "FINISHED"
    assert registered.tags["mlconfig.git_commit"] == "1234abcd" * 5
    assert said.tags["mlconfig.owner"] == "shop@example.org"
    (data,) = run.inputs.dataset_inputs
    assert only_version(shop).dataset.fingerprint.startswith(data.dataset.digest)
    below = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert {trial.data.params["model.params.num_leaves"] for trial in below} == {"4", "8"}
    assert all({"score", "loss", "seconds"} <= set(trial.data.metrics) for trial in below)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shop.mlflow)
    mlflow.set_tracking_uri(shop.mlflow)
    loaded = mlflow.pyfunc.load_model(f"models:/{shop.name}/1")
    assert {column.name for column in loaded.metadata.signature.inputs} == {
        "spend",
        "plan",
        "member",
        "visits",
        "joined",
    }
    assert loaded.metadata.load_input_example(registered.source)["visits"].shape == (1,)
    rows = make_rows(seed=8)
    frame = rows.to_pandas()
    answers = loaded.predict(frame[["spend", "plan", "member", "visits", "joined"]])
    predictor = only_version(shop).predictor()
    feeds = pack_table(rows, Packing.of(predictor.signature), "Europe/Berlin", predictor.precision)
    ours = predictor.run(feeds)
    assert answers["prediction"].tolist() == ours.labels
    assert np.array_equal(answers["score"], ours.scores)
    assert len(set(np.round(ours.scores, 4))) > 20


def test_a_file_is_scored_by_the_version_asked_for_or_the_newest(shop):
    with pytest.raises(EngineError, match="has no version yet"):
        predict(shop)
    shop.apply()
    shop.apply("model.params.n_estimators=2")
    newest, version = predict(shop)
    assert version == "2"
    first, version = predict(shop, "1")
    assert version == "1"
    assert first.column("probability").to_pylist() != newest.column("probability").to_pylist()
    rows = make_rows()
    assert first.column("customer").to_pylist() == rows.column("customer").to_pylist()
    assert np.mean(np.asarray(first.column("prediction")) == np.asarray(rows.column("left"))) > 0.8
    with pytest.raises(EngineError, match="has no version 7"):
        predict(shop, "7")


def predict(shop, version=None):
    plan, target = shop.plan(), shop.folder / "scored.parquet"
    asked = Request(str(shop.folder / "rows.parquet"), str(target), version, settings=Settings(overwrite=True))
    told = predict_batch(shop.workspace(plan), plan, asked)
    table = pq.read_table(target)
    assert told.rows == table.num_rows == 500
    assert set(table.column("version").to_pylist()) == {told.version}
    return table, told.version


def test_only_the_newest_versions_and_those_that_were_live_are_kept_whole(shop):
    keep = "tracking.keep_versions=2"
    shop.go_live(shop.plan(keep))
    for trees in (3, 4, 5):
        shop.apply(keep, f"model.params.n_estimators={trees}")
    with shop.store() as store:
        cards = {card.version: shop.storage / card.folder for card in store.versions.all(shop.name)}
    assert set(cards) == {"1", "2", "3", "4"}
    assert {version for version, folder in cards.items() if folder.is_dir()} >= {"1", "3", "4"}, "1 is live"
    with pytest.raises(EngineError, match=f"the files of version 2 of `{shop.name}` were removed"):
        predict(shop, "2")
    again = shop.apply(keep, "model.params.n_estimators=3")
    assert again.version == "5", "what was pruned comes back as a new version, whole in MLflow too"
    assert predict(shop, "5")[1] == "5"


@pytest.fixture
def live(shop):
    shop.go_live(shop.plan())
    return shop


def write_labels(project, name, **columns):
    file = project.folder / name
    if name.endswith(".csv"):
        pa.csv.write_csv(pa.table(columns), file)
    else:
        pq.write_table(pa.table(columns), file)
    return file


def imported(project, file):
    plan = project.plan()
    return import_file(project.workspace(plan), plan, file)


def labels_of(project):
    return PredictionLog(project.storage / "predictions" / project.name).labels()


def test_labels_are_imported_by_prediction_or_by_key(live):
    assert imported(live, write_labels(live, "a.csv", prediction_id=["p1", "p2"], label=[True, False])).new == 2
    keyed = write_labels(live, "b.parquet", customer=["c1"], left=[True], label_version=[2])
    assert imported(live, keyed).new == 1
    found = labels_of(live).to_pylist()
    assert sorted((row["prediction_id"], row["key"], row["label"], row["label_version"]) for row in found[:2]) == [
        ("p1", None, "true", 1),
        ("p2", None, "false", 1),
    ]
    assert (found[2]["key"], found[2]["label"], found[2]["label_version"]) == ('["c1"]', "true", 2)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"prediction_id": ["p1", "p2", "p3"], "label": ["true", "perhaps", "true"]}, "faulty.csv, row 2"),
        ({"prediction_id": ["p1", None], "label": [True, True]}, "faulty.csv, row 2"),
        (
            {"id": ["p1"], "label": [True]},
            r"needs the columns `prediction_id` \(or customer\) and `label` \(or `left`\)",
        ),
    ],
)
def test_a_faulty_file_of_labels_is_refused_whole(live, columns, told):
    with pytest.raises(DataError, match=told):
        imported(live, write_labels(live, "faulty.csv", **columns))
    assert labels_of(live).num_rows == 0


@pytest.mark.parametrize(("label", "said"), [(float("inf"), "inf"), (float("nan"), "nan")])
def test_a_label_that_is_no_finite_number_is_named(live, label, said):
    with pytest.raises(DataError, match=f"a.parquet, row 1: label: expected a finite number, got {said}"):
        imported(live, write_labels(live, "a.parquet", prediction_id=["p"], label=[label]))


def test_labels_need_a_live_version_and_a_file_that_can_be_read(shop, live):
    with pytest.raises(DataError, match=r"`.txt` is neither .csv nor .parquet"):
        imported(live, Path("labels.txt"))
    with pytest.raises(DataError, match="cannot be read"):
        imported(live, live.folder / "none.csv")
    plan = live.plan("serving.endpoint=other")
    with pytest.raises(EngineError, match="no version is live at `other`"):
        import_file(live.workspace(plan), plan, write_labels(live, "a.csv", prediction_id=["p"], label=[True]))

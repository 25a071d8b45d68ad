"""Each way to split, each task and precision, from the source to the packaged bytes."""

import json

import numpy as np
import pytest

from mlconfig.engine.champion import Champion
from mlconfig.engine.tables import read_table_file
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.records.route import RouteVersion

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: {name: lightgbm, params: {n_estimators: 15}}
evaluation: {interval: {resamples: 30}}
"""


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


def parts_of(project, report):
    """The table that was read, the row numbers of each part, and the version."""
    with project.store() as store:
        kept = {step.step: step.output for step in store.steps.all()[::-1]}
    table = read_table_file(project.storage / kept["read"]["folder"] / "table.arrow")
    with np.load(project.storage / kept["train"]["folder"] / "parts.npz") as file:
        parts = {name: file[name] for name in ("train", "validation", "test")}
    package = kept["package"]
    route = RouteVersion(version=report.version, artifact_sha256=package["sha256"], folder=package["folder"])
    return table, parts, Champion(project.storage, route)


@pytest.mark.parametrize("by", ["random", "stratified", "time", "group", "given"])
def test_every_split_keeps_its_promise(shop, by):
    column = {"group": ["data.split.column=shop"], "given": ["data.split.column=part"]}.get(by, [])
    if column:
        write_grouped(shop.folder / "rows.csv")
        column += ["data.source={name: csv, params: {path: rows.csv}}"]
    report = shop.apply(f"data.split.by={by}", *column)
    table, parts, version = parts_of(shop, report)
    whole = np.sort(np.concatenate(list(parts.values())))
    assert len(np.unique(whole)) == len(whole), "no row is in two parts"
    assert all(len(part) for part in parts.values())
    if by == "time":
        seconds = np.asarray(table.column(EVENT_TIME))
        assert seconds[parts["train"]].max() < seconds[parts["validation"]].min()
        assert seconds[parts["validation"]].max() < seconds[parts["test"]].min()
        assert version.trained_until == seconds[parts["validation"]].max()
    if by == "stratified":
        y = np.asarray(table.column("target"))
        assert abs(y[parts["test"]].mean() - y.mean()) < 0.01
    if by in ("group", "given"):
        values = np.asarray(table.column("shop" if by == "group" else "part").to_pylist())
        levels = [set(values[part]) for part in parts.values()]
        assert not levels[0] & levels[1]
        assert not levels[0] & levels[2]
        named = {column.name for column in version.signature.features}
        assert not named & {column[0].split("=")[1]}, "the split's column is no feature"


def write_grouped(file):
    rng = np.random.default_rng(7)
    lines = ["shop,part,x,ts,target"]
    for i in range(500):
        x = rng.normal()
        part = ("train", "train", "validation", "test")[i % 4]
        lines.append(f"shop{i % 40},{part},{x:.6f},2026-01-01T{i % 24:02}:00:00,{int(x + 0.3 * rng.normal() > 0)}")
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("task", "model", "metric", "floor"),
    [
        ("regression", "lightgbm", "r2", 0.4),
        ("regression", "ridge", "r2", 0.4),
        ("multiclass", "lightgbm", "accuracy", 0.5),
        ("multiclass", "logistic_regression", "accuracy", 0.5),
        ("binary", "hist_gradient_boosting", "roc_auc", 0.7),
    ],
)
def test_every_task_learns_what_there_is_to_learn(shop, task, model, metric, floor):
    overrides = [
        f"task={task}",
        f"data.source.params.task={task}",
        f"model.name={model}",
        f"evaluation.metric={metric}",
    ]
    report = shop.apply(*overrides, f"evaluation.gates.{metric}.min={floor - 0.2}", "data.source.params.rows=1200")
    assert not report.refused
    assert report.metrics[metric] > floor
    _, _, version = parts_of(shop, report)
    classes = {"binary": (0, 1), "multiclass": ("high", "low", "middle"), "regression": ()}[task]
    assert version.signature.classes == classes
    assert version.signature.task == task
    assert json.loads((version.folder / "plan.json").read_text())["task"] == task


def test_in_double_precision_graph_and_training_agree_to_the_last_digits(shop):
    single = parts_of(shop, shop.apply())[2]
    double = parts_of(shop, shop.apply("packaging.precision=float64"))[2]
    assert single.predictor().precision == "float32"
    assert double.predictor().precision == "float64"
    parity = json.loads((double.folder / "parity.json").read_text())
    assert parity["holdout"]["largest"] < 1e-6
    assert parity["hard"]["outside"] == 0


def test_a_part_without_rows_is_refused_with_its_place(shop):
    with pytest.raises(DataError, match="leaves the validation part empty") as told:
        shop.apply("data.source.params.rows=12", "data.split.validation_fraction=0.01")
    assert told.value.where == "data.split"

"""Runs, versions, aliases and pruning in a real MLflow store (SQLite), shared by the whole file."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mlconfig.engine.tracking.git import git_commit
from mlconfig.engine.tracking.limits import VALUE, flatten, in_parts, legal_key, numbers
from mlconfig.engine.tracking.registry import find_version, prune, register, set_alias
from mlconfig.engine.tracking.tracker import Tracker, Trial
from mlconfig.errors import TrackingError
from mlconfig.records.packing import Packing, pack_rows
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.serving.predictor import Predictor

SIGNATURE = Signature(
    name="churn", task="binary", target="left", classes=("stayed", "left"),
    columns=(
        SignatureColumn(name="age", kind="numeric", integer=True),
        SignatureColumn(name="spend", kind="numeric", nullable=True),
        SignatureColumn(name="visits", kind="numeric", integer=True, nullable=True),
        SignatureColumn(name="member", kind="boolean"),
        SignatureColumn(name="id", kind="numeric", role="context"),
    ),
    example={"age": 40, "spend": 3.5, "visits": 2, "member": True, "id": 7},
)  # fmt: skip


@pytest.fixture(scope="module")
def tracker(tmp_path_factory) -> Tracker:
    storage = tmp_path_factory.mktemp("tracking") / ".mlconfig"
    return Tracker.open(f"sqlite:///{storage / 'mlflow.db'}", "churn", storage / "artifacts" / "mlflow")


@pytest.fixture(scope="module")
def version_folder(tmp_path_factory) -> Path:
    """A small, real classifier as a version's folder."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    folder = tmp_path_factory.mktemp("version")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(X, X[:, 0] - X[:, 3] > 0)
    graph = to_onnx(
        model, initial_types=[("num", FloatTensorType([None, 4]))], options={"zipmap": False}, target_opset=17
    )
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    (folder / "signature.json").write_text(SIGNATURE.model_dump_json())
    (folder / "requirements.txt").write_text("onnxruntime\n")
    return folder


@pytest.fixture(scope="module")
def sha256(version_folder: Path) -> str:
    return hashlib.sha256((version_folder / "model.onnx").read_bytes()).hexdigest()


@pytest.fixture
def run(tracker: Tracker) -> str:
    return tracker.start_run("apply", {"mlconfig.plan_digest": "abc"})


def _register(tracker: Tracker, run: str, folder: Path, sha256: str, name: str, key: str) -> str:
    return register(tracker, name, folder, run_id=run, effect_key=key, sha256=sha256, tags={"data": "f1"})


def test_a_run_keeps_params_metrics_tags_and_its_data(tracker: Tracker, run: str) -> None:
    params = {"model": {"name": "lightgbm", "params": {"leaves": 31}}, "list": [1, 2], "long": "x" * 9000}
    metrics = {"auc": 0.9, "bad": float("nan"), **{f"m{number}": float(number) for number in range(1500)}}
    tracker.log_batch(run, params, metrics)
    tracker.log_dataset(run, "churn.parquet", "f" * 64, "data/churn.parquet")
    tracker.end_run(run)
    kept = tracker.client.get_run(run)
    assert kept.data.params["model.params.leaves"] == "31"
    assert kept.data.params["list"] == "[1, 2]"
    assert len(kept.data.params["long"]) == VALUE
    assert kept.data.metrics["auc"] == 0.9
    assert kept.data.metrics["m1499"] == 1499.0
    assert "bad" not in kept.data.metrics
    assert kept.data.tags["mlconfig.plan_digest"] == "abc"
    assert kept.info.status == "FINISHED"
    (data,) = kept.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest, data.dataset.source) == (
        "churn.parquet",
        "f" * 36,
        "data/churn.parquet",
    )


def test_trials_are_runs_below_their_parent(tracker: Tracker, run: str) -> None:
    trials = [Trial(number, {"leaves": 2**number}, {"auc": number / 10}, seconds=0.5) for number in range(3)]
    runs = tracker.log_trials(run, [*trials, Trial(3, {"leaves": -1}, {}, status="FAILED")])
    kept = [tracker.client.get_run(child) for child in runs]
    assert {child.data.tags["mlflow.parentRunId"] for child in kept} == {run}
    assert [child.data.params["leaves"] for child in kept] == ["1", "2", "4", "-1"]
    assert [child.info.status for child in kept] == ["FINISHED"] * 3 + ["FAILED"]
    assert kept[2].data.metrics == {"auc": 0.2, "seconds": 0.5}


def test_artifacts_lie_under_the_storage(tracker: Tracker, run: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<p>fine</p>")
    tracker.log_artifacts(run, tmp_path, "pages")
    assert [file.path for file in tracker.client.list_artifacts(run, "pages")] == ["pages/report.html"]
    assert ".mlconfig/artifacts/mlflow" in tracker.client.get_run(run).info.artifact_uri


def test_opening_again_finds_the_same_experiment(tracker: Tracker, tmp_path: Path) -> None:
    assert Tracker.open(tracker.uri, "churn", tmp_path).experiment_id == tracker.experiment_id


def test_a_refusal_names_the_store_and_hides_its_password(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match=r"sqlite:///.*mlflow.db: MLflow refused: .*nope"):
        tracker.end_run("nope")


def test_one_effect_makes_one_version(tracker: Tracker, run: str, version_folder: Path, sha256: str) -> None:
    assert find_version(tracker, "once", "r1:register") is None
    first = _register(tracker, run, version_folder, sha256, "once", "r1:register")
    assert _register(tracker, run, version_folder, sha256, "once", "r1:register") == first == "1"
    assert _register(tracker, run, version_folder, sha256, "once", "r2:register") == "2"
    assert find_version(tracker, "once", "r1:register") == "1"
    assert tracker.client.get_model_version("once", "1").tags["data"] == "f1"
    assert tracker.client.get_model_version("once", "1").run_id == run


def test_a_version_loads_as_pyfunc_and_predicts_as_the_endpoint(
    tracker: Tracker, run: str, version_folder: Path, sha256: str
) -> None:
    import mlflow
    import pandas as pd

    version = _register(tracker, run, version_folder, sha256, "loads", "r1:register")
    mlflow.set_tracking_uri(tracker.uri)
    model = mlflow.pyfunc.load_model(f"models:/loads/{version}")
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({
        "age": rng.integers(-3, 3, 50), "spend": rng.normal(size=50), "visits": rng.integers(0, 3, 50),
        "member": rng.random(50) > 0.5,
    })  # fmt: skip
    rows.loc[3, "spend"] = np.nan
    found = model.predict(rows)
    predictor = Predictor.load(version_folder, sha256)
    asked = json.loads(rows.to_json(orient="records", double_precision=15))
    assert asked[3]["spend"] is None
    wanted = predictor.run(pack_rows(asked, Packing.of(SIGNATURE)))
    assert found["prediction"].tolist() == wanted.labels
    assert set(wanted.labels) == {"stayed", "left"}, "both answers occur, so that the comparison says something"
    np.testing.assert_array_equal(found["score"].to_numpy(), wanted.scores)
    assert [column.name for column in model.metadata.signature.inputs] == ["age", "spend", "visits", "member"]
    assert model.input_example.to_dict("records") == [{"age": 40, "spend": 3.5, "visits": 2, "member": True}]
    stored = Path(tracker.client.get_model_version("loads", "1").source.removeprefix("file://"))
    assert list(stored.rglob("model.onnx"))
    assert not list(stored.rglob("*.pkl"))


def test_changed_bytes_are_not_loaded(tracker: Tracker, run: str, version_folder: Path, sha256: str) -> None:
    import mlflow

    _register(tracker, run, version_folder, sha256, "changed", "r1:register")
    source = Path(tracker.client.get_model_version("changed", "1").source.removeprefix("file://"))
    (file,) = source.rglob("model.onnx")
    file.write_bytes(file.read_bytes() + b"\0")
    mlflow.set_tracking_uri(tracker.uri)
    with pytest.raises(Exception, match="not those that passed the gate"):
        mlflow.pyfunc.load_model("models:/changed/1")


def test_an_alias_is_written_only_when_it_differs(
    tracker: Tracker, run: str, version_folder: Path, sha256: str
) -> None:
    for key in ("a", "b"):
        _register(tracker, run, version_folder, sha256, "aliased", key)
    assert set_alias(tracker, "aliased", "champion", "1")
    assert not set_alias(tracker, "aliased", "champion", "1")
    assert set_alias(tracker, "aliased", "champion", "2")
    assert str(tracker.client.get_model_version_by_alias("aliased", "champion").version) == "2"
    assert set_alias(tracker, "aliased", "champion", None)
    assert not set_alias(tracker, "aliased", "champion", None)


def test_pruning_spares_the_newest_and_what_was_live(tracker: Tracker, version_folder: Path, sha256: str) -> None:
    for number in range(1, 6):
        run = tracker.start_run(f"apply {number}")
        _register(tracker, run, version_folder, sha256, "pruned", f"r{number}")
    assert prune(tracker, "pruned", 2, never={"1"}) == ["3", "2"]
    assert prune(tracker, "pruned", 2, never={"1"}) == []
    stored = {one.version: one.source for one in tracker.client.search_model_versions("name = 'pruned'")}
    whole = {str(version) for version, source in stored.items() if Path(source.removeprefix("file://")).exists()}
    assert whole == {"1", "4", "5"}


def test_the_commit_is_what_git_says(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert git_commit(tmp_path) is None
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    said = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / "below").mkdir()
    assert git_commit(tmp_path / "below") == said
    subprocess.run([*git, "pack-refs", "--all"], check=True)
    assert git_commit(tmp_path) == said
    subprocess.run([*git, "checkout", "-q", "--detach"], check=True)
    assert git_commit(tmp_path) == said


def test_limits() -> None:
    assert flatten({"a": {"b": 1, "c": {}}, "d[0]": None}) == {"a.b": "1", "a.c": "{}", "d_0_": "null"}
    assert len(legal_key("k" * 300)) == 250
    assert numbers({"a": 1, "b": float("inf")}) == {"a": 1.0}
    assert [list(part) for part in in_parts([1, 2, 3], 2)] == [[1, 2], [3]]

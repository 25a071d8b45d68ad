"""Batches as tasks of a cluster: they end however few CPUs are free, and tell what failed."""

import hashlib
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlconfig.engine.batch import Request, predict_batch
from mlconfig.engine.batch_on_ray import RayTasks
from mlconfig.engine.head import find_head
from mlconfig.errors import DataError, EngineError
from mlconfig.serving.batch.inputs import FileInput
from mlconfig.serving.batch.outputs import output_of
from mlconfig.serving.batch.run import Here, Settings, run_batch
from mlconfig.serving.batch.unit import Model
from mlconfig.serving.predictor import read_signature

pytestmark = pytest.mark.ray

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4}}, target: target, event_time: ts}
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}, gates: {roc_auc: {min: 0.6}}}
"""
FILES, ROWS, LIMIT_S = 8, 4000, 120


@pytest.fixture
def scored(project, tmp_path):
    """A registered version, and a folder of rows."""
    project.write(RECIPE).apply()
    (file,) = (project.storage / "versions").rglob("model.onnx")
    model = Model(file.parent, hashlib.sha256(file.read_bytes()).hexdigest(), "1")
    rng = np.random.default_rng(2)
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        columns = {f"x{place}": rng.normal(size=ROWS) for place in range(3)}
        text = pa.array(["red", "green", "blue", "grey"]).take(pa.array(rng.integers(0, 4, ROWS)))
        table = pa.table({"id": np.arange(ROWS) + number * ROWS, **columns, "c0": text})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    return model


def score(model: Model, source: Path, target: Path, runner):
    """Run it in a thread, so that a batch that waits for itself fails the test and does not hang it."""
    ended = []

    def work():
        try:
            given = FileInput(source, read_signature(model.folder))
            ended.append(run_batch(model, given, output_of(target, None), runner, Settings()))
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    assert ended, f"the batch did not end within {LIMIT_S} s"
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]


@pytest.fixture
def hold(ray_session):
    """Actors that hold CPUs of the session's four."""
    ray_session.connect()
    import ray

    class Holder:
        def ready(self):
            return True

    made = []

    def start(cpus):
        made.extend(ray.remote(Holder).options(num_cpus=1).remote() for _ in range(cpus))
        ray.get([each.ready.remote() for each in made])

    yield start
    for each in made:
        ray.kill(each)


@pytest.mark.parametrize("free", [2, 1])
def test_two_actors_on_two_cpus_and_fewer_do_not_make_it_hang(scored, tmp_path, hold, free):
    """Reads need no CPU beside the one that scores, so nothing waits for itself."""
    score(scored, tmp_path / "in", tmp_path / "here.parquet", Here())
    hold(4 - free)
    result = score(scored, tmp_path / "in", tmp_path / "out.parquet", RayTasks())
    assert (result.rows, result.parts) == (FILES * ROWS, FILES)
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_a_cluster_without_a_free_cpu_is_told(scored, tmp_path, hold):
    hold(4)
    with pytest.raises(EngineError, match="no CPU of the cluster became free for 2 s\n  hint: end what holds them"):
        score(scored, tmp_path / "in", tmp_path / "out", RayTasks(patience_s=2.0))


def test_a_fault_in_a_task_comes_as_it_is_and_finished_parts_stay(scored, tmp_path, hold):
    bad = tmp_path / "in" / "7.parquet"
    good = pq.read_table(bad)
    pq.write_table(good.set_column(1, "x0", [[*good["x0"].to_pylist()[:-1], float("inf")]]), bad)
    with pytest.raises(DataError, match=rf"7\.parquet, row {ROWS}, column `x0`: a value is infinite"):
        score(scored, tmp_path / "in", tmp_path / "out", RayTasks())
    assert list(tmp_path.glob(".out.parts/*/part-*"))


def test_predict_on_ray_uses_the_head_of_the_project(ray_session, project, tmp_path):
    project.shared = ray_session.storage
    ray_session.connect()
    project.write(RECIPE).apply()
    (tmp_path / "in").mkdir()
    for number in range(3):
        table = pa.table({**{f"x{place}": np.linspace(-1, 1, 50) for place in range(3)}, "c0": ["red"] * 50})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    plan = project.plan("serving=none", "monitoring=none", "retraining=none")
    result = predict_batch(
        project.workspace(plan), plan, Request(str(tmp_path / "in"), str(tmp_path / "out.csv"), on_ray=True)
    )
    assert (result.rows, result.parts) == (150, 3)
    assert find_head(ray_session.storage) is not None

"""Endpoints with two replicas on the session's head, and the processes behind them."""

import os
import time
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from mlconfig.engine.apply import apply_plan
from mlconfig.engine.head import disconnect
from mlconfig.records.prediction_log import SEGMENTS, PredictionLog, log_folder
from mlconfig.records.segments import segment_files
from tests.engine.conftest import make_project, mlflow_uri  # noqa: F401 — fixtures
from tests.faults.load import Load

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}, gates: {roc_auc: {min: 0.6, not_worse_by: 0.2}}}
monitoring: none
retraining: none
"""


def until(holds, patience, what):
    """Wait for a condition; returns its value and how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        found = holds()
        if found:
            return found, time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {patience:.0f} s")


@dataclass
class Endpoint:
    """An endpoint that was applied."""

    project: Any
    session: int
    url: str
    example: dict

    @property
    def predict_url(self):
        """Where it predicts."""
        return f"{self.url}/v1/{self.project.name}/predict"

    def apply(self, *overrides):
        """Apply the recipe with other settings."""
        return apply_plan(self.project.plan(*overrides), self.project.folder)

    def processes(self, name):
        """Those of the head with a name, the oldest first."""
        found = []
        for process in psutil.process_iter(["name", "cmdline", "create_time", "status"]):
            try:
                mine = os.getsid(process.pid) == self.session
            except ProcessLookupError:
                continue
            words = " ".join(process.info["cmdline"] or [process.info["name"]])
            if mine and name in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return sorted(found, key=lambda process: process.info["create_time"])

    @property
    def replicas(self):
        """Its replicas' processes."""
        return self.processes(f"ServeReplica:{self.project.name}:")

    def writers(self):
        """Lives of replicas that have logged an answer, so HAProxy knows the way to them."""
        files = segment_files(log_folder(self.project.storage, self.project.name) / SEGMENTS)
        return {file.stem.rpartition("-")[0] for file in files}

    def logged(self):
        """All prediction ids of the log."""
        log = PredictionLog(log_folder(self.project.storage, self.project.name))
        return log.predictions().column("prediction_id").to_pylist()


ROUNDS = int(os.environ.get("MLCONFIG_FAULT_ROUNDS", "1"))


@pytest.fixture(scope="module", params=["fast"] if ROUNDS == 1 else ["standard", "fast"])
def lane(request):
    """Both lanes, where there is time; the standard one is Ray Serve's own."""
    return request.param


@pytest.fixture(scope="module")
def endpoint(ray_session, mlflow_uri, tmp_path_factory, make_project, lane):  # noqa: F811
    """Two replicas of it."""
    ray_session.connect()
    folder = tmp_path_factory.mktemp(lane)
    project = make_project(folder, mlflow_uri, ray_session.storage).write(RECIPE)
    settings = (f"serving.lane={lane}", "serving.num_replicas=2")
    report = apply_plan(project.plan(*settings), folder)
    made = Endpoint(project, ray_session.head.sid, report.url, report.example)
    made.settings = settings
    yield made
    from mlconfig.engine.controller import stop_controller
    from mlconfig.engine.endpoints import remove

    workspace = project.workspace(project.plan())
    stop_controller(workspace)
    remove(workspace, project.name)
    workspace.plan_file(project.name).unlink(missing_ok=True)
    disconnect()  # what Ray has to say of the controller that was killed is not for the tests that come next in this process


@pytest.fixture
def loaded(endpoint, record_property):
    """Starts loads on the endpoint; what became of their requests is kept for `benchmarks/faults.py`."""
    loads = []

    def start(**settings):
        loads.append(Load(endpoint.predict_url, endpoint.example, **settings))
        return loads[-1]

    yield start
    record_property("requests", sum(load.total for load in loads))
    record_property("failed", sum(sum(load.failed.values()) for load in loads))
    record_property("slowest s", round(max(load.slowest for load in loads), 2))

"""What only a cluster can show: workers, searches with reused actors, replicas, the controller, two endpoints on one head."""

import json
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest
import ray

from mlconfig.engine.apply import apply_plan
from mlconfig.engine.carrier import Carrier
from mlconfig.engine.courtesy import NICENESS
from mlconfig.engine.destroy import destroy_endpoint
from mlconfig.engine.executors.local import LocalExecutor
from mlconfig.engine.executors.on_ray import Worker
from mlconfig.engine.head.process import session_members
from mlconfig.engine.job import Job
from mlconfig.engine.live import compare, fingerprint
from mlconfig.engine.report import silent
from mlconfig.engine.retrain import request_retrain
from mlconfig.engine.status import status_of
from mlconfig.engine.tenure import tenure
from mlconfig.errors import DataError, EngineError, ServingError
from mlconfig.lifecycle.states import State
from mlconfig.plan.steps import DeployStep, GateStep
from mlconfig.records.prediction_log import SEGMENTS, log_folder
from mlconfig.records.route import RouteVersion
from mlconfig.records.segments import segment_files

pytestmark = pytest.mark.ray

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation:
  interval: {resamples: 20}
  gates: {roc_auc: {min: 0.6, not_worse_by: 0.2}}
monitoring: {every: 1h}
retraining: {when: [performance], data: {from: source}}
"""
TRACED = '''
"""Accuracy that leaves a trace."""

import os
from typing import ClassVar

import numpy as np

from mlconfig.contracts import Metric, MetricTags
from mlconfig.vocabulary import Frozen


class Traced(Metric):
    """Writes down which process asked."""

    class Params(Frozen):
        """Nothing to set."""

    tags: ClassVar[MetricTags] = MetricTags(tasks=frozenset({"binary"}))

    def score(self, y, predicted):
        """Accuracy."""
        with (self.context.project / "pids.txt").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        return float(np.mean(y == predicted))
'''


def until(condition, what, seconds=30.0):
    """Wait for a condition, and say what was waited for when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.05)
    return found


@pytest.fixture
def shop(project, ray_session):
    """A project of the session's head."""
    ray_session.connect()
    project.shared = ray_session.storage
    return project.write(RECIPE)


def executor_of(shop, plan):
    from mlconfig.engine.executors.on_ray import RayExecutor

    return RayExecutor(shop.workspace(plan), plan)


def job_of(shop, plan, *, distributed):
    workspace = shop.workspace(plan)
    return Job(workspace, plan, fingerprint(workspace, plan), distributed=distributed)


def test_jobs_run_in_workers_that_raise_our_errors_and_whose_death_is_told(shop):
    import ray

    plan = shop.plan()
    executor = executor_of(shop, plan)
    try:
        output = executor.run("read", job_of(shop, plan, distributed=True))
        assert output == LocalExecutor().run("read", job_of(shop, plan, distributed=False))
        (worker,) = executor._workers.values()
        pid = ray.get(worker.__ray_call__.remote(lambda _: os.getpid()))
        assert pid != os.getpid()
        gone = shop.plan("data.source={name: csv, params: {path: none.csv}}")
        with pytest.raises(DataError, match=r"none\.csv"):
            executor.run("read", Job(shop.workspace(gone), gone, "unread", distributed=True))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="the worker of step `read` died") as told:
            executor.run("read", job_of(shop, plan, distributed=True))
        assert "model.resources.memory" in told.value.hint
    finally:
        executor.close()


def test_more_cpus_than_there_are_is_told_at_once(shop):
    plan = shop.plan("model.resources.cpus=64")
    executor = executor_of(shop, plan)
    with pytest.raises(EngineError, match="64 CPUs are asked for and the cluster has 4"):
        executor.run("train", job_of(shop, plan, distributed=True))
    executor.close()


def test_a_search_on_ray_tries_what_a_local_one_tries_in_few_processes(shop):
    (shop.folder / "plugins").mkdir()
    (shop.folder / "plugins" / "traced.py").write_text(TRACED)
    searched = (
        "plugins=[traced]",
        "evaluation={metric: traced, gates: {}}",
        "tuning={trials: 8, parallel: 2, space: {model.params.C: {float: [0.001, 10.0], log: true}}}",
    )
    plan = shop.plan(*searched)
    tried = {}
    for distributed in (True, False):
        job = job_of(shop, plan, distributed=distributed)
        LocalExecutor().run("read", job)
        output = LocalExecutor().run("tune", job)
        trials = json.loads((shop.storage / output["folder"] / "trials.json").read_text())
        tried[distributed] = [(trial["values"]["model.params.C"], trial["score"]) for trial in trials]
        assert len(trials) == 8
        if distributed:
            pids = set((shop.folder / "pids.txt").read_text().split())
            assert str(os.getpid()) not in pids
            assert len(pids) < 5, "actors are reused"
            best = output["best"]
    assert tried[True] == tried[False]
    assert best == output["best"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "a search leaves Ctrl-C as it was"


def writer_of(project, prediction_id):
    """The replica's life that logged a prediction."""
    files = segment_files(log_folder(project.storage, project.name) / SEGMENTS)
    (file,) = [file for file in files if prediction_id.encode() in file.read_bytes()]
    return file.stem.rpartition("-")[0]


class Town:
    """Two recipes of one project, each with its endpoint, and what is asked of them."""

    def __init__(self, first, second):
        self.first, self.second = first, second
        self.plans = {each.name: each.plan() for each in (first, second)}
        self.reports = {each.name: apply_plan(self.plans[each.name], each.folder) for each in (first, second)}
        self.url = self.reports[first.name].url
        self.client = httpx.Client(base_url=self.url, timeout=10)

    def ask(self, project):
        """Version and the replica's life that answered one row."""
        example = self.reports[project.name].example
        reply = self.client.post(f"/v1/{project.name}/predict", json=example)
        assert reply.status_code == 200, reply.text
        return reply.json()["version"], writer_of(project, reply.json()["prediction_id"])

    def version(self, project):
        """The version that answers, over a new connection: HAProxy ends an old one by its former ways."""
        return httpx.get(f"{self.url}/v1/{project.name}", timeout=10).json()["version"]


@pytest.fixture(scope="module")
def town(ray_session, mlflow_uri, tmp_path_factory, make_project):
    """Both endpoints, applied; what is left of them goes with the session's head."""
    ray_session.connect()
    folder = tmp_path_factory.mktemp("town")
    first, second = (make_project(folder, mlflow_uri, ray_session.storage).write(RECIPE) for _ in range(2))
    made = Town(first, second)
    yield made
    from mlconfig.engine.controller import stop_controller
    from mlconfig.engine.endpoints import remove

    stop_controller(first.workspace(made.plans[first.name]))
    for each in (first, second):
        workspace = each.workspace(made.plans[each.name])
        remove(workspace, each.name)
        workspace.plan_file(each.name).unlink(missing_ok=True)


def test_two_endpoints_answer_on_one_head_and_a_second_apply_keeps_them(town):
    for project in (town.first, town.second):
        report = town.reports[project.name]
        assert report.ran[-7:] == ("package", "register", "evaluate", "gate", "deploy", "monitor", "retrain")
        assert town.ask(project)[0] == "1"
        again = apply_plan(town.plans[project.name], project.folder)
        assert again.ran == ()
        assert again.url == report.url
    assert town.client.get("/readyz").json()["version"] == "1"
    paths = town.client.get("/openapi.json").json()["paths"]
    assert f"/v1/{town.first.name}/predict" in paths, "the root is the first's"
    assert town.client.get("/v1/nobody").status_code == 404


def test_replicas_and_their_ingress_go_before_what_learns(town, ray_session):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    serving = [
        process.nice()
        for process in map(psutil.Process, session_members(ray_session.head.sid))
        if any(word in " ".join(process.cmdline()) for word in ("ServeReplica", "bin/haproxy"))
    ]
    assert len(serving) >= 3
    assert set(serving) == {own}
    worker = ray.remote(Worker).options(num_cpus=0).remote()
    learning = ray.get(worker.__ray_call__.remote(lambda _: os.getpriority(os.PRIO_PROCESS, 0)))
    ray.kill(worker)
    assert learning == max(own, NICENESS)


def replicas(project):
    """How many answer."""
    from ray import serve

    (deployment,) = serve.status().applications[project.name].deployments.values()
    return deployment.replica_states.get("RUNNING", 0)


def learn(project, plan):
    """A version of a plan up to its gate, in this process; it is not promoted."""
    workspace = project.workspace(plan)
    with project.store() as store:
        carrier = Carrier(Job(workspace, plan, fingerprint(workspace, plan)), store, LocalExecutor(), silent)
        for step in plan.steps:
            output = carrier.carry(step)
            if isinstance(step, GateStep):
                break
        assert not output["refused"], output["note"]
        package = carrier.job.outputs["package"]
        version = carrier.job.outputs["register"]["version"]
    return RouteVersion(version=version, artifact_sha256=package["sha256"], folder=package["folder"])


def promote(project, plan, version):
    endpoint = plan.step(DeployStep).endpoint
    with project.store() as store, tenure(store, endpoint) as lease:
        generation = store.routes.current(endpoint).generation
        store.routes.promote(
            endpoint, version, expected_generation=generation, reason="test", now=time.time(), lease=lease
        )


def test_a_promotion_reaches_the_replica_without_a_restart_and_spoilt_bytes_do_not(town):
    project, plan = town.first, town.plans[town.first.name]
    before, life = town.ask(project)
    good = learn(project, project.plan("model.params.C=0.5"))
    promote(project, plan, good)
    until(lambda: town.version(project) == good.version, "the promotion", 5.0)
    assert town.ask(project) == (good.version, life), "the same process answers"
    spoilt = learn(project, project.plan("model.params.C=0.25"))
    file = project.storage / spoilt.folder / "model.onnx"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    promote(project, plan, spoilt)
    seen = time.monotonic() + 1.5
    while time.monotonic() < seen:
        assert town.ask(project) == (good.version, life), "the former version goes on"
    told = status_of(project.workspace(plan), plan)
    assert spoilt.artifact_sha256[:8] in told.unloadable
    assert str(file) in told.unloadable
    file.write_bytes(data)
    until(lambda: town.version(project) == spoilt.version, "the mended bytes", 5.0)
    assert town.ask(project) == (spoilt.version, life)
    assert before == "1"


@pytest.fixture
def outskirts(town, ray_session, mlflow_uri, tmp_path, make_project):
    """One more recipe on the town's head, whose endpoint is removed at the end."""
    from mlconfig.engine.endpoints import remove

    project = make_project(tmp_path, mlflow_uri, ray_session.storage).write(RECIPE)
    yield project
    workspace = project.workspace(project.plan())
    remove(workspace, project.name)
    workspace.plan_file(project.name).unlink(missing_ok=True)


def test_an_earlier_recipe_that_is_applied_again_is_live_again(town, outskirts):
    project, earlier = outskirts, outskirts.plan()
    other = project.plan("model.params.C=0.05", "serving.num_replicas=2")
    assert apply_plan(earlier, project.folder).version == "1"
    assert apply_plan(other, project.folder).ran[-3:] == ("deploy", "monitor", "retrain")
    assert replicas(project) == 2
    until(lambda: town.version(project) == "2", "the other version", 5.0)
    changes, _ = compare(earlier, project.workspace(earlier))
    assert {change.step for change in changes if change.changes} == {"deploy", "monitor", "retrain"}
    apply_plan(earlier, project.folder)
    until(lambda: town.version(project) == "1", "the earlier version", 5.0)
    until(lambda: replicas(project) == 1, "one replica", 20.0)
    assert apply_plan(earlier, project.folder).ran == ()


def test_a_replica_takes_no_bytes_without_a_passed_gate(town):
    from sqlalchemy import delete

    from mlconfig.engine.replica import GatedRoutes
    from mlconfig.lifecycle import tables
    from mlconfig.lifecycle.routes import RouteReader

    project, plan = town.second, town.plans[town.second.name]
    reader = RouteReader(project.workspace(plan).state_uri)
    table = GatedRoutes(reader).current(project.name)
    sha256 = table.champion.artifact_sha256
    with project.store() as store:
        verdict = store.gates.find(sha256)
        with store.database.write() as connection:
            connection.execute(delete(tables.gate).where(tables.gate.c.artifact_sha256 == sha256))
        try:
            with pytest.raises(ServingError, match="version 1 has no passed gate"):
                GatedRoutes(reader).current(project.name)
        finally:
            store.gates.record(verdict, time.time())
    assert GatedRoutes(reader).current(project.name) == table
    reader.close()


def test_the_controller_comes_back_after_a_kill_and_carries_a_retrain_out(town):
    import ray

    from mlconfig.engine.controller import controller_name
    from mlconfig.engine.head.client import NAMESPACE

    project, plan = town.second, town.plans[town.second.name]

    def pid_of():
        actor = ray.get_actor(controller_name(project.workspace(plan)), namespace=NAMESPACE)
        try:
            return ray.get(actor.__ray_call__.remote(lambda _: os.getpid()), timeout=10)
        except ray.exceptions.RayError:
            return None

    former = pid_of()
    rollout = request_retrain(project.workspace(plan), plan, "by hand")
    os.kill(former, signal.SIGKILL)
    until(lambda: pid_of() not in (None, former), "the controller's new life")
    with project.store() as store:
        ended = until(
            lambda: (
                each
                if (each := store.rollouts.get(rollout.id)).state in (State.LIVE, State.REJECTED, State.FAILED)
                else None
            ),
            "the end of the retrain",
            60.0,
        )
    assert ended.state is State.LIVE
    assert (ended.reason, ended.version) == ("by hand", "2")
    until(lambda: town.version(project) == "2", "the new version", 5.0)


def test_one_endpoint_ends_and_comes_back_without_learning_again(town):
    project, other = town.second, town.first
    plan = town.plans[project.name]
    live = town.version(project)
    versions = Path(project.storage, "versions", project.name)
    made = set(versions.iterdir())
    told = destroy_endpoint(project.workspace(plan), plan)
    assert told == f"`{project.name}` no longer answers; {other.name} goes on"
    assert town.client.get(f"/v1/{project.name}").status_code == 404
    life = town.ask(other)
    back = apply_plan(plan, project.folder)
    assert set(back.ran) <= {"deploy", "monitor", "retrain"}
    assert "deploy" in back.ran
    assert town.version(project) == live
    assert town.ask(other) == life
    assert set(versions.iterdir()) == made

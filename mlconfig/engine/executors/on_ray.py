"""Jobs on Ray: two workers an apply, so that heavy libraries are imported once each.

The light worker takes no CPU of the schedule: it reads, steers the search (whose trials take the CPUs), talks to MLflow,
which it imports while the other works, and asks the packaged model. The heavy one has the CPUs and memory of
``model.resources``: it fits and packages.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Thread
from typing import Any

from mlconfig.engine.address import door_of
from mlconfig.engine.courtesy import give_way
from mlconfig.engine.executors import run_job
from mlconfig.engine.head import Head, connect, disconnect, find_head, start_head
from mlconfig.engine.job import Job, Output
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, MlconfigError
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, TrainStep

LIGHT = frozenset({"read", "tune", "register", "evaluate", "gate"})
"""Kinds of steps that the light worker carries out."""
HERE = frozenset({"deploy", "monitor", "retrain"})
"""Kinds of steps that only talk to the cluster; they need no worker."""


class Worker:
    """An actor's body: carries jobs out in its process."""

    def __init__(self) -> None:
        give_way()

    def warm(self, job: Job) -> None:
        """Import MLflow and make its tables while the other worker fits; what fails here is told where it is needed."""
        from mlconfig.engine.jobs.register import open_tracker

        with suppress(Exception):
            open_tracker(job)

    def run(self, kind: str, job: Job) -> Output:
        """Carry the job out."""
        return run_job(kind, job)


def connect_cluster(workspace: Workspace) -> None:
    """Connect to the given cluster, or to a head of our own, started if need be; leaves another one that was connected."""
    engine = workspace.engine
    if engine.address is not None:
        connect(engine.address)
        return
    cpus = None if engine.cpus == "auto" else engine.cpus
    memory = None if engine.memory_limit == "auto" else engine.memory_limit
    head = start_head(workspace.storage, cpus=cpus, memory=memory, door=door_of(workspace))
    import ray

    if ray.is_initialized() and ray.get_runtime_context().gcs_address != head.address:
        disconnect()
    connect(head)


class RayExecutor:
    """Runs jobs on workers of the cluster; connects with the first job."""

    def __init__(self, workspace: Workspace, plan: Plan) -> None:
        self.workspace, self.plan = workspace, plan
        self._workers: dict[str, Any] = {}
        self._serve: Thread | None = None
        self._connected = False

    def run(self, kind: str, job: Job) -> Output:
        """Carry the job out on its worker. Raises the job's own error; ``EngineError`` when the worker died."""
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        self._connect()
        if kind in HERE:
            return run_job(kind, job)
        if kind == "train":
            self._worker("light").warm.remote(job)
        try:
            output = ray.get(self._worker("light" if kind in LIGHT else "heavy").run.remote(kind, job))
        except RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, MlconfigError) else error from None
        except RayActorError as error:
            hint = "it may have run out of memory; see model.resources.memory and `mlconfig doctor`"
            raise EngineError(f"the worker of step `{kind}` died: {str(error).splitlines()[0]}", hint=hint) from None
        assert isinstance(output, dict)
        return output

    def _connect(self) -> None:
        """Connect with the first job; Ray Serve starts in the background if the plan will need it."""
        if self._connected:
            return
        self._connected = True
        connect_cluster(self.workspace)
        head = find_head(self.workspace.storage) if self.workspace.engine.address is None else None
        if head is not None and self.plan.find(DeployStep) is not None:
            self._serve = Thread(target=_start_serve, args=(head,), name="start-serve", daemon=True)
            self._serve.start()

    def _worker(self, weight: str) -> Any:
        if weight not in self._workers:
            self._workers[weight] = self._start(weight)
        return self._workers[weight]

    def _start(self, weight: str) -> Any:
        import ray

        if weight == "light":
            return ray.remote(Worker).options(num_cpus=0).remote()
        resources = self.plan.step(TrainStep).model.resources
        _check_fits(resources.cpus)
        memory = None if resources.memory == "auto" else resources.memory
        return ray.remote(Worker).options(num_cpus=resources.cpus, memory=memory).remote()

    def settle(self) -> None:
        """Wait for what was begun in the background."""
        if self._serve is not None:
            self._serve.join()

    def close(self) -> None:
        """End the workers; the head stays."""
        import ray

        self.settle()
        for worker in self._workers.values():
            ray.kill(worker)
        self._workers.clear()


def _start_serve(head: Head) -> None:
    """Start Ray Serve ahead of need; when that fails, the deploy step tries again and tells why."""
    from mlconfig.engine.serve_api import start_serve

    with suppress(MlconfigError):
        start_serve(head)


def _check_fits(cpus: int) -> None:
    import ray

    there = int(ray.cluster_resources().get("CPU", 0))
    if cpus > there:
        raise EngineError(
            f"{cpus} CPUs are asked for and the cluster has {there}", "model.resources.cpus", "ask for fewer"
        )

"""Batches over the nodes of a cluster: one task a unit.

A task reads its own rows, scores them and writes its part, on one CPU, and holds the CPU only so long. Nothing else has to run
for it to go on, so that no number of CPUs, however small, can make it wait for itself; actors that hold all CPUs while tasks of
their own should read can. All nodes must see the input, the version's folder and the folder of the output.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlconfig.engine.courtesy import give_way
from mlconfig.engine.executors.on_ray import connect_cluster
from mlconfig.engine.head import destroy_head, disconnect, find_head
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, MlconfigError
from mlconfig.plan.plan import Plan
from mlconfig.serving.batch.unit import Done, Told, Unit, Work

AHEAD = 2
"""Units a CPU that are handed in at a time: none waits for the next, and a source is not read far ahead."""
PATIENCE_S = 600.0
"""Seconds without a finished unit while the cluster has no free CPU, after which waiting is given up."""


@contextmanager
def ray_tasks(workspace: Workspace) -> Iterator[RayTasks]:
    """The cluster of the recipe, or a head of our own, which is ended again when it did not run before."""
    ours = workspace.engine.address is None and find_head(workspace.storage) is None
    connect_cluster(workspace)
    try:
        yield RayTasks()
    finally:
        if ours:
            disconnect()
            destroy_head(workspace.storage)


class RayTasks:
    """Scores units as tasks of the cluster that this process is connected to."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s

    def run(self, work: Work, units: Iterator[Unit], told: Told) -> Iterator[Done]:
        """Score all units; yields them as they end.

        Raises:
            DataError, ServingError: of the first unit that failed.
            EngineError: a task died more than once, or no CPU became free for long.
        """
        import ray

        task = ray.remote(_score).options(num_cpus=1, max_retries=2)
        given, since = ray.put(work), time.monotonic()
        waiting: list[Any] = []
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        try:
            while True:
                while len(waiting) < most and (unit := next(units, None)) is not None:
                    waiting.append(task.remote(given, unit))
                if not waiting:
                    return
                ended, waiting = ray.wait(waiting, num_returns=1, timeout=5.0)
                if ended:
                    since = time.monotonic()
                self._lose_patience(since)
                for reference in ended:
                    done = _result(reference)
                    told(done.rows)
                    yield done
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)

    def _lose_patience(self, since: float) -> None:
        import ray

        if time.monotonic() - since > self._patience_s and ray.available_resources().get("CPU", 0.0) < 1.0:
            what = f"no CPU of the cluster became free for {self._patience_s:.0f} s"
            raise EngineError(what, hint="end what holds them, or score here: --here")


class Apart:
    """Runs scheduled batches, each in a process of its own."""

    def start(self, workspace: Workspace, plan: Plan, name: str) -> Any:
        """Begin a run. It takes no CPU of the schedule, so that it is there whatever else runs; its units take theirs."""
        import ray

        return ray.remote(_run_due).options(num_cpus=0, max_retries=0).remote(workspace, plan, name)

    def is_over(self, run: Any) -> bool:
        """Whether a run has ended. Raises what it did not record itself."""
        import ray

        done, _ = ray.wait([run], timeout=0)
        if done:
            ray.get(run)
        return bool(done)


def _run_due(workspace: Workspace, plan: Plan, name: str) -> None:
    """Where one CPU is all there is, a replica holds a part of it for good, and none would ever be free for a unit."""
    import ray

    from mlconfig.engine.scheduled import run_due
    from mlconfig.serving.batch.run import Here

    give_way()
    run_due(workspace, plan, name, RayTasks() if ray.cluster_resources().get("CPU", 0.0) >= 2.0 else Here())


def _score(work: Work, unit: Any) -> Done:
    from mlconfig.serving.batch.score import score_unit

    give_way()
    return score_unit(work, unit, lambda _: None)


def _result(reference: Any) -> Done:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        done = ray.get(reference)
    except RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, MlconfigError) else error from None
    except RayError as error:
        hint = "it may have run out of memory. Finished parts are kept: the same command goes on from there"
        raise EngineError(f"a task that scored rows died: {str(error).splitlines()[0]}", hint=hint) from None
    assert isinstance(done, Done)
    return done

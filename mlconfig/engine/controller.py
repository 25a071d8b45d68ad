"""The controller: a detached actor that looks after all endpoints of a project, level by level.

Each tick reads the state anew and does what is missing: compaction, watching, alerts, the retraining policy, rollouts on their
way, batches that are due. It keeps nothing in memory that matters; the lease, not the actor, is the fence.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Hashable
from contextlib import suppress
from functools import cached_property
from typing import Any

import ray

from mlconfig.engine.aliases import project_aliases
from mlconfig.engine.batch_on_ray import Apart
from mlconfig.engine.courtesy import give_way
from mlconfig.engine.cycle import run_cycle
from mlconfig.engine.executors.on_ray import connect_cluster
from mlconfig.engine.head.client import NAMESPACE
from mlconfig.engine.heartbeat import Heartbeat, beat
from mlconfig.engine.live import applied_plans
from mlconfig.engine.pace import Pace, stamp
from mlconfig.engine.retrain import carry_rollout
from mlconfig.engine.schedule import Schedule
from mlconfig.engine.telling import deliver
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import MlconfigError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep, TrainStep

logger = logging.getLogger(__name__)

NAME = "mlconfig-controller"
TICK_S = 1.0
REOPEN_S = 60.0
SETTLE_S = 1.0
"""A prediction is stamped before it is logged; so long after its end a window is taken to be complete."""


class Controller:
    """The actor's body: a thread that ticks."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.faults: dict[str, str] = {}
        self.turns: Counter[str] = Counter()
        self._running: dict[str, tuple[str, Any]] = {}
        self._turning: dict[str, tuple[Hashable, Any]] = {}
        self._turn_faults: set[str] = set()
        self._telling: dict[str, Any] = {}
        self._shown: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._schedule = Schedule(workspace, Apart())
        self._store: Store | None = None
        self._reopen_at = 0.0
        self._thread = threading.Thread(target=self._tick_for_ever, name="controller", daemon=True)
        self._thread.start()

    def problems(self) -> dict[str, str]:
        """What went wrong in the last turn, by recipe."""
        return dict(self.faults)

    def _tick_for_ever(self) -> None:
        while True:
            began = time.monotonic()
            for plan in applied_plans(self.workspace):
                self._tick(plan)
            time.sleep(max(0.1, TICK_S - (time.monotonic() - began)))

    def _tick(self, plan: Plan) -> None:
        """One recipe's turn. A fault is kept to be shown, and the next tick tries again."""
        try:
            store = self._opened()
            self._look_after_rollout(plan, store)
            self._look_after_aliases(plan, store)
            self._schedule.look_after(plan, store, time.time())
            self._look_after_windows(plan, store)
            self._look_after_alerts(plan, store)
            if plan.name not in self._turn_faults:  # what a turn failed with holds until one succeeds
                self.faults.pop(plan.name, None)
        except Exception as error:  # noqa: BLE001 — the controller outlives every fault of one recipe
            self._reopen_at = 0.0
            if self.faults.get(plan.name) != str(error):
                logger.warning("%s: %s", plan.name, error)
            self.faults[plan.name] = str(error)
        with suppress(OSError):  # a full disk is told by what needs it
            sign = Heartbeat(self.turns[plan.name], time.time(), self.faults.get(plan.name, ""))
            beat(self.workspace, plan.name, sign)

    def _opened(self) -> Store:
        """The state. Opening it takes longer than a tick's questions; but a file may be replaced under an open one."""
        now = time.monotonic()
        if now >= self._reopen_at:
            if self._store is not None:
                self._store.close()
            self._store, self._reopen_at = Store.open(self.workspace.state_uri), now + REOPEN_S
        assert self._store is not None
        return self._store

    def _look_after_windows(self, plan: Plan, store: Store) -> None:
        """Have a task do a turn of the cycle when something is new and the rest after the last is over."""
        deploy = plan.find(DeployStep)
        if deploy is None:
            return
        pace = self._paces.setdefault(plan.name, Pace())
        if not self._is_turn_over(plan, pace):
            return
        route, now = store.routes.current(deploy.endpoint), time.time()
        seen = stamp(self.workspace, plan, route.generation if route is not None else None, now)
        if pace.is_new(seen):
            if pace.is_rested():
                pace.begin()
                self._turning[plan.name] = seen, self._turns.take.remote(self.workspace, plan)
            return
        self.turns[plan.name] += 1

    @cached_property
    def _turns(self) -> Any:
        """The process that takes turns. It is kept, because loading what a turn needs takes longer than most turns; one that
        was killed comes back with the next.
        """
        return ray.remote(Turns).options(num_cpus=0, max_restarts=-1, max_task_retries=0).remote()

    def _is_turn_over(self, plan: Plan, pace: Pace) -> bool:
        """Whether no turn is under way; one that has just ended is noted, and what it raised is raised here."""
        under_way = self._turning.get(plan.name)
        if under_way is None:
            return True
        seen, reference = under_way
        done, _ = ray.wait([reference], timeout=0)
        if not done:
            return False
        del self._turning[plan.name]
        try:
            found_nothing, seconds = ray.get(reference)
        except Exception:
            pace.end(seen)
            pace.forget()
            self._turn_faults.add(plan.name)
            raise
        pace.end(seen, seconds)
        self.turns[plan.name] += int(found_nothing)
        self._turn_faults.discard(plan.name)
        return True

    def _look_after_alerts(self, plan: Plan, store: Store) -> None:
        """Have a task send what is in the outbox: a sink that hangs holds up neither the turn nor another recipe."""
        deploy = plan.find(DeployStep)
        if deploy is None or plan.find(MonitorStep) is None:
            return
        if (task := self._telling.get(plan.name)) is not None:
            done, _ = ray.wait([task], timeout=0)
            if not done:
                return
            del self._telling[plan.name]
            ray.get(task)
        if store.outbox.is_due(deploy.endpoint, time.time()):
            self._telling[plan.name] = ray.remote(send_alerts).options(num_cpus=0).remote(self.workspace, plan)

    def _look_after_rollout(self, plan: Plan, store: Store) -> None:
        """Carry a requested retrain out on a worker of its own; one whose worker died is taken up again."""
        deploy = plan.find(DeployStep)
        if deploy is None:
            return
        if (task := self._running.get(plan.name)) is not None:
            done, _ = ray.wait([task[1]], timeout=0)
            if not done:
                return
            del self._running[plan.name]
            self._note_accident(store, task)
        rollout = store.rollouts.open(deploy.endpoint)
        if rollout is not None and rollout.request.get("kind") == "retrain":
            cpus = plan.step(TrainStep).model.resources.cpus
            worker = ray.remote(carry_rollout_apart).options(num_cpus=cpus, max_retries=0)
            self._running[plan.name] = rollout.id, worker.remote(self.workspace, plan, rollout.id)

    def _note_accident(self, store: Store, task: Any) -> None:
        """What a rollout's worker raised that no step foresaw goes into its trail, since the machine tries again."""
        rollout, reference = task
        try:
            ray.get(reference)
        except MlconfigError:
            return  # the rollout's own record says why
        except Exception as error:  # noqa: BLE001 — whatever it was, a person must be able to read it
            what = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            store.audit.note("accident", rollout, what, time.time())

    def _look_after_aliases(self, plan: Plan, store: Store) -> None:
        """Have MLflow show what answers, in a process of its own, since MLflow is large."""
        deploy = plan.find(DeployStep)
        route = store.routes.current(deploy.endpoint) if deploy is not None else None
        if route is None or self._shown.get(plan.name) == route.generation:
            return
        self._shown[plan.name] = route.generation
        ray.remote(project_aliases).options(num_cpus=0, max_retries=2).remote(self.workspace, plan)


class Turns:
    """An actor whose only work is turns: what they load and count leaves the controller small."""

    def __init__(self) -> None:
        give_way()

    def take(self, workspace: Workspace, plan: Plan) -> tuple[bool, float]:
        """One turn of the cycle: whether it found nothing left to do, and the seconds it took."""
        began = time.monotonic()
        with Store.open(workspace.state_uri) as store:
            report = run_cycle(workspace, plan, store, time.time() - SETTLE_S)
        found_nothing = not report.verdicts and not (report.decision is not None and report.decision.retrain)
        return found_nothing, time.monotonic() - began


def carry_rollout_apart(workspace: Workspace, plan: Plan, rollout_id: str) -> None:
    """A retrain, in a process of its own."""
    give_way()
    carry_rollout(workspace, plan, rollout_id)


def send_alerts(workspace: Workspace, plan: Plan) -> None:
    """Send what is due."""
    with Store.open(workspace.state_uri) as store:
        deliver(workspace, plan, store, time.time())


def start_controller(workspace: Workspace) -> None:
    """See that the controller runs; nothing happens when it does."""
    options = {
        "name": controller_name(workspace),
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
    }
    actor = ray.remote(Controller).options(num_cpus=0, max_restarts=-1, **options).remote(workspace)
    ray.get(actor.problems.remote())


def controller_name(workspace: Workspace) -> str:
    """The actor's name: a given cluster may serve several projects, and each has a controller of its own."""
    return f"{NAME}-{hashlib.sha256(str(workspace.storage).encode()).hexdigest()[:10]}"


def stop_controller(workspace: Workspace) -> None:
    """End the project's controller. Raises ``ValueError`` when none runs."""
    connect_cluster(workspace)
    ray.kill(ray.get_actor(controller_name(workspace), namespace=NAMESPACE))

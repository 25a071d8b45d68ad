"""One run of a scheduled batch, and what is said of it.

A run holds its batch's lease and is recorded under it, so that there is one at a time, whoever started it. It is recorded as
running before it begins: one that was cut off is taken up again, from its finished parts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mlconfig.engine.batch import Request, predict_batch
from mlconfig.engine.schedule import moment
from mlconfig.engine.secrecy import hidden
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, MlconfigError, PlanError
from mlconfig.lifecycle.batches import BatchRun, lease_of
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep, RegisterStep
from mlconfig.records.verdict import Alert
from mlconfig.sections import Batch
from mlconfig.serving.batch.run import BatchResult, Runner, Settings
from mlconfig.vocabulary import PluginRef

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""A run that was cut off so often is given up until the next time: something about it ends its process."""


def run_due(workspace: Workspace, plan: Plan, name: str, runner: Runner | None = None) -> None:
    """Do the run that is due, if there is one and nobody else is at it; how it ended is recorded and not raised."""
    with Store.open(workspace.state_uri) as store:
        try:
            with tenure(store, lease_of(plan.name, name), patience=0.5) as lease:
                record = store.batches.all(plan.name).get(name)
                due = record.due(time.time(), plan.time_zone) if record is not None else None
                if due is not None:
                    _Run(workspace, plan, store, lease, name).carry_out(due, runner)
        except MlconfigError as error:
            logger.warning("batch %s of %s: %s", name, plan.name, error)


def run_by_hand(workspace: Workspace, plan: Plan, name: str, score: Callable[[Request], BatchResult]) -> BatchResult:
    """Do a run now; it stands for the times that have passed.

    Raises:
        PlanError: the recipe has no such batch.
        EngineError: it is under way.
    """
    batch_of(plan, name)
    with Store.open(workspace.state_uri) as store, tenure(store, lease_of(plan.name, name), patience=0.5) as lease:
        run = _Run(workspace, plan, store, lease, name)
        return run.record(store.batches.begin(plan.name, name, time.time(), lease, time.time(), "hand"), score)


def batch_of(plan: Plan, name: str) -> Batch:
    """A batch of the plan. Raises ``PlanError``."""
    batches: Mapping[str, Batch] = plan.step(DeployStep).serving.batch
    if name not in batches:
        close = get_close_matches(name, batches, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(batches) or 'none'}"
        raise PlanError(f"`{plan.name}` has no batch `{name}`", "serving.batch", hint)
    return batches[name]


def request_of(workspace: Workspace, batch: Batch) -> Request:
    """What a batch asks for: all columns, the live version, in place of what is there."""
    source, target = batch.input, batch.output
    return Request(
        source=_place(workspace, source),
        target=_place(workspace, target),
        query=source.params.get("query") or "",
        key=source.params.get("key") or "",
        kind=None if source.name == "sql" else source.name,
        form=None if target.name == "sql" else target.name,
        settings=Settings(overwrite=True),
    )


def _place(workspace: Workspace, ref: PluginRef) -> str:
    """A place as ``predict`` names it; paths are the project's."""
    params = ref.params
    if ref.name != "sql":
        return str(workspace.project / Path(params["path"]).expanduser())
    begin, slashes, path = str(params["url"]).partition(":///")
    url = f"{begin}:///{workspace.project / path}" if slashes and begin.startswith("sqlite") else str(params["url"])
    return f"{url}#{params['table']}" if params.get("table") else url


@dataclass(frozen=True)
class _Run:
    """One run, under its lease."""

    workspace: Workspace
    plan: Plan
    store: Store
    lease: Lease
    name: str

    def carry_out(self, due: float, runner: Runner | None) -> None:
        run = self.store.batches.begin(self.plan.name, self.name, due, self.lease, time.time(), "schedule")

        def score(request: Request) -> BatchResult:
            if run.attempts > ATTEMPTS:
                hint = "it may have run out of memory; `mlconfig doctor` shows how much there is"
                raise EngineError(f"its process ended {ATTEMPTS} times before it was done", hint=hint)
            return predict_batch(self.workspace, self.plan, request, runner)

        try:
            self.record(run, score)
        except MlconfigError as error:
            logger.warning("batch %s of %s failed: %s", self.name, self.plan.name, error)
        except Exception:
            logger.exception("batch %s of %s failed", self.name, self.plan.name)

    def record(self, run: BatchRun, score: Callable[[Request], BatchResult]) -> BatchResult:
        """Score, and note how it ended. What ends the process leaves it as it is: still to be done."""
        try:
            result = score(request_of(self.workspace, batch_of(self.plan, self.name)))
        except (Exception, KeyboardInterrupt) as error:
            self._end(run.model_copy(update={"state": "failed", "error": self._words(error)}))
            raise
        told = {"rows": result.rows, "resumed": result.resumed, "version": result.version}
        self._end(run.model_copy(update={"state": "done", **told}))
        return result

    def _words(self, error: BaseException) -> str:
        if isinstance(error, KeyboardInterrupt):
            return "stopped by hand; finished parts are kept, and the next run goes on from there"
        text = str(error) if isinstance(error, MlconfigError) else f"{type(error).__name__}: {error}"
        return hidden(text, self.workspace, self.plan)

    def _end(self, run: BatchRun) -> None:
        """A person who started a run sees how it ends; of others the sinks hear."""
        now, monitor = time.time(), self.plan.find(MonitorStep)
        ended = run.model_copy(update={"ended": now})
        sinks = tuple(monitor.alerts.sinks) if monitor is not None and run.by == "schedule" else ()
        repeat = monitor.alerts.repeat.total_seconds() if monitor is not None else 0.0
        self.store.batches.end(ended, self.lease, self._alert(ended, now), sinks, repeat)

    def _alert(self, run: BatchRun, now: float) -> Alert:
        endpoint = self.plan.step(DeployStep).endpoint
        route = self.store.routes.current(endpoint)
        failed = run.state == "failed"
        what = f"failed: {run.error.splitlines()[0]}" if failed else f"{run.rows} row(s) scored"
        return Alert(
            recipe=self.plan.name,
            owner=self.plan.step(RegisterStep).owner,
            endpoint=endpoint,
            version=run.version or (route.champion.version if route is not None else ""),
            rule=f"batch {self.name}",
            signal=f"batch {self.name}",
            state="alert" if failed else "ok",
            what=f"batch {self.name}, due {moment(run.due, self.plan.time_zone)}: {what}",
            at=now,
            advice=f"it is tried again at its next time; `mlconfig predict RECIPE --batch {self.name}` runs it now",
        )

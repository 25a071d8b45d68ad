"""One turn of looking after an endpoint: compact the log, judge its windows, decide alerts, ask the retraining policy."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mlconfig.contracts.trigger import TriggerView
from mlconfig.engine.champion import Champion, champion_of
from mlconfig.engine.evidence import counts_since, spent, unspent
from mlconfig.engine.keeping import keep_retention
from mlconfig.engine.moment import endpoint_now
from mlconfig.engine.passage import retrain_on_its_way
from mlconfig.engine.retrain import record_request
from mlconfig.engine.rollback import roll_back
from mlconfig.engine.telling import tell
from mlconfig.engine.tenure import tenure
from mlconfig.engine.watches import make_watch, pass_input
from mlconfig.engine.workspace import Toolbox, Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.policy import Decision, decide
from mlconfig.lifecycle.store import Store
from mlconfig.monitoring.alerts import wanted_retrain, wanted_rollback
from mlconfig.monitoring.run import PassInput, PassResult, Progress, run_pass
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep, RetrainStep
from mlconfig.records.metrics_snapshot import write_snapshot
from mlconfig.records.prediction_log import SHADOW
from mlconfig.records.removed import tidying
from mlconfig.records.route import RouteTable
from mlconfig.records.service_compaction import compact_service_log
from mlconfig.records.verdict import Alert, Verdict
from mlconfig.serving.compaction import ManifestRow, compact, compact_labels


@dataclass(frozen=True)
class CycleReport:
    """What a turn found. ``verdicts`` are new or changed; ``decision`` is the policy's, null where there is none."""

    verdicts: tuple[Verdict, ...] = ()
    skipped: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()
    decision: Decision | None = None


class StoredManifest:
    """The compactor's manifest in the state database."""

    def __init__(self, store: Store, now: float) -> None:
        self.store, self.now = store, now

    def has(self, segment: str) -> bool:
        """Whether the segment was compacted."""
        return self.store.manifest.has(segment)

    def add(self, row: ManifestRow) -> None:
        """Remember that it was."""
        self.store.manifest.add(row.segment, row.files, rows=row.rows, now=self.now)


def run_cycle(
    workspace: Workspace, plan: Plan, store: Store, now: float, *, act: bool = True, progress: Progress | None = None
) -> CycleReport:
    """Do one turn. Repeated at once it finds nothing new.

    Args:
        workspace: the project.
        plan: the applied plan.
        store: the lifecycle's.
        now: the clock, seconds since 1970.
        act: whether a retrain that the policy wants is requested; else it is only said.
        progress: hears of the windows as they are judged.
    """
    deploy, monitor = plan.find(DeployStep), plan.find(MonitorStep)
    champion = champion_of(workspace, store, deploy.endpoint) if deploy is not None else None
    if deploy is None or champion is None:
        return CycleReport()
    _tidy(workspace.predictions(deploy.endpoint), store, now)
    try:
        if monitor is None:
            return CycleReport(decision=_policy(workspace, plan, store, now, act=act))
        result, alerts = _watch(workspace, plan, store, champion, now, act=act, progress=progress)
        return CycleReport(result.verdicts, result.skipped, alerts, _policy(workspace, plan, store, now, act=act))
    finally:  # rows are judged before they go, and go also where they cannot be judged
        with suppress(OSError):
            keep_retention(workspace, plan, store, now)


def _tidy(folder: Path, store: Store, now: float) -> None:
    """Move what is closed into Parquet, alone: who erases rows must find them in one place."""
    with tidying(folder):
        for log in (folder, folder / SHADOW):
            compact(log, StoredManifest(store, now), now)
        for tidy in (compact_labels, partial(compact_service_log, now=now)):
            with suppress(OSError):  # a full disk must not keep anything from being judged; there may be room next time
                tidy(folder)


def _watch(
    workspace: Workspace,
    plan: Plan,
    store: Store,
    champion: Champion,
    now: float,
    *,
    act: bool,
    progress: Progress | None,
) -> tuple[PassResult, tuple[Alert, ...]]:
    monitor, version = plan.step(MonitorStep), champion.route.version
    watch = make_watch(workspace, plan, store, champion, now)
    begin = counts_since(workspace, plan, store, monitor.endpoint)
    request = replace(pass_input(workspace, watch, store, now, begin), progress=progress)
    result = run_pass(request)
    store.verdicts.add(result.verdicts)
    news, history = _news(result, request)
    alerts = tell(plan, store, news, history, version, now)
    wish = wanted_rollback(store.alerts.open(monitor.endpoint, version))
    if wish is not None and act:
        roll_back(workspace, plan, store, wish, now)
    _show(workspace, plan, store, version, now, begin)
    return result, alerts


def _news(result: PassResult, request: PassInput) -> tuple[list[Verdict], list[Verdict]]:
    """What a pass found of new windows, and what was known or is judged anew: that is shown, and told where it holds now."""
    again = {(old.signal, old.scale, old.window.start) for old in request.outdated}
    anew = [new for new in result.verdicts if (new.signal, new.scale, new.window.start) in again]
    news = [new for new in result.verdicts if (new.signal, new.scale, new.window.start) not in again]
    return news, [*request.verdicts, *anew]


def _show(workspace: Workspace, plan: Plan, store: Store, version: str, now: float, begin: float) -> None:
    """Leave the newest figures where `/metrics` finds them; a full disk is told by what needs it."""
    monitor = plan.step(MonitorStep)
    latest, alerts = store.verdicts.latest(monitor.endpoint, version, begin), store.alerts.open(monitor.endpoint)
    with suppress(OSError):
        write_snapshot(workspace.predictions(monitor.endpoint), latest, alerts, at=now, metric=monitor.metric)


def _policy(workspace: Workspace, plan: Plan, store: Store, now: float, *, act: bool) -> Decision | None:
    """Ask the policy; a retrain that it wants is requested, unless one is on its way."""
    step, endpoint = plan.find(RetrainStep), plan.step(DeployStep).endpoint
    if step is None or retrain_on_its_way(store, endpoint) is not None:
        return None
    tools = Toolbox(workspace, plan)
    triggers = {name: tools.create("trigger", name, params) for name, params in step.retraining.when.items()}
    view = _view(workspace, plan, store, now)
    route = store.routes.current(endpoint)
    open_alerts = store.alerts.open(endpoint, route.champion.version) if route is not None else []
    fresh = {verdict.signal for verdict in view.verdicts}
    wish = wanted_retrain(alert for alert in open_alerts if alert.signal in fresh)
    decision = decide(step.retraining, triggers, view, wish)
    if decision.retrain and act:
        drifting = [verdict.since for verdict in view.verdicts if verdict.vote and verdict.since is not None]
        try:
            with tenure(store, endpoint, patience=0.5) as lease:
                since = min(drifting, default=None)
                record_request(
                    store, plan, lease, reason=decision.reason, now=view.now, drift_since=since,
                    evidence=spent(view.verdicts),
                )  # fmt: skip
        except EngineError:
            return decision  # somebody is at work on the endpoint; the next turn asks again
    return decision


def _view(workspace: Workspace, plan: Plan, store: Store, now: float) -> TriggerView:
    endpoint = plan.step(DeployStep).endpoint
    route = store.routes.current(endpoint)
    assert route is not None
    begin = counts_since(workspace, plan, store, endpoint)
    retrains = [each for each in store.rollouts.all(endpoint) if each.request.get("kind") == "retrain"]
    live = next((each for each in reversed(retrains) if each.version == route.champion.version), None)
    return TriggerView(
        now=endpoint_now(workspace, plan, now),
        live_since=float(live.request["now"]) if live is not None else _first_live(workspace, plan, route),
        last_retrain=float(retrains[-1].request["now"]) if retrains else None,
        verdicts=unspent(store, endpoint, store.verdicts.latest(endpoint, route.champion.version, begin)),
        time_zone=plan.time_zone,
    )


def _first_live(workspace: Workspace, plan: Plan, route: RouteTable) -> float:
    """Since when the first version is live, on the endpoint's clock: by event time, from the end of its data on."""
    monitor = plan.find(MonitorStep)
    if monitor is None or monitor.monitoring.time == "arrival":
        return route.created_at
    return Champion(workspace.storage, route.champion).trained_until or route.created_at

"""One turn of looking after an endpoint: compact the log, judge its windows, send alerts, ask the retraining policy."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mlconfig.contracts.trigger import TriggerView
from mlconfig.engine.champion import Champion, champion_of
from mlconfig.engine.moment import endpoint_now
from mlconfig.engine.passage import retrain_on_its_way
from mlconfig.engine.retrain import record_request
from mlconfig.engine.secrecy import hidden
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Toolbox, Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.policy import Decision, decide
from mlconfig.lifecycle.store import Store
from mlconfig.monitoring.alerts import alerts_of
from mlconfig.monitoring.run import PassInput, PassResult, needed_since, run_pass
from mlconfig.monitoring.watch import Watch
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep, RegisterStep, RetrainStep
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.route import RouteTable
from mlconfig.records.verdict import Alert, Verdict
from mlconfig.serving.compaction import ManifestRow, compact

logger = logging.getLogger(__name__)


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


def run_cycle(workspace: Workspace, plan: Plan, store: Store, now: float, *, act: bool = True) -> CycleReport:
    """Do one turn. Repeated at once it finds nothing new.

    Args:
        workspace: the project.
        plan: the applied plan.
        store: the lifecycle's.
        now: the clock, seconds since 1970.
        act: whether a retrain that the policy wants is requested; else it is only said.
    """
    deploy, monitor = plan.find(DeployStep), plan.find(MonitorStep)
    champion = champion_of(workspace, store, deploy.endpoint) if deploy is not None else None
    if deploy is None or champion is None:
        return CycleReport()
    compact(workspace.predictions(deploy.endpoint), StoredManifest(store, now))
    if monitor is None:
        return CycleReport(decision=_policy(workspace, plan, store, now, act=act))
    result, alerts = _watch(workspace, plan, store, champion, now)
    return CycleReport(result.verdicts, result.skipped, alerts, _policy(workspace, plan, store, now, act=act))


def _watch(
    workspace: Workspace, plan: Plan, store: Store, champion: Champion, now: float
) -> tuple[PassResult, tuple[Alert, ...]]:
    monitor = plan.step(MonitorStep)
    log = PredictionLog(workspace.predictions(monitor.endpoint))
    version = champion.route.version
    known = store.verdicts.history(monitor.endpoint, version)
    watch = make_watch(workspace, plan, store, champion)
    since = needed_since(monitor.monitoring, known, now)
    predictions = log.predictions(since=since, time=monitor.monitoring.time, version=version)
    result = run_pass(PassInput(watch, predictions, log.labels(), known, now, complete_since=since))
    store.verdicts.add(result.verdicts)
    owner = plan.step(RegisterStep).owner
    alerts = alerts_of(result.verdicts, known, recipe=plan.name, owner=owner, at=now)
    tools = Toolbox(workspace, plan)
    _tell(tools, monitor, store, alerts)
    _tell(tools, monitor, store, _standing(plan, store, version, now))
    return result, alerts


def make_watch(workspace: Workspace, plan: Plan, store: Store, champion: Champion) -> Watch:
    """What the live version is watched with."""
    monitor, tools = plan.step(MonitorStep), Toolbox(workspace, plan)
    card = store.versions.get(plan.name, champion.route.version)
    measured = card.metrics.get(monitor.metric) if card is not None else None
    signals = monitor.monitoring.signals
    return Watch(
        endpoint=monitor.endpoint,
        version=champion.route.version,
        monitoring=monitor.monitoring,
        signature=champion.signature,
        reference=champion.profile,
        metric=tools.create("metric", monitor.metric),
        metric_reference=measured.value if measured is not None else None,
        detectors={name: tools.create("detector", signal.name, signal.params) for name, signal in signals.items()},
        random_state=plan.random_state,
    )


def _tell(tools: Toolbox, monitor: MonitorStep, store: Store, alerts: Sequence[Alert]) -> None:
    """Say each alert to each sink once. A sink that fails does not stop the watch, and is told again in the next turn."""
    for name, sink in monitor.alerts.sinks.items():
        due = [alert for alert in alerts if store.alerts.is_due(alert, name)]
        for alert in due:
            try:
                tools.create("sink", sink.name, sink.params).send(alert)
            except Exception as error:  # noqa: BLE001 — whatever a sink raises, the watch goes on
                said = hidden(str(error), tools.workspace, tools.plan)
                logger.warning("the sink `%s` did not take an alert: %s", name, said)
            else:
                store.alerts.mark(alert, name)


def _standing(plan: Plan, store: Store, version: str, now: float) -> tuple[Alert, ...]:
    """What should have been said by now, whatever was lost on the way: alerts that hold, and ends of those that do not."""
    endpoint = plan.step(MonitorStep).endpoint
    latest = store.verdicts.latest(endpoint, version)
    holding = alerts_of(latest, (), recipe=plan.name, owner=plan.step(RegisterStep).owner, at=now)
    held = {(alert.version, alert.signal) for alert in holding if not alert.resolved}
    judged = {(verdict.version, verdict.signal) for verdict in latest if verdict.vote is not None}
    ended = [
        alert.model_copy(update={"resolved": True, "severity": "info", "at": now, "what": f"{alert.signal}: {why}"})
        for alert in store.alerts.open(endpoint)
        for why in [f"version {version} is live now" if alert.version != version else "ended"]
        if (alert.version, alert.signal) not in held
        and (alert.version != version or (alert.version, alert.signal) in judged)
    ]
    return (*(alert for alert in holding if not alert.resolved), *ended)


def _policy(workspace: Workspace, plan: Plan, store: Store, now: float, *, act: bool) -> Decision | None:
    """Ask the policy; a retrain that it wants is requested, unless one is on its way."""
    step, endpoint = plan.find(RetrainStep), plan.step(DeployStep).endpoint
    if step is None or retrain_on_its_way(store, endpoint) is not None:
        return None
    tools = Toolbox(workspace, plan)
    triggers = {name: tools.create("trigger", name, params) for name, params in step.retraining.when.items()}
    view = _view(workspace, plan, store, now)
    decision = decide(step.retraining, triggers, view)
    if decision.retrain and act:
        drifting = [verdict.since for verdict in view.verdicts if verdict.vote and verdict.since is not None]
        try:
            with tenure(store, endpoint, patience=0.5) as lease:
                since = min(drifting, default=None)
                record_request(store, plan, lease, reason=decision.reason, now=view.now, drift_since=since)
        except EngineError:
            return decision  # somebody is at work on the endpoint; the next turn asks again
    return decision


def _view(workspace: Workspace, plan: Plan, store: Store, now: float) -> TriggerView:
    endpoint = plan.step(DeployStep).endpoint
    route = store.routes.current(endpoint)
    assert route is not None
    retrains = [each for each in store.rollouts.all(endpoint) if each.request.get("kind") == "retrain"]
    live = next((each for each in reversed(retrains) if each.version == route.champion.version), None)
    return TriggerView(
        now=endpoint_now(workspace, plan, now),
        live_since=float(live.request["now"]) if live is not None else _first_live(workspace, plan, route),
        last_retrain=float(retrains[-1].request["now"]) if retrains else None,
        verdicts=tuple(store.verdicts.latest(endpoint, route.champion.version)),
        time_zone=plan.time_zone,
    )


def _first_live(workspace: Workspace, plan: Plan, route: RouteTable) -> float:
    """Since when the first version is live, on the endpoint's clock: by event time, from the end of its data on."""
    monitor = plan.find(MonitorStep)
    if monitor is None or monitor.monitoring.time == "arrival":
        return route.created_at
    return Champion(workspace.storage, route.champion).trained_until or route.created_at

"""What the live version is watched with: its reference, its detectors, and the log that they are shown."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from mlconfig.engine.workspace import Toolbox, Workspace, write_json
from mlconfig.monitoring.fold import fold_windows
from mlconfig.monitoring.log import COUNTED
from mlconfig.monitoring.production import baseline_of
from mlconfig.monitoring.run import PassInput
from mlconfig.monitoring.watch import Watch
from mlconfig.monitoring.window_store import WindowStore, rows_by_start
from mlconfig.plan.steps import MonitorStep
from mlconfig.records.prediction import moment_of
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.service_log import ServiceLog
from mlconfig.vocabulary import canonical

if TYPE_CHECKING:
    from mlconfig.contracts.detector import Detector
    from mlconfig.contracts.metric import Metric
    from mlconfig.engine.champion import Champion
    from mlconfig.lifecycle.store import Store
    from mlconfig.plan.plan import Plan
    from mlconfig.records.service import ServiceStats
    from mlconfig.records.verdict import Verdict
    from mlconfig.vocabulary import Window

HOUR = 3600.0


def make_watch(workspace: Workspace, plan: Plan, store: Store, champion: Champion, now: float) -> Watch:
    """What the live version is watched with."""
    monitor, tools = plan.step(MonitorStep), Toolbox(workspace, plan)
    card = store.versions.get(plan.name, champion.route.version)
    measured = card.metrics.get(monitor.metric) if card is not None else None
    signals = monitor.monitoring.signals
    watch = Watch(
        endpoint=monitor.endpoint,
        version=champion.route.version,
        monitoring=monitor.monitoring,
        signature=champion.signature,
        baseline=champion.baseline,
        metric=cast("Metric", tools.create("metric", monitor.metric)),
        metric_reference=measured.value if measured is not None else None,
        detectors={
            name: cast("Detector", tools.create("detector", signal.name, signal.params))
            for name, signal in signals.items()
        },
        random_state=plan.random_state,
        metric_name=monitor.metric,
        fairness=monitor.fairness,
        settings=_settings(monitor),
    )
    if monitor.monitoring.reference.use == "training":
        return watch
    return _with_production(watch, workspace, plan, now)


def _settings(monitor: MonitorStep) -> str:
    """What decides what is found in a window; who is told of it does not."""
    judged = monitor.model_dump(mode="json", include={"monitoring", "metric", "fairness"})
    return hashlib.sha256(canonical(judged).encode()).hexdigest()[:16]


def pass_input(workspace: Workspace, watch: Watch, store: Store, now: float, begin: float) -> PassInput:
    """What a pass over the endpoint's log looks at; ``begin``: from when on windows count (``evidence.counts_since``)."""
    folder = workspace.predictions(watch.endpoint)
    remembered = 2 * _longest_memory(watch)
    ripening = watch.monitoring.labels.max_delay.total_seconds() + watch.lengths[-1]
    known, since = store.verdicts.recent(watch.endpoint, watch.version, ripening, remembered, begin)
    if math.isfinite(begin):
        since = {length: max(begin, since.get(length, begin)) for length in watch.lengths}
    outdated = _outdated(watch, known, remembered)
    anew = {id(verdict) for verdict in outdated}
    return PassInput(
        watch,
        PredictionLog(folder),
        [verdict for verdict in known if id(verdict) not in anew],
        now,
        outdated=outdated,
        store=window_store(workspace, watch),
        known_since=since,
        service=_service(workspace, watch),
        rows_at=lambda: rows_by_start(folder, watch.lengths[0]),
    )


def _longest_memory(watch: Watch) -> int:
    """Windows after which every vote is forgotten."""
    own = [signal.persistence for signal in watch.monitoring.signals.values() if signal.persistence is not None]
    return max(max(each.suspect[1], each.alert[1], each.lasting[1]) for each in (watch.monitoring.persistence, *own))


def _outdated(watch: Watch, known: Sequence[Verdict], remembered: int) -> list[Verdict]:
    """Verdicts that were found by other settings and bear on states still: so many windows of each scale."""
    newest: dict[float, float] = {}
    for verdict in known:
        newest[verdict.scale] = max(newest.get(verdict.scale, -math.inf), verdict.window.start)
    return [
        verdict
        for verdict in known
        if verdict.settings != watch.settings
        and verdict.signal in watch.monitoring.signals
        and verdict.window.start > newest[verdict.scale] - remembered * verdict.scale
    ]


def window_store(workspace: Workspace, watch: Watch) -> WindowStore:
    """Where the version's closed windows are kept."""
    layout = watch.baseline.inputs.layout.digest
    return WindowStore(workspace.predictions(watch.endpoint), watch.version, layout, watch.lengths[0])


def _service(workspace: Workspace, watch: Watch) -> Callable[[Window], ServiceStats | None] | None:
    """Requests are counted by the clock, so windows by event time have none."""
    if watch.monitoring.time == "event":
        return None
    log = ServiceLog(workspace.predictions(watch.endpoint))
    first = log.first()

    def of(window: Window) -> ServiceStats | None:
        return None if first is None or window.end <= first else log.stats(window.start, window.end)

    return of


def _with_production(watch: Watch, workspace: Workspace, plan: Plan, now: float) -> Watch:
    """The watch with a past stretch of production as its reference; counted once, by the hour."""
    period, time = watch.monitoring.reference.period, watch.monitoring.time
    assert period is not None
    assert period.since is not None
    assert period.until is not None
    since, until = (moment_of(moment, plan.time_zone).timestamp() for moment in (period.since, period.until))
    folder = workspace.predictions(watch.endpoint)
    store = WindowStore(folder, watch.version, watch.baseline.inputs.layout.digest, HOUR, root="reference")
    done, counted = store.folder / "period.json", json.dumps([since, until, time])
    if not done.is_file() or done.read_text() != counted:
        log, counter = PredictionLog(folder), watch.counter
        asked = log.blocks(since, until, time, None, COUNTED)
        for start, counts in fold_windows(asked, counter, time, HOUR, only=watch.version).items():
            store.put(start, counts)
        if until <= now and store.windows:
            write_json(done, counted)
    found = baseline_of(store.between(since, until), watch, until - since, plan.time_zone)
    return watch.with_production(found)

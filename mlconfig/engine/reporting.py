"""The monitoring report of a version: what is kept of its windows, verdicts and alerts, put together and written as a page."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlconfig.engine.champion import Champion
from mlconfig.engine.live import has_state
from mlconfig.engine.moment import endpoint_now
from mlconfig.engine.watches import make_watch, window_store
from mlconfig.engine.workspace import Workspace, write_json
from mlconfig.errors import DataError, EngineError, PlanError
from mlconfig.lifecycle.store import Store
from mlconfig.monitoring.alerts import alerts_of
from mlconfig.monitoring.window_counts import WindowCounts
from mlconfig.pages.monitoring_report import Compared, MonitoringReport, VersionChange, render
from mlconfig.pages.wording import Clock, count
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import MonitorStep, RegisterStep
from mlconfig.records.prediction import moment_of
from mlconfig.vocabulary import Window, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlconfig.monitoring.watch import Watch
    from mlconfig.monitoring.window_store import WindowStore
    from mlconfig.records.route import RouteTable
    from mlconfig.records.verdict import Alert, Verdict

STANDARD, WINDOWS = 30 * 86_400.0, 24
"""What a report covers where nobody says since when: so many seconds, but at least so many windows, or as much as there is."""
CURRENT = 86_400.0
"""Seconds at the end of the period whose rows are drawn beside the reference, or one window where that is longer."""


@dataclass(frozen=True)
class Written:
    """Where a report is, and its size in bytes."""

    path: Path
    size: int


def write_report(
    workspace: Workspace,
    plan: Plan,
    *,
    since: str | None = None,
    version: str | None = None,
    out: Path | None = None,
) -> Written:
    """Write the report of a version as one HTML file, at once or not at all.

    Args:
        workspace: the project.
        plan: of the recipe.
        since: as ``report_of`` reads it.
        version: as ``report_of`` reads it.
        out: the file; null: ``reports/<endpoint>-<date>.html`` in the storage.

    Raises what ``report_of`` raises, and ``EngineError`` where the file cannot be written.
    """
    report = report_of(workspace, plan, since=since, version=version, now=time.time())
    page = render(report)
    today = Clock(plan.time_zone).local(report.made_at)
    path = out or workspace.storage / "reports" / f"{report.endpoint}-{today:%Y-%m-%d}.html"
    try:
        write_json(path, page)
    except OSError as error:
        raise EngineError(
            f"the report cannot be written: {error.strerror}", str(path), "name another place with --out"
        ) from None
    return Written(path.absolute(), len(page.encode()))


def report_of(
    workspace: Workspace, plan: Plan, *, since: str | None, version: str | None, now: float
) -> MonitoringReport:
    """What the report shows.

    Args:
        workspace: the project.
        plan: of the recipe.
        since: ``30d``, back from the end of what is shown; or a date or moment; null: the last 30 days, or 24 windows
            where those are longer, or as much as there is.
        version: one that was live at some time; null: the one that is.
        now: the clock, seconds since 1970.

    Raises:
        PlanError: the recipe declares no monitoring.
        EngineError: no version is live, or that one never was.
        DataError: ``since`` is neither a duration nor a moment, or lies in the future.
    """
    monitor = plan.find(MonitorStep)
    if monitor is None:
        raise PlanError(f"`{plan.name}` declares no monitoring", hint="`monitoring: none` switches it off")
    if not has_state(workspace):
        raise _nothing_live(plan)
    with Store.open(workspace.state_uri) as store:
        routes = store.routes.history(monitor.endpoint)
        if not routes:
            raise _nothing_live(plan)
        champion = Champion(workspace.storage, _route(routes, plan, version).champion)
        watch = make_watch(workspace, plan, store, champion, now)
        kept = window_store(workspace, watch)
        is_live = routes[0].champion.version == watch.version
        known = [*kept.windows, *(each.window.start for each in store.verdicts.latest(watch.endpoint, watch.version))]
        period = _period(workspace, plan, known, since, watch.lengths[0], now, is_live=is_live)
        reach = period.end - period.start + watch.lengths[-1]
        verdicts, _ = store.verdicts.recent(watch.endpoint, watch.version, reach, 1)
        report = _assembled(plan, watch, kept, period, verdicts, routes, now)
        return replace(report, reference_words=_reference_words(watch, champion.trained_rows))


def _nothing_live(plan: Plan) -> EngineError:
    return EngineError(f"no version of `{plan.name}` is live", hint="`mlconfig apply` first")


def _route(routes: Sequence[RouteTable], plan: Plan, version: str | None) -> RouteTable:
    """The newest route to a version."""
    found = next((table for table in routes if version in (None, table.champion.version)), None)
    if found is None:
        live = ", ".join(sorted({table.champion.version for table in routes}, key=lambda name: (len(name), name)))
        raise EngineError(f"version `{version}` of `{plan.name}` was never live", hint=f"these were: {live}")
    return found


def _period(
    workspace: Workspace,
    plan: Plan,
    known: Sequence[float],
    since: str | None,
    every: float,
    now: float,
    *,
    is_live: bool,
) -> Window:
    """From what was asked for to the last complete window; a version that is not live any more ends with its own last one."""
    now = endpoint_now(workspace, plan, now)
    end = math.floor(now / every) * every
    if not is_live and known:
        end = min(end, max(known) + every)
    if since is not None:
        start = _since(since, end, plan.time_zone)
    else:
        start = max(end - max(STANDARD, WINDOWS * every), min(known, default=-math.inf))
    return Window(start=min(start, end - every), end=end)


def _since(text: str, end: float, time_zone: str) -> float:
    """A duration back from the end, or a moment."""
    try:
        moment = moment_of(text, time_zone).timestamp() if "-" in text else None
        start = moment if moment is not None else end - parse_duration(text).total_seconds()
    except (ValueError, OverflowError) as error:
        raise DataError(f"`{text}` is no time: {error}", "--since", "write 30d, or 2026-01-31") from None
    if start >= end:
        last = Clock(time_zone).at(end)
        raise DataError(
            f"`{text}` is after the last complete window, which ends {last}", "--since", "take an earlier one"
        )
    return start


def _assembled(
    plan: Plan,
    watch: Watch,
    kept: WindowStore,
    period: Window,
    verdicts: Sequence[Verdict],
    routes: Sequence[RouteTable],
    now: float,
) -> MonitoringReport:
    base = watch.production or watch.baseline
    counts, window = _current(kept, period, watch.lengths[0])
    own = [table for table in routes if table.champion.version == watch.version]
    return MonitoringReport(
        recipe=plan.name,
        endpoint=watch.endpoint,
        version=watch.version,
        made_at=now,
        period=period,
        every=watch.lengths[0],
        time_zone=plan.time_zone,
        owner=plan.step(RegisterStep).owner,
        live_since=_live_since(routes, own),
        inputs=Compared(base.inputs, counts.inputs if counts is not None else None),
        outputs=Compared(base.outputs, counts.outputs if counts is not None else None),
        current_window=window,
        verdicts=tuple(verdicts),
        alerts=_alerts(plan, verdicts, now),
        changes=_changes(routes),
        volume=_volume(kept, period),
        metric=watch.metric_name,
    )


def _current(kept: WindowStore, period: Window, every: float) -> tuple[WindowCounts | None, Window | None]:
    """The counts of the last day of the period that has rows, and what stretch they are of."""
    starts = [start for start, window in kept.windows.items() if start in period and window.rows]
    if not starts:
        return None, None
    end = max(starts) + every
    parts = dict(kept.between(max(period.start, end - max(CURRENT, every)), end))
    whole: WindowCounts | None = None
    for counts in parts.values():
        whole = counts if whole is None else whole.merge(counts)
    return whole, Window(start=min(parts, default=end - every), end=end)


def _volume(kept: WindowStore, period: Window) -> Mapping[float, int]:
    return {start: window.rows for start, window in kept.windows.items() if start in period}


def _reference_words(watch: Watch, trained: int | None) -> str:
    """The profile is of all rows of the data; what was held out of them is no part of what the model was fitted on."""
    period = watch.monitoring.reference.period
    if watch.production is not None and period is not None:
        return f"{count(watch.production.inputs.rows)} production rows of {period.since} to {period.until}"
    rows = f"the {count(watch.baseline.inputs.rows)} rows of its data"
    return rows if trained is None else f"{rows}, {count(trained)} of which it was trained on"


def _alerts(plan: Plan, verdicts: Sequence[Verdict], now: float) -> tuple[Alert, ...]:
    """What the recipe's rules make of the verdicts, in the order of the windows; the store keeps only the last of each."""
    monitor = plan.step(MonitorStep)
    owner = plan.step(RegisterStep).owner
    return alerts_of(
        verdicts, (), alerts=monitor.alerts, monitoring=monitor.monitoring, recipe=plan.name, owner=owner, at=now
    )


def _live_since(routes: Sequence[RouteTable], own: Sequence[RouteTable]) -> float | None:
    """Since when without a break where it is live now, else when it last became so."""
    since = own[0].created_at if own else None
    for table in routes if own and routes[0] is own[0] else ():
        if table.champion.version != own[0].champion.version:
            break
        since = table.created_at
    return since


def _changes(routes: Sequence[RouteTable]) -> tuple[VersionChange, ...]:
    """Each time another version went live, oldest first."""
    changes: list[VersionChange] = []
    for table in reversed(routes):
        if not changes or changes[-1].version != table.champion.version:
            changes.append(VersionChange(table.created_at, table.champion.version, table.reason))
    return tuple(changes)

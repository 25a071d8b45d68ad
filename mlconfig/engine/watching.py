"""A watch by hand: one turn of the cycle now, one stretch of time, or one column in full; in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlconfig.engine.champion import Champion, champion_of
from mlconfig.engine.cycle import CycleReport, run_cycle
from mlconfig.engine.evidence import counts_since
from mlconfig.engine.live import applied_plan, has_state
from mlconfig.engine.moment import endpoint_now
from mlconfig.engine.telling import deliver
from mlconfig.engine.watches import make_watch, pass_input
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import DataError, EngineError, PlanError
from mlconfig.lifecycle.store import Store
from mlconfig.monitoring.explain import Explanation, explain_column
from mlconfig.monitoring.one_window import OneWindow
from mlconfig.monitoring.run import Progress
from mlconfig.monitoring.windows import moments_of, scale_lengths, window_at
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import MonitorStep
from mlconfig.records.prediction import moment_of
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.vocabulary import Window, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlconfig.records.verdict import Verdict


OTHER_PLAN = "judged by the plan that was applied, which is not this recipe's; `mlconfig apply` brings the recipe in"


class _Live(NamedTuple):
    """The state, and the version that answers."""

    store: Store
    champion: Champion


@contextmanager
def _live(workspace: Workspace, plan: Plan) -> Iterator[_Live]:
    """Raises ``PlanError`` where nothing is monitored, ``EngineError`` where no version is live."""
    monitor = plan.find(MonitorStep)
    if monitor is None:
        raise PlanError(f"`{plan.name}` declares no monitoring", hint="`monitoring: none` switches it off")
    if not has_state(workspace):
        raise EngineError(f"no version of `{plan.name}` is live", hint="`mlconfig apply` first")
    with Store.open(workspace.state_uri) as store:
        champion = champion_of(workspace, store, monitor.endpoint)
        if champion is None:
            raise EngineError(f"no version of `{plan.name}` is live", hint="`mlconfig apply` first")
        yield _Live(store, champion)


def watch_now(
    workspace: Workspace, plan: Plan, progress: Progress | None = None
) -> tuple[CycleReport, tuple[Verdict, ...]]:
    """Judge all complete windows; returns what is new, and the newest verdict of each signal and scale of the live version.

    What is kept and told goes by the plan that was applied, whatever the recipe says by now. Alerts are sent. A
    retrain that the policy wants is only said: the controller, which asks the policy by itself, carries it out.

    Raises:
        PlanError: the recipe declares no monitoring.
        EngineError: no version is live.
    """
    with _live(workspace, plan) as (store, champion):
        applied = applied_plan(workspace, plan.name) or plan
        report = run_cycle(workspace, applied, store, time.time(), act=False, progress=progress)
        deliver(workspace, applied, store, time.time())
        if applied.meaning() != plan.meaning():
            report = replace(report, skipped=(*report.skipped, OTHER_PLAN))
        endpoint = plan.step(MonitorStep).endpoint
        begin = counts_since(workspace, applied, store, endpoint)
        return report, tuple(store.verdicts.latest(endpoint, champion.route.version, begin))


def judge_window(workspace: Workspace, plan: Plan, stretch: str) -> tuple[Window, tuple[Verdict, ...]]:
    """Judge one stretch of time by itself; nothing is kept and nobody is told.

    Args:
        workspace: the project.
        plan: the applied plan.
        stretch: as ``parse_stretch`` reads it.

    Raises ``DataError`` where nothing was asked in that time: that nothing was found would be taken for all is well.
    """
    with _live(workspace, plan) as live:
        window = parse_stretch(stretch, endpoint_now(workspace, plan, time.time()), plan.time_zone)
        one = _one_window(workspace, plan, live, lambda: window)
        if not one.view.counts.rows and not (one.view.service and one.view.service.requests):
            raise _nothing_there(workspace, one)
        return window, one.verdicts()


def explain(workspace: Workspace, plan: Plan, column: str, stretch: str | None) -> tuple[Window, Explanation]:
    """All about one column in a stretch of time, or in the newest complete window."""
    with _live(workspace, plan) as live:
        now = endpoint_now(workspace, plan, time.time())
        choose = _newest(plan, now) if stretch is None else lambda: parse_stretch(stretch, now, plan.time_zone)
        one = _one_window(workspace, plan, live, choose)
        return one.window, explain_column(one.watch, one.view, column)


def _one_window(workspace: Workspace, plan: Plan, live: _Live, choose: Callable[[], Window]) -> OneWindow:
    now = time.time()
    watch = make_watch(workspace, plan, live.store, live.champion, now)
    request = pass_input(workspace, watch, live.store, now, -math.inf)
    rows_at = request.rows_at() if request.rows_at is not None else None
    return OneWindow(watch, request.log, choose(), request.service, rows_at)


def _nothing_there(workspace: Workspace, one: OneWindow) -> DataError:
    watch = one.watch
    time_ = watch.monitoring.time
    columns = ("arrived", "event_time", "version")
    blocks = PredictionLog(workspace.predictions(watch.endpoint)).blocks(version=watch.version, columns=columns)
    moments = [moments_of(block, time_) for block in blocks]
    known = [each[np.isfinite(each)] for each in moments]
    first = min((float(each.min()) for each in known if len(each)), default=None)
    last = max((float(each.max()) for each in known if len(each)), default=None)
    what = (
        f"no prediction of version {watch.version} lies between {_words(one.window.start)} and {_words(one.window.end)}"
    )
    there = f"they reach from {_words(first)} to {_words(last)}" if first is not None and last is not None else ""
    return DataError(f"{what} (UTC)", where="--window", hint=there or "the log has none yet")


def _words(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"


def _newest(plan: Plan, now: float) -> Callable[[], Window]:
    """The newest window of ``monitoring.every`` that is over."""
    length = scale_lengths(plan.step(MonitorStep).monitoring)[0]
    return lambda: window_at(now - length, length)


def parse_stretch(text: str, now: float, time_zone: str) -> Window:
    """``24h``: the time until now; ``2026-01-31..2026-02-02 08:00``: from the first moment until before the second.

    Raises ``DataError`` for what is neither.
    """
    since, dots, until = (part.strip() for part in text.partition(".."))
    hint = "write 24h, or 2026-01-31..2026-02-01"
    if dots and not (since and until):
        lacks = "its begin and its end" if not (since or until) else "its begin" if until else "its end"
        hint = "write 2026-01-31..2026-02-01; what reaches until now is written by its length: 24h"
        raise DataError(f"`{text}` lacks {lacks}", where="--window", hint=hint)
    try:
        if dots:
            start, end = (_moment(each, time_zone) for each in (since, until))
        else:
            start, end = now - parse_duration(text).total_seconds(), now
    except (ValueError, OverflowError, OSError) as error:
        raise DataError(f"`{text}` is no stretch of time: {error}", where="--window", hint=hint) from None
    if start < 0.0:
        raise DataError(f"`{text}` begins before 1970", where="--window", hint=hint)
    if end <= start:
        raise DataError(f"`{text}` ends before it begins", where="--window", hint="the earlier moment comes first")
    return Window(start=start, end=end)


def _moment(text: str, time_zone: str) -> float:
    """Seconds since 1970; ``ValueError`` in words of ours."""
    try:
        return moment_of(text, time_zone).timestamp()
    except ValueError:
        raise ValueError(f"`{text}` is no date or time") from None

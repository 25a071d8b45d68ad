"""How long an endpoint's rows, labels and pages are kept: whole days that are over are removed, and the trail tells it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlconfig.plan.steps import DeployStep
from mlconfig.records.prediction_log import LABELS, PARQUET, SHADOW
from mlconfig.records.removed import tidying
from mlconfig.records.retention import Days, remove_labels, remove_old_files, remove_predictions
from mlconfig.vocabulary import format_duration, plural

if TYPE_CHECKING:
    from mlconfig.engine.workspace import Workspace
    from mlconfig.lifecycle.store import Store
    from mlconfig.plan.plan import Plan

logger = logging.getLogger(__name__)
RETENTION = "retention"
"""The kind of the trail's events."""


def keep_retention(workspace: Workspace, plan: Plan, store: Store, now: float) -> tuple[str, ...]:
    """Remove what was kept long enough; returns what was removed, in words. Repeated at once it finds nothing."""
    deploy = plan.step(DeployStep)
    kept, log, told = deploy.retention, workspace.predictions(deploy.endpoint), []
    with tidying(log):
        if kept.predictions is not None:
            days = remove_predictions(log, kept.predictions, now)
            told += _days("predictions", days.plus(remove_predictions(log / SHADOW, kept.predictions, now)))
        if kept.labels is not None:
            told += _days("labels", remove_labels(log, kept.labels, now))
    if kept.reports is not None:
        pages = remove_old_files(workspace.storage / "reports", f"{deploy.endpoint}-*.html", kept.reports, now)
        told += [plural(pages, "report")] if pages else []
    if told:
        store.audit.note(RETENTION, deploy.endpoint, f"removed {'; '.join(told)}", now)
        logger.info("%s: removed %s", deploy.endpoint, "; ".join(told))
    return tuple(told)


def _days(what: str, removed: Days) -> list[str]:
    if not removed.days:
        return []
    return [f"{plural(removed.days, 'day')} of {what} up to {removed.until} ({removed.rows:,} rows)"]


def kept_in_words(workspace: Workspace, plan: Plan, store: Store | None) -> str:
    """What is kept how long, since when there is something, and what was removed last."""
    deploy = plan.find(DeployStep)
    if deploy is None:
        return ""
    log = workspace.predictions(deploy.endpoint)
    parts = []
    for name, folder in (("predictions", log / PARQUET), ("labels", log / LABELS)):
        keep = getattr(deploy.retention, name)
        oldest = min((place.name.removeprefix("day=") for place in _day_folders(folder)), default="")
        since = f" (from {oldest} on)" if oldest else ""
        parts.append(f"{name} {'for ever' if keep is None else format_duration(keep)}{since}")
    last = store.audit.last(RETENTION, deploy.endpoint) if store is not None else None
    if last is not None:
        parts.append(f"{last.reason} at {datetime.fromtimestamp(last.at, UTC):%Y-%m-%d %H:%M} UTC")
    return ", ".join(parts)


def _day_folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("day=*"))

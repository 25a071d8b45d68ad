"""Erasure: one subject's rows leave log, labels, samples and texts; the trail keeps that it happened, and not of whom."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from mlconfig.engine.erased_files import leftovers, remove_reports, remove_steps, rewrite_papers, rewrite_samples
from mlconfig.engine.live import has_state
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.redact import redact
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, PackageStep, ReadStep
from mlconfig.records.log_erasing import SubjectsRows
from mlconfig.records.prediction_log import SHADOW
from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.records.removed import tidying
from mlconfig.records.subject import Subject

ERASURE = "erasure"
"""The kind of the trail's events."""

KINDS = ("predictions", "shadows", "labels", "samples", "tables", "papers", "texts", "reports")


@dataclass(frozen=True)
class Erased:
    """What was erased: rows, labels, texts and files. ``left``: files that still hold the value, and are not ours to change.

    ``subject``: the digest that the trail has. ``columns``: that were looked at.
    """

    subject: str
    columns: tuple[str, ...]
    predictions: int = 0
    shadows: int = 0
    labels: int = 0
    samples: int = 0
    tables: int = 0
    papers: int = 0
    texts: int = 0
    reports: int = 0
    left: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        """All that was erased."""
        return sum(getattr(self, name) for name in KINDS)


def subject_of(plan: Plan, workspace: Workspace, value: str) -> Subject:
    """Whose rows a value names. Raises ``EngineError`` where the recipe says no subject, or it has several columns and the
    value is no list of as many.
    """
    columns = plan.step(PackageStep).subject
    if not columns:
        what = "the recipe does not say whose a row is"
        raise EngineError(what, "governance.subject", "name the column, or data.key")
    return Subject(columns, _values(columns, value), Pseudonyms.make(workspace.storage))


def _values(columns: Sequence[str], value: str) -> tuple[str, ...]:
    if len(columns) == 1:
        if not value:
            raise EngineError("the subject is empty", "--subject", "give its value")
        return (value,)
    try:
        listed = json.loads(value)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or len(listed) != len(columns):
        example = json.dumps([f"<{name}>" for name in columns])
        raise EngineError(
            f"the subject is {len(columns)} columns: {', '.join(columns)}", "--subject", f"give {example}"
        )
    return tuple(each if isinstance(each, str) else json.dumps(each) for each in listed)


def erase(workspace: Workspace, plan: Plan, value: str) -> Erased:
    """Erase all of one subject. Safe beside replicas that answer, the compactor and readers; whoever was stopped in between
    runs it again, and to run it again finds nothing.

    Rows that arrive meanwhile may stay. Predictions go last: they say which labels are theirs.

    Raises:
        EngineError: the recipe says no subject, nothing was applied, or a rollout is on its way.
    """
    if not has_state(workspace):
        raise EngineError(f"nothing of `{plan.name}` was applied here", hint="`mlconfig apply` first")
    subject, deploy = subject_of(plan, workspace, value), plan.find(DeployStep)
    with Store.open(workspace.state_uri) as store, ExitStack() as held:
        rows: list[SubjectsRows] = []
        if deploy is not None:
            held.enter_context(tenure(store, deploy.endpoint))
            log = workspace.predictions(deploy.endpoint)
            held.enter_context(tidying(log))
            key = plan.step(ReadStep).key or ()
            rows = [SubjectsRows(each, subject, key) for each in (log, log / SHADOW)]
        ids = {each for part in rows for each in part.ids()}
        found = Erased(
            subject=subject.digest,
            columns=subject.columns,
            labels=sum(part.erase_labels(ids) for part in rows),
            samples=rewrite_samples(workspace.storage, subject),
            tables=remove_steps(workspace.storage, subject),
            papers=rewrite_papers(workspace.storage, subject),
            reports=remove_reports(workspace.storage, subject),
            texts=redact(store.database, subject.values),
        )
        for part in rows:
            part.remove_drafts()
        predictions = [part.erase_predictions() for part in reversed(rows)][::-1]
        counts = dict(zip(("predictions", "shadows"), predictions, strict=False))
        found = Erased(**{**asdict(found), **counts, "left": tuple(leftovers(workspace.storage, subject))})
        _note(store, plan, found)
    return found


def _note(store: Store, plan: Plan, found: Erased) -> None:
    counted = ", ".join(f"{getattr(found, name)} {name}" for name in KINDS)
    reason = f"{found.subject} by {', '.join(found.columns)}: {counted}; {len(found.left)} files left"
    store.audit.note(ERASURE, plan.name, reason, time.time())

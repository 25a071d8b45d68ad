"""Evaluate: the packaged bytes on the held-out rows, each metric with its interval, and how evenly they treat groups."""

from __future__ import annotations

import json
import re
from typing import Any

from mlconfig.engine.answers import Holdout, candidate_of, holdout_of
from mlconfig.engine.carrier import told
from mlconfig.engine.job import Job, Output
from mlconfig.errors import DataError
from mlconfig.evaluation.compare import Answers
from mlconfig.evaluation.evaluate import evaluate
from mlconfig.evaluation.fairness import GroupFairness, breaches, fairness_of
from mlconfig.evaluation.fairness import told as told_of_group
from mlconfig.monitoring.answers import levels_from
from mlconfig.plan.steps import EvaluateStep


def run(job: Job) -> Output:
    """The metrics' values and intervals; they are kept on the version's card and in MLflow as well."""
    step = job.plan.step(EvaluateStep)
    holdout = holdout_of(job)
    said = holdout.ask(candidate_of(job))
    metrics = {name: job.toolbox.create("metric", name) for name in step.metrics}
    values = evaluate(holdout.y, said.predicted, said.score, metrics, step.interval, step.random_state)
    if step.metric not in values:
        what = f"`{step.metric}` is undefined on the {len(holdout.y)} held-out rows"
        raise DataError(
            what, where="evaluation.metric", hint="split the rows differently (data.split), or use more data"
        )
    primary = values[step.metric]
    groups = _groups(holdout, said, step)
    _keep(job, {name: value.model_dump() for name, value in values.items()} | _named(groups, len(holdout.y)))
    first = f"{step.metric} {primary.value:.4f} [{primary.low:.4f}, {primary.high:.4f}] on {primary.rows:,} rows"
    return told(
        note="; ".join((first, *_clauses(groups, step))),
        metrics={name: value.value for name, value in values.items()},
        values={name: value.model_dump() for name, value in values.items()},
        fairness={column: found.model_dump() for column, found in groups.items()},
    )


def _groups(holdout: Holdout, said: Answers, step: EvaluateStep) -> dict[str, GroupFairness]:
    """Each group column of the recipe."""
    classes = [each if isinstance(each, str) else json.dumps(each) for each in holdout.target.classes]
    return {
        column: fairness_of(holdout.y, said.predicted, levels, classes, step.fairness, step.interval.level)
        for column in step.fairness.groups
        for levels in [levels_from(holdout.table.column(column))]
    }


def _clauses(groups: dict[str, GroupFairness], step: EvaluateStep) -> list[str]:
    """What is said of the groups; that something is outside its bound stops nothing, which is said too."""
    clauses = [told_of_group(column, found, step.fairness) for column, found in groups.items()]
    outside = any(breaches(found, step.fairness) for found in groups.values())
    return [*clauses, "no gate refuses that"] if outside else clauses


def _named(groups: dict[str, GroupFairness], rows: int) -> dict[str, dict[str, Any]]:
    """The comparisons as values of the version, by names that MLflow takes."""
    return {
        f"{name}.{re.sub(r'[^0-9A-Za-z_.-]', '_', column)}": {
            "value": spread.value, "low": spread.low, "high": spread.high, "rows": rows,
        }
        for column, found in groups.items()
        for name, spread in (("selection_ratio", found.selection_ratio), ("tpr_gap", found.tpr_gap))
        if spread is not None
    }  # fmt: skip


def _keep(job: Job, values: dict[str, dict[str, Any]]) -> None:
    """Write the metrics where people look for them: on the card and on the run."""
    from mlconfig.engine.versions import add_metrics

    add_metrics(job, values)

"""Evaluate: the packaged bytes on the held-out rows, each metric with its interval."""

from __future__ import annotations

from mlconfig.engine.answers import candidate_of, holdout_of
from mlconfig.engine.carrier import told
from mlconfig.engine.job import Job, Output
from mlconfig.errors import DataError
from mlconfig.evaluation.evaluate import evaluate
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
    _keep(job, {name: value.model_dump() for name, value in values.items()})
    return told(
        note=f"{step.metric} {primary.value:.4f} [{primary.low:.4f}, {primary.high:.4f}] on {primary.rows:,} rows",
        metrics={name: value.value for name, value in values.items()},
        values={name: value.model_dump() for name, value in values.items()},
    )


def _keep(job: Job, values: dict[str, dict[str, float]]) -> None:
    """Write the metrics where people look for them: on the card and on the run."""
    from mlconfig.engine.versions import add_metrics

    add_metrics(job, values)

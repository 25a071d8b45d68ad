"""Tune: search the space, on Ray Tune where a cluster is connected, else one trial after the other."""

from __future__ import annotations

import time
from dataclasses import asdict

from mlconfig.engine.carrier import relative, told
from mlconfig.engine.job import Job, Output
from mlconfig.engine.learning import Study
from mlconfig.engine.workspace import write_json
from mlconfig.plan.steps import TrainStep, TuneStep
from mlconfig.training.search import SearchResult, search


def run(job: Job) -> Output:
    """The best values by recipe path; all trials are kept in ``trials.json``."""
    step = job.plan.step(TuneStep)
    result = _search(job, step)
    folder = job.folder(step)
    trials = [{"values": dict(tried.values), **asdict(tried.result)} for tried in result.tried]
    write_json(folder / "trials.json", trials)
    best = next(tried.result.score for tried in result.tried if dict(tried.values) == dict(result.best))
    return told(
        note=f"{len(trials)} trials, best {step.metric} {best:.4f}",
        folder=relative(folder, job.workspace.storage),
        best=dict(result.best),
        trials=len(trials),
    )


def _search(job: Job, step: TuneStep) -> SearchResult:
    study, template = Study.of(job), job.plan.step(TrainStep)
    searcher = job.toolbox.create("searcher", step.tuning.searcher.name, step.tuning.searcher.params)
    if job.distributed:
        from mlconfig.engine.ray_tune import search_on_ray

        return search_on_ray(study, template, step, searcher)
    return search(step.tuning, searcher, lambda values: study.trial(template, step, values), time.monotonic)

"""Personal values between steps: a model may learn from them, and nothing of them stays."""

from __future__ import annotations

import shutil

from mlconfig.engine.job import Job
from mlconfig.plan.steps import PackageStep, ReadStep, TrainStep


def forget_plain(job: Job) -> None:
    """Remove the tables and fitted pipelines that hold personal features as they are; who needs them again makes them again."""
    read = job.plan.step(ReadStep)
    if set(job.plan.step(PackageStep).pii) <= set(read.pii):
        return
    for step in (read, job.plan.step(TrainStep)):
        shutil.rmtree(job.folder(step), ignore_errors=True)

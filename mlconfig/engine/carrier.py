"""Carries the steps of a plan out, in order, and keeps those that were carried out before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mlconfig.engine.executors import Executor
from mlconfig.engine.job import Job, Output
from mlconfig.engine.report import Progress, StepEvent
from mlconfig.engine.watched_columns import check_as_read
from mlconfig.errors import MlconfigError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import PackageStep, ReadStep


def files_stand(job: Job, output: Output) -> bool:
    """Whether the files that a kept step made are still there."""
    folder = output.get("folder")
    return folder is None or (job.workspace.storage / folder).is_dir()


class Carrier:
    """One plan on its way.

    Args:
        job: the plan and where it works; its outputs grow as steps are carried out.
        store: remembers what was carried out.
        executor: who does the work.
        progress: told of each step.
    """

    def __init__(self, job: Job, store: Store, executor: Executor, progress: Progress) -> None:
        self.job, self.store, self.executor, self.progress = job, store, executor, progress
        self.events: list[StepEvent] = []
        self._again: set[str] = set()

    def kept(self, step: BaseStep) -> Output | None:
        """What the step returned when it was carried out before, under the same run key."""
        found = self.store.steps.find(self.job.run_key(step))
        return None if found is None else found.output

    def carry(self, step: BaseStep, *, stands: bool = True) -> Output:
        """The step's output: kept when it was carried out before and still ``stands``, else made now."""
        if step.id in self.job.outputs:
            return dict(self.job.outputs[step.id])
        output = self.kept(step) if stands and step.id not in self._again else None
        if output is None:
            return self._make(step)
        if isinstance(step, PackageStep) and not files_stand(self.job, output):
            return self._make_version_again(step, output)
        if isinstance(step, ReadStep):
            check_as_read(self.job, output)
        self._tell(StepEvent(step.id, "kept", note=str(output.get("note", ""))))
        self.job = self.job.after(step, output)
        return output

    def _make(self, step: BaseStep) -> Output:
        for name in step.inputs:
            self._restore(name)
        self._tell(StepEvent(step.id, "started"))
        began = time.monotonic()
        try:
            output = self.executor.run(step.kind, self.job)
        except MlconfigError as error:
            self._tell(StepEvent(step.id, "failed", time.monotonic() - began, str(error).splitlines()[0]))
            raise
        seconds = time.monotonic() - began
        key = self.job.run_key(step)
        self.store.steps.record(key, step.id, step.kind, output, seconds=seconds, now=time.time())
        self.job = self.job.after(step, output)
        self._tell(
            StepEvent(step.id, "refused" if output.get("refused") else "done", seconds, str(output.get("note", "")))
        )
        return output

    def _make_version_again(self, package: PackageStep, before: Output) -> Output:
        """A version's folder that pruning, or a person, removed; later steps keep their papers in it, so they run too."""
        after = self._make(package)
        same = after["sha256"] == before["sha256"]
        later = [step for step in self.job.plan.steps if package.id in step.inputs]
        self._again |= {step.id for step in later if not same or step.kind in ("register", "evaluate")}
        return after

    def _restore(self, name: str) -> None:
        """Make a step again whose files somebody removed, because another needs them now."""
        (step,) = (step for step in self.job.plan.steps if step.id == name)
        output = self.job.outputs.get(name)
        if output is not None and not files_stand(self.job, output):
            self.store.steps.forget(self.job.run_key(step))
            self.job.outputs.pop(name)  # type: ignore[attr-defined]  # a dict of ours
            self._make(step)

    def _tell(self, event: StepEvent) -> None:
        if event.state != "started":
            self.events.append(event)
        self.progress(event)


def relative(path: Path, storage: Path) -> str:
    """A path as a step's output keeps it: relative to the storage, so that the project can be moved."""
    return str(path.relative_to(storage))


def told(**output: Any) -> Output:
    """A step's output; ``note`` is the line that a person sees beside the step."""
    return output

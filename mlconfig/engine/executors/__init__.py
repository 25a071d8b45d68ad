"""Who carries a job out: this process, or workers on Ray."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from mlconfig.engine.job import Job, Output
from mlconfig.engine.secrecy import hiding


class Executor(Protocol):
    """Carries jobs out, one after the other."""

    def run(self, kind: str, job: Job) -> Output:
        """Carry out the step of a kind."""

    def settle(self) -> None:
        """Wait for what was begun in the background."""

    def close(self) -> None:
        """Give the workers back."""


def run_job(kind: str, job: Job) -> Output:
    """Carry a job out in this process. Its errors hold no secrets."""
    with hiding(job.workspace, job.plan):
        output = import_module(f"mlconfig.engine.jobs.{kind}").run(job)
    assert isinstance(output, dict)
    return output

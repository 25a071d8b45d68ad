"""Every batch step in this process: for tests, for small machines, and inside a worker that is on Ray already."""

from __future__ import annotations

from mlconfig.engine.executors import run_job
from mlconfig.engine.job import Job, Output


class LocalExecutor:
    """Runs jobs here."""

    def run(self, kind: str, job: Job) -> Output:
        """Carry the job out."""
        return run_job(kind, job)

    def settle(self) -> None:
        """Nothing is begun in the background."""

    def close(self) -> None:
        """Nothing was started."""

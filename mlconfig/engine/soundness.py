"""Which logged rows a retrain may learn from: not those of windows whose columns broke on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlconfig.lifecycle.store import Store
from mlconfig.monitoring.windows import moments_of, scale_lengths
from mlconfig.plan.steps import MonitorStep
from mlconfig.vocabulary import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.engine.job import Job
    from mlconfig.vocabulary import Window


def sound_rows(job: Job, predictions: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """The predictions outside of windows that monitoring called a broken pipeline, and a notice of how many are left out.

    One column of nulls or zeros would either break the schema of the first training, for ever, or be learned.
    """
    import pyarrow as pa

    monitor = job.plan.find(MonitorStep)
    if monitor is None or not len(predictions):
        return predictions, ()
    moments = moments_of(predictions, monitor.monitoring.time)
    versions = np.asarray(predictions.column("version").to_pylist(), dtype=object)
    sound = np.ones(len(predictions), dtype=bool)
    for version in sorted(set(versions)):
        mine = versions == version
        for window in _broken(job, monitor, version):
            sound &= ~(mine & (moments >= window.start) & (moments < window.end))
    left_out = int((~sound).sum())
    if not left_out:
        return predictions, ()
    notice = f"{plural(left_out, 'logged prediction')} left out: something broke on the way of their rows"
    return predictions.filter(pa.array(sound)), (notice,)


def _broken(job: Job, monitor: MonitorStep, version: str) -> list[Window]:
    """The shortest windows of a version that were called broken."""
    base = scale_lengths(monitor.monitoring)[0]
    with Store.open(job.workspace.state_uri) as store:
        known = store.verdicts.history(monitor.endpoint, version, scale=base)
    broken = {verdict.window for verdict in known if verdict.vote and verdict.cause == "pipeline_break"}
    return sorted(broken, key=lambda window: window.start)

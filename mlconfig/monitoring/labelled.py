"""Labels by window: how many have come, how long they took, and the labelled rows that a signal is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.contracts.detector import LabelEvidence
from mlconfig.monitoring.answers import levels_of, scores_of
from mlconfig.monitoring.label_join import AUTO_MATURITY, LabelIndex
from mlconfig.monitoring.log import Log, by_window, spans
from mlconfig.monitoring.samples import Sample, sample_windows
from mlconfig.profiles.histogram import BUCKETS, histogram, quantiles
from mlconfig.vocabulary import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.monitoring.watch import Watch
    from mlconfig.sections.monitoring import Labels

MOST_ROWS = 20_000
"""Labelled rows of a window that a metric and its interval are computed from; of more, an even sample."""
_DELAY_SCALE = 600.0
"""Seconds that one unit of the delays' histogram is: from 0.15 s to 28 days, to 1/64."""
_SHORTEST_DELAY = _DELAY_SCALE / 4096
"""What is shorter falls into the histogram's bucket of nothing."""
_READ = ("event_time", "version")
_SCORED = (*_READ, "prediction_id", "arrived", "prediction", "inputs", "score", "probabilities")


@dataclass
class WindowLabels:
    """Counts of one window: its rows, those with a label, how often labels were corrected, and when the last row arrived."""

    rows: int = 0
    labelled: int = 0
    revisions: int = 0
    newest_arrival: float = -np.inf


@dataclass
class LabelTally:
    """Labels of the windows of ``monitoring.every`` by start, and the delays that were seen (a histogram [3075])."""

    windows: dict[float, WindowLabels] = field(default_factory=dict)
    delays: Any = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))

    def of(self, window: Window, starts: Iterable[float]) -> WindowLabels:
        """A longer window, from those within it."""
        parts = [self.windows[start] for start in starts if start in self.windows and start in window]
        return WindowLabels(
            sum(part.rows for part in parts),
            sum(part.labelled for part in parts),
            sum(part.revisions for part in parts),
            max((part.newest_arrival for part in parts), default=-np.inf),
        )

    def maturity(self, settings: Labels) -> float:
        """The age in seconds at which a window is scored; at most ``max_delay``, which it is when no label was ever seen."""
        longest = settings.max_delay.total_seconds()
        if settings.maturity != "auto":
            return min(settings.maturity.total_seconds(), longest)
        if not self.delays.sum():
            return longest
        seen = _DELAY_SCALE * float(quantiles(self.delays, AUTO_MATURITY)[0])
        return min(seen if seen > _SHORTEST_DELAY else 0.0, longest)


def tally_labels(watch: Watch, log: Log, index: LabelIndex, since: float | None, until: float | None) -> LabelTally:
    """Count the labels of all windows of a stretch; one pass, a block in memory at a time."""
    tally, time = LabelTally(), watch.monitoring.time
    blocks = log.blocks(since, until, time, watch.version, (*_READ, *index.columns))
    for start, rows, _ in by_window(blocks, time, watch.lengths[0]):
        joined = index.join(rows)
        there = joined.delay[~np.isnan(joined.delay)]
        window = tally.windows.setdefault(start, WindowLabels())
        window.rows += len(rows)
        window.labelled += len(there)
        window.revisions += int(joined.revision.sum())
        arrived = np.asarray(rows.column("arrived").to_numpy(), np.float64)
        window.newest_arrival = max(window.newest_arrival, float(arrived.max()))
        tally.delays += histogram(there, 0.0, _DELAY_SCALE)
    return tally


def label_evidence(
    watch: Watch, log: Log, index: LabelIndex, windows: Sequence[Window], totals: dict[Window, WindowLabels]
) -> dict[Window, LabelEvidence]:
    """The labelled rows of some windows, which are in memory together."""
    if watch.metric_reference is None:
        return {}
    time = watch.monitoring.time
    blocks = log.blocks(*spans(windows), time, watch.version, _SCORED)
    samples = sample_windows(blocks, windows, time, MOST_ROWS, lambda rows: _labelled(watch, index, rows))
    return {window: _evidence(watch, sample, totals[window]) for window, sample in samples.items()}


def _labelled(watch: Watch, index: LabelIndex, rows: pa.Table) -> tuple[pa.Table, Any]:
    """The rows that have a label: truth, answer, probabilities, and the levels of the groups."""
    import pyarrow as pa

    joined = index.join(rows)
    there = np.flatnonzero(~np.isnan(joined.y))
    rows = rows.take(pa.array(there))
    columns: dict[str, Any] = {"y": joined.y[there], "predicted": joined.predicted[there], "score": scores_of(rows)}
    if watch.signature.task == "multiclass":
        columns["probabilities"] = rows.column("probabilities")
    columns |= {f"group {name}": pa.array(v, pa.string()) for name, v in levels_of(rows, watch.fairness.groups).items()}
    return pa.table(columns), rows.column("prediction_id")


def _evidence(watch: Watch, sample: Sample, total: WindowLabels) -> LabelEvidence:
    assert watch.metric_reference is not None
    table, task = sample.table, watch.signature.task
    kind: type[Any] = np.float64 if task == "regression" else np.int64
    y, predicted = (_column(table, name).astype(kind) for name in ("y", "predicted"))
    return LabelEvidence(
        task=task,
        metric=watch.metric,
        reference=watch.metric_reference,
        y=y,
        predicted=predicted,
        score=_scores(watch, table),
        coverage=total.labelled / total.rows if total.rows else 0.0,
        metric_name=watch.metric_name,
        groups=_groups(table, watch.fairness.groups),
        total=total.rows,
    )


def _column(table: pa.Table | None, name: str) -> Any:
    return np.zeros(0) if table is None else np.asarray(table.column(name).to_numpy(), np.float64)


def _scores(watch: Watch, table: pa.Table | None) -> Any:
    """Probabilities as a metric reads them; null where a row has none."""
    if table is None or watch.signature.task == "regression":
        return None
    if watch.signature.task == "binary":
        scores = _column(table, "score")
        return None if np.isnan(scores).any() else scores
    listed = table.column("probabilities").combine_chunks()
    flat, classes = listed.flatten(), len(watch.signature.classes)
    if listed.null_count or flat.null_count or len(flat) != len(table) * classes:
        return None
    return np.asarray(flat.to_numpy(zero_copy_only=False), np.float64).reshape(len(table), classes)


def _groups(table: pa.Table | None, columns: Sequence[str]) -> dict[str, Any]:
    if table is None:
        return {}
    have = set(table.column_names)
    return {
        name: np.array(table.column(f"group {name}").to_pylist(), dtype=object)
        for name in columns
        if f"group {name}" in have
    }

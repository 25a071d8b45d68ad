"""The rows of one version by window, with their labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.detector import LabelEvidence
from mlconfig.monitoring.assess import WindowRows
from mlconfig.monitoring.label_join import join_labels, maturity
from mlconfig.monitoring.windows import moments_of, watermark, window_at, windows_between
from mlconfig.profiles.profile import Profile, fold

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.monitoring.watch import Watch
    from mlconfig.vocabulary import Window


class VersionRows:
    """What the watched version was asked and what it answered, in the order of the time that windows go by.

    ``first``: its oldest moment; ``until``: up to when windows are complete; ``maturity``: the age in seconds at
    which labels are taken to be there.
    """

    def __init__(self, watch: Watch, predictions: pa.Table, labels: pa.Table, now: float) -> None:
        import numpy as np
        import pyarrow.compute as pc

        time = watch.monitoring.time
        mine = predictions.filter(pc.equal(predictions.column("version"), watch.version))
        moments = moments_of(mine, time)
        arrived = np.asarray(mine.column("arrived").to_numpy(), np.float64)
        self._clock = max(now, float(arrived.max())) if len(mine) else now
        order = np.argsort(moments, kind="stable")
        order = order[moments[order] <= self._clock + watch.lengths[0]]
        self._watch = watch
        self._timeless = len(mine) - len(order)
        self._table = mine.take(order)
        self._moments = moments[order]
        self._arrived = arrived[order]
        self._joined = join_labels(self._table, labels, watch.signature, watch.monitoring.labels)
        self.until = watermark(self._moments, time, now)
        self.first = float(self._moments[0]) if len(order) else math.inf
        self.maturity = maturity(self._joined.delay, watch.monitoring.labels)

    def __len__(self) -> int:
        return len(self._moments)

    def skipped(self) -> list[str]:
        """What cannot be looked at. One row from the future would declare every window complete, so it is left out."""
        return [f"{self._timeless} predictions have no event time, or one in the future"] if self._timeless else []

    def windows(self, length: float) -> Iterator[Window]:
        """The windows that hold a row, oldest first."""
        position = 0
        while position < len(self):
            window = window_at(float(self._moments[position]), length)
            yield window
            position = self._slice(window).stop

    def count(self, window: Window) -> int:
        """Rows of a window."""
        found = self._slice(window)
        return int(found.stop - found.start)

    def labelled(self, window: Window) -> int:
        """Rows of a window that have a label."""
        import numpy as np

        return int((~np.isnan(self._joined.y[self._slice(window)])).sum())

    def age(self, window: Window) -> float:
        """Seconds since its end, or by event time since its last row arrived."""
        if self._watch.monitoring.time == "arrival":
            return self._clock - window.end
        return self._clock - float(self._arrived[self._slice(window)].max())

    def of(self, window: Window) -> WindowRows:
        """A window as detectors are given it; longer ones are merged from windows of ``monitoring.every``."""
        found = self._slice(window)
        return WindowRows(
            window=window,
            rows=found.stop - found.start,
            table=lambda: self._inputs(found),
            make_profile=lambda: self._profile(window),
            labels=self._labels(found),
        )

    def _slice(self, window: Window) -> slice:
        import numpy as np

        start, stop = np.searchsorted(self._moments, [window.start, window.end], side="left")
        return slice(int(start), int(stop))

    def _profile(self, window: Window) -> Profile:
        base = self._watch.lengths[0]
        parts = (self._slice(part) for part in windows_between(window.start, window.end, base))
        blocks = (self._inputs(part) for part in parts if part.stop > part.start)
        return fold(self._watch.reference.layout, blocks)

    def _inputs(self, found: slice) -> pa.Table:
        """The profiled columns; one that the log does not have is null throughout."""
        import pyarrow as pa

        inputs = self._table.column("inputs").slice(found.start, found.stop - found.start).combine_chunks()
        have = {inputs.type.field(i).name for i in range(inputs.type.num_fields)}
        return pa.table(
            {
                column.name: inputs.field(column.name)
                if column.name in have
                else pa.nulls(len(inputs), _type_of(column.kind))
                for column in self._watch.reference.layout.columns
            }
        )

    def _labels(self, found: slice) -> LabelEvidence | None:
        import numpy as np

        watch, rows = self._watch, found.stop - found.start
        if rows == 0 or watch.metric_reference is None:
            return None
        y, predicted = self._joined.y[found], self._joined.predicted[found]
        there = ~np.isnan(y)
        classes = watch.signature.task != "regression"
        kind: type[Any] = np.int64 if classes else np.float64
        return LabelEvidence(
            task=watch.signature.task,
            metric=watch.metric,
            reference=watch.metric_reference,
            y=y[there].astype(kind),
            predicted=predicted[there].astype(kind),
            score=self._scores(found, there),
            coverage=float(there.sum()) / rows,
        )

    def _scores(self, found: slice, there: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
        """Probabilities as a metric reads them; null where a row has none."""
        import numpy as np

        task = self._watch.signature.task
        if task == "regression":
            return None
        name = "score" if task == "binary" else "probabilities"
        given = self._table.column(name).slice(found.start, found.stop - found.start).to_pylist()
        chosen = [value for value, keep in zip(given, there, strict=True) if keep]
        if any(value is None for value in chosen):
            return None
        return np.array(chosen, np.float64)


def _type_of(kind: str) -> Any:
    import pyarrow as pa

    return {"numeric": pa.float64(), "boolean": pa.bool_(), "timestamp": pa.timestamp("us")}.get(kind, pa.string())

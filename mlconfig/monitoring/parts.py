"""The rows that some signals read beside a window's counts: labelled ones, and an even sample of all with their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlconfig.monitoring.answers import answered, inputs_of, scores_of
from mlconfig.monitoring.baseline import SAMPLE
from mlconfig.monitoring.labelled import label_evidence
from mlconfig.monitoring.log import COUNTED, spans
from mlconfig.monitoring.samples import sample_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.contracts.detector import LabelEvidence
    from mlconfig.monitoring.label_join import LabelIndex
    from mlconfig.monitoring.labelled import WindowLabels
    from mlconfig.monitoring.log import Log
    from mlconfig.monitoring.watch import Watch
    from mlconfig.vocabulary import Window

AT_ONCE = 32
"""Windows whose rows are in memory together."""


@dataclass(frozen=True)
class Parts:
    """Of one window; null where no signal that is due reads them."""

    labels: LabelEvidence | None = None
    labelled: int = 0
    revisions: int = 0
    sample: pa.Table | None = None


NO_PARTS = Parts()


class Labelling(Protocol):
    """Where labels come from: ``ripening.Ripening``, or one window's own."""

    @property
    def index(self) -> LabelIndex:
        """The newest labels."""

    def of(self, window: Window) -> WindowLabels:
        """Rows and labels of a window."""


@dataclass(frozen=True)
class PartsLoader:
    """Reads them from the log, for a few windows at a time."""

    watch: Watch
    log: Log
    labelling: Labelling

    def load(self, due: Mapping[Window, Sequence[str]]) -> dict[Window, Parts]:
        """What the signals that are due in each window read."""
        by_label = [window for window, names in due.items() if any(map(self.watch.reads_labels, names))]
        by_row = [
            window for window, names in due.items() if any("rows" in self.watch.tags(name).reads for name in names)
        ]
        totals = {window: self.labelling.of(window) for window in by_label}
        counted = [window for window in by_label if totals[window].labelled]
        labels = label_evidence(self.watch, self.log, self.labelling.index, counted, totals) if counted else {}
        samples = self._samples(by_row)
        found = {}
        for window in due:
            total = totals.get(window)
            counts = (total.labelled, total.revisions) if total is not None else (0, 0)
            found[window] = Parts(labels.get(window), *counts, samples.get(window))
        return found

    def _samples(self, windows: Sequence[Window]) -> dict[Window, pa.Table | None]:
        if not windows:
            return {}
        time = self.watch.monitoring.time
        blocks = self.log.blocks(*spans(windows), time, self.watch.version, COUNTED)
        found = sample_windows(blocks, windows, time, SAMPLE, self._with_answers)
        return {window: sample.table for window, sample in found.items()}

    def _with_answers(self, rows: pa.Table) -> tuple[pa.Table, Any]:
        counter = self.watch.counter
        table = inputs_of(rows, counter.inputs_layout)
        scores = scores_of(rows)
        codes = counter.coder.codes(rows.column("prediction")) if counter.classes else scores
        for name, values in answered(codes, scores, counter.coder).items():
            table = table.append_column(name, as_text(values))
        return table, rows.column("prediction_id")


def as_text(values: Any) -> Any:
    """An answer's column as plain Arrow: dictionaries become text, since blocks differ in theirs."""
    import pyarrow as pa

    array = values if isinstance(values, pa.Array) else pa.array(values)
    return array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array

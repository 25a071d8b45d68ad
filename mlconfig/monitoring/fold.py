"""The one pass over new predictions: each row is counted in its window, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.monitoring.answers import Coder, answered, inputs_of, levels_of, output_kinds, scores_of
from mlconfig.monitoring.log import by_window
from mlconfig.monitoring.window_counts import WindowCounts, dump_counts, empty_counts, load_counts
from mlconfig.profiles.distinct import hash_rows, sketch
from mlconfig.profiles.layout import fit_layout
from mlconfig.profiles.profile import empty_profile, profile_of
from mlconfig.profiles.scores import count_scores

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.monitoring.baseline import Baseline
    from mlconfig.profiles.layout import Layout
    from mlconfig.records.signature import Signature

OPEN = 64
"""Windows that are kept ready to be added to; counts of 20 columns take half a megabyte."""


@dataclass(frozen=True)
class Counter:
    """Counts blocks of one version's rows the way its reference was counted.

    Args:
        signature: of the version.
        baseline: its reference, which has the layouts.
        groups: columns whose levels are counted apart (``evaluation.fairness.groups``).
    """

    signature: Signature
    baseline: Baseline
    groups: tuple[str, ...] = ()

    @cached_property
    def inputs_layout(self) -> Layout:
        """Of what is asked."""
        return self.baseline.inputs.layout

    @cached_property
    def outputs_layout(self) -> Layout:
        """Of what is answered; a version packaged without counts with a layout of its own, and compares with nothing."""
        if self.baseline.outputs is not None:
            return self.baseline.outputs.layout
        kinds = output_kinds(self.signature)
        return fit_layout(
            {name: np.zeros(0) if kind == "numeric" else np.zeros(0, object) for name, kind in kinds.items()}, kinds
        )

    @property
    def classes(self) -> int:
        """How many; 0 for a regression."""
        return len(self.signature.classes)

    @cached_property
    def coder(self) -> Coder:
        """Reads answers."""
        return Coder(self.signature)

    @property
    def nothing(self) -> WindowCounts:
        """The counts of no rows."""
        return empty_counts(self.inputs_layout, self.outputs_layout, self.classes)

    def count(self, block: pa.Table, *, answers: bool = True) -> WindowCounts:
        """The counts of some rows, with the columns of ``log.COUNTED``; without ``answers`` only of what was asked."""
        inputs = inputs_of(block, self.inputs_layout)
        scores = scores_of(block)
        codes = self.coder.codes(block.column("prediction")) if self.classes else scores
        outputs = answered(codes, scores, self.coder)
        event = np.asarray(block.column("event_time").to_numpy(), np.float64)
        return WindowCounts(
            profile_of(self.inputs_layout, inputs),
            profile_of(self.outputs_layout, outputs) if answers else empty_profile(self.outputs_layout),
            self._scores(codes, scores, block) if answers else self.nothing.scores,
            sketch(hash_rows(inputs.columns)),
            float(np.nanmax(event, initial=-np.inf)) if not np.isnan(event).all() else -np.inf,
            float(np.asarray(block.column("arrived").to_numpy(), np.float64).max(initial=-np.inf)),
        )

    def _scores(self, codes: Any, scores: Any, block: pa.Table) -> Any:
        if not self.classes:
            return None
        known = ~np.isnan(codes)
        levels = {name: values[known] for name, values in levels_of(block, self.groups).items()}
        return count_scores(self.classes, codes[known], scores[known], levels)


class FoldedWindows(Mapping[float, WindowCounts]):
    """Counts by the start of their window. The windows touched last are kept as they are, all others packed to a twentieth:
    a first pass over months of windows must fit into memory.
    """

    def __init__(self, open_at_once: int = OPEN) -> None:
        self._most, self._open, self._packed = open_at_once, dict[float, WindowCounts](), dict[float, bytes]()
        self._rows: dict[float, int] = {}

    def add(self, start: float, counts: WindowCounts) -> None:
        """Add rows to a window."""
        if start in self._rows:
            counts = self[start].merge(counts)
            self.drop(start)
        self._open[start] = counts
        self._rows[start] = counts.rows
        if len(self._open) > self._most:
            oldest = next(iter(self._open))
            self._packed[oldest] = dump_counts(self._open.pop(oldest))

    def drop(self, start: float) -> None:
        """Forget a window."""
        del self._rows[start]
        self._open.pop(start, None)
        self._packed.pop(start, None)

    def rows(self, start: float) -> int:
        """Of a window, without unpacking it."""
        return self._rows[start]

    def __getitem__(self, start: float) -> WindowCounts:
        return self._open[start] if start in self._open else load_counts(self._packed[start])

    def __iter__(self) -> Iterator[float]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def fold_windows(
    blocks: Iterator[pa.Table], counter: Counter, time: Any, length: float, only: str | None = None
) -> FoldedWindows:
    """The counts of each window that a block touches, by start. Memory: one block, and the windows' counts.

    ``only``: rows of other versions than this count as asked, and not as answered.
    """
    import pyarrow.compute as pc

    found = FoldedWindows()
    for start, rows, _ in by_window(blocks, time, length):
        parts = [(rows, True)]
        if only is not None:
            mine = pc.equal(rows.column("version"), only)
            parts = [(rows.filter(mine), True), (rows.filter(pc.invert(mine)), False)]
        for part, answers in parts:
            if len(part):
                found.add(start, counter.count(part, answers=answers))
    return found

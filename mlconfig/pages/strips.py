"""What happened over the time axis as strips of coloured cells: a heat map of columns, and a lane for each signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlconfig.pages import paths
from mlconfig.pages.signal_words import RANK, ratio
from mlconfig.pages.time_axis import TimeAxis
from mlconfig.pages.wording import times
from mlconfig.records.verdict import State, Verdict
from mlconfig.vocabulary import plural

Floats = NDArray[np.float64]

HEAT_STEPS = (0.5, 1.0, 2.0, 4.0)
"""Bounds between the classes, in multiples of the limit."""
UNKNOWN = len(HEAT_STEPS) + 1
STATES: tuple[State, ...] = ("ok", "suspect", "alert", "lasting", "unknown")


@dataclass(frozen=True)
class Layer:
    """The cells of one class: its name for the style sheet, and the path through them."""

    style: str
    path: str


@dataclass(frozen=True)
class Strip:
    """A row of cells; what no layer covers, not even ``known``, is a time without data. ``label`` says it in words."""

    cells: int
    layers: tuple[Layer, ...]
    label: str


@dataclass(frozen=True)
class History:
    """One column over time.

    Args:
        ratios: the largest multiple of its limit in each cell, NaN where nothing was judged [cells].
        seen: whether a window touched the cell, judged or not [cells].
        judged: windows of the shortest length that were judged; ``beyond`` of them were beyond the limit.
        beyond_cells: whether a finding of the cell was beyond its limit [cells].
        worst: the largest multiple; worst_at: start of its window.
    """

    ratios: Floats
    seen: NDArray[np.bool_]
    beyond_cells: NDArray[np.bool_]
    judged: int
    beyond: int
    worst: float
    worst_at: float


class _Scale:
    """What windows of one length found: the largest multiple of a limit by window and column, over all signals."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.windows: dict[float, tuple[range, dict[int, float], set[int]]] = {}

    def add(self, verdict: Verdict, cells: range) -> None:
        _, ratios, beyond = self.windows.setdefault(verdict.window.start, (cells, {}, set()))
        places = self.places
        for finding in verdict.findings:
            if finding.column is not None:
                place = places.setdefault(finding.column, len(places))
                multiple = ratio(finding)
                if multiple >= ratios.get(place, -1.0):
                    ratios[place] = multiple
                if finding.is_drift:
                    beyond.add(place)

    def table(self) -> tuple[list[float], Floats, NDArray[np.bool_]]:
        """Starts, multiples (NaN where a column was not judged) and whether one was beyond [windows, columns]."""
        shape = len(self.windows), len(self.places)
        ratios, beyond = np.full(shape, np.nan), np.zeros(shape, np.bool_)
        for row, (_, found, over) in enumerate(self.windows.values()):
            ratios[row, list(found)] = list(found.values())
            beyond[row, list(over)] = True
        return list(self.windows), ratios, beyond

    def histories(self, cells: int, seen: NDArray[np.bool_]) -> dict[str, History]:
        """Each column."""
        starts, ratios, beyond = self.table()
        painted, over = np.full((cells, len(self.places)), np.nan), np.zeros((cells, len(self.places)), np.bool_)
        for row, (where, _, _) in enumerate(self.windows.values()):
            part = slice(where.start, where.stop)
            painted[part] = np.fmax(painted[part], ratios[row])
            over[part] |= beyond[row]
        judged, times_beyond = (~np.isnan(ratios)).sum(axis=0), beyond.sum(axis=0)
        worst = np.nan_to_num(ratios, nan=-1.0).argmax(axis=0)
        return {
            name: History(
                painted[:, i], seen, over[:, i], int(judged[i]), int(times_beyond[i]),
                float(ratios[worst[i], i]), starts[worst[i]],
            )
            for name, i in self.places.items()
        }  # fmt: skip


def column_histories(verdicts: Iterable[Verdict], axis: TimeAxis) -> dict[str, History]:
    """Each column that a finding names. Where the shortest windows could not be judged, the next longer ones speak."""
    scales: dict[float, _Scale] = {}
    seen = np.zeros(axis.cells, np.bool_)
    for verdict in verdicts:
        cells = axis.cells_of(verdict.window)
        if cells:
            seen[cells.start : cells.stop] |= verdict.rows > 0
            scales.setdefault(verdict.scale, _Scale()).add(verdict, cells)
    found: dict[str, History] = {}
    for length in sorted(scales):
        for name, longer in scales[length].histories(axis.cells, seen).items():
            found[name] = _filled(found[name], longer) if name in found else longer
    return found


def _filled(history: History, longer: History) -> History:
    """With what longer windows say of the cells that it knows nothing of."""
    gap = np.isnan(history.ratios)
    ratios = np.where(gap, longer.ratios, history.ratios)
    return replace(history, ratios=ratios, beyond_cells=np.where(gap, longer.beyond_cells, history.beyond_cells))


def heat_strip(history: History, axis: TimeAxis) -> Strip:
    """A column's row of the heat map."""
    classes = np.searchsorted(HEAT_STEPS, np.nan_to_num(history.ratios), side="right")
    classes = np.where(history.beyond_cells, np.maximum(classes, 2), np.minimum(classes, 1))
    cells = [
        int(heat) if not np.isnan(value) else UNKNOWN if seen else None
        for heat, value, seen in zip(classes, history.ratios, history.seen, strict=True)
    ]
    label = f"beyond its limit in {history.beyond} of {plural(history.judged, 'window')}"
    if history.beyond:
        label += f", at worst {times(history.worst)} its limit on {axis.clock.at(history.worst_at)}"
    return Strip(axis.cells, _layers(cells, [f"h{i}" for i in range(UNKNOWN + 1)]), label)


def state_strip(verdicts: Sequence[Verdict], axis: TimeAxis) -> Strip:
    """A signal's lane: in each cell the worst state of any window that touches it."""
    worst: list[State | None] = [None] * axis.cells
    spent: dict[State, int] = {}
    for verdict in verdicts:
        for cell in axis.cells_of(verdict.window):
            before = worst[cell]
            if before is None or RANK[verdict.state] > RANK[before]:
                worst[cell] = verdict.state
    for state in worst:
        if state is not None:
            spent[state] = spent.get(state, 0) + 1
    known = sum(spent.values())
    parts = [f"{state} in {100 * spent[state] / known:.0f} % of the time" for state in STATES if state in spent]
    cells = [None if state is None else STATES.index(state) for state in worst]
    return Strip(axis.cells, _layers(cells, [f"s-{state}" for state in STATES]), ", ".join(parts) or "no window yet")


def _layers(cells: Sequence[int | None], styles: Sequence[str]) -> tuple[Layer, ...]:
    known = Layer("known", paths.runs([None if cell is None else 0 for cell in cells], 0))
    found = (known, *(Layer(style, paths.runs(cells, place)) for place, style in enumerate(styles)))
    return tuple(layer for layer in found if layer.path)


def volume_strip(volume: Mapping[float, int], every: float, axis: TimeAxis) -> tuple[str, float]:
    """Predictions over time as bars in a box of cells × 100, and the largest number in one cell."""
    sums = np.zeros(axis.cells)
    for start, rows in volume.items():
        if axis.start - every < start < axis.end:
            sums[axis.cell_of(max(start, axis.start))] += rows
    largest = float(sums.max(initial=0.0))
    return paths.bars([float(100 * rows / largest) if largest else 0.0 for rows in sums], 100.0), largest


def ratio_bars(history: History) -> tuple[str, str]:
    """A column's multiples of its limit as bars in a box of cells × 100, the limit at 50: within, and beyond."""
    heights = [0.0 if np.isnan(value) else max(_height(float(value)), 1.5) for value in history.ratios]
    beyond = [height if over else 0.0 for height, over in zip(heights, history.beyond_cells, strict=True)]
    within = [0.0 if over else min(height, 50.0) for height, over in zip(heights, history.beyond_cells, strict=True)]
    return paths.bars(within, 100.0), paths.bars(beyond, 100.0)


def _height(value: float) -> float:
    """The limit is in the middle, and hundredfold still fits: r / (r + 1)."""
    return 100 * value / (value + 1)

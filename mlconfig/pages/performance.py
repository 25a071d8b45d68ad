"""How good the answers were over time, with intervals, and how many of them had a label."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlconfig.pages import paths
from mlconfig.pages.scale import value_ticks
from mlconfig.pages.strips import Floats, Layer, Strip
from mlconfig.pages.time_axis import Tick, TimeAxis
from mlconfig.pages.wording import duration, number, share
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.vocabulary import plural

WIDTH, HEIGHT = 1000.0, 100.0
MOST_POINTS = 200
"""More are a cloud: then longer windows are shown."""
MEASURED, ESTIMATED = "performance", "estimated_performance"
_NEEDED = ("value", "low", "high")


@dataclass(frozen=True)
class Series:
    """One signal's values in a box of 1000 × 100; ``drops``: dots of the windows that voted."""

    name: str
    style: str
    line: str
    band: str
    dots: str
    drops: str
    words: str


@dataclass(frozen=True)
class Level:
    """A horizontal line. ``place``: percent from the top."""

    name: str
    style: str
    place: float
    value: str


@dataclass(frozen=True)
class Quality:
    """The chart of the primary metric."""

    metric: str
    series: tuple[Series, ...]
    levels: tuple[Level, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Coverage:
    """Shares of predictions that have a label: the strip's bars in a box of cells × 100, and what is not scored yet."""

    bars: str
    waiting: Strip
    words: str


def quality(verdicts: Sequence[Verdict], axis: TimeAxis, metric: str) -> Quality | None:
    """The chart; null where no window was ever scored."""
    shown = [(name, _points(verdicts, name, axis)) for name in (MEASURED, ESTIMATED)]
    shown = [(name, points) for name, points in shown if points]
    if not shown:
        return None
    newest = shown[0][1][-1][1].details
    marks = {name: newest[name] for name in ("reference", "floor") if name in newest}
    values = [found.details[end] for _, points in shown for _, found in points for end in _NEEDED] + [*marks.values()]
    low, high = _padded(min(values), max(values))
    series = tuple(_series(name, points, axis, low, high) for name, points in shown)
    ticks = tuple(
        Tick(round(_y(value, low, high), 2), label, minor=number_ % 2 == 1)
        for number_, (value, label) in enumerate(value_ticks(low, high, 4))
    )
    return Quality(metric or "metric", series, _levels(marks, low, high), ticks)


def _points(verdicts: Sequence[Verdict], signal: str, axis: TimeAxis) -> list[tuple[Verdict, Finding]]:
    """The scored windows of one length: the shortest that gives neither a cloud nor less than three points."""
    by_scale: dict[float, list[tuple[Verdict, Finding]]] = {}
    for verdict in verdicts:
        if verdict.signal == signal and axis.cells_of(verdict.window):
            found = next((each for each in verdict.findings if all(name in each.details for name in _NEEDED)), None)
            if found is not None:
                by_scale.setdefault(verdict.scale, []).append((verdict, found))
    fitting = [points for _, points in sorted(by_scale.items()) if 3 <= len(points) <= MOST_POINTS]
    chosen = fitting[0] if fitting else max(by_scale.values(), key=len, default=[])
    return sorted(chosen, key=lambda point: point[0].window.start)


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06 or max(abs(high), 1e-6) * 0.05
    return low - room, high + room


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT * (high - value) / (high - low)


def _series(name: str, points: Sequence[tuple[Verdict, Finding]], axis: TimeAxis, low: float, high: float) -> Series:
    stretches = _stretches(points)
    at = {
        end: [[(_x(v, axis), _y(found.details[end], low, high)) for v, found in each] for each in stretches]
        for end in _NEEDED
    }
    alone = [stretch for stretch, each in enumerate(stretches) if len(each) == 1]
    last = points[-1][1].details
    return Series(
        name="measured by labels" if name == MEASURED else "estimated without labels",
        style="measured" if name == MEASURED else "estimated",
        line="".join(paths.line(each) for each in at["value"]),
        band="".join(
            paths.line([at["low"][i][0], at["high"][i][0]]) if i in alone else paths.band(at["low"][i], at["high"][i])
            for i in range(len(stretches))
        ),
        dots=paths.dots([point for each in at["value"] for point in each]),
        drops=paths.dots([(_x(v, axis), _y(f.details["value"], low, high)) for v, f in points if f.is_drift]),
        words=f"{number(last['value'])} ({number(last['low'])} to {number(last['high'])}) in the newest of "
        f"{plural(len(points), 'window')} of {duration(points[-1][0].scale)}",
    )


def _x(verdict: Verdict, axis: TimeAxis) -> float:
    return axis.place((verdict.window.start + verdict.window.end) / 2) * WIDTH / 100


def _stretches(points: Sequence[tuple[Verdict, Finding]]) -> list[list[tuple[Verdict, Finding]]]:
    """Without a line over windows that were not scored."""
    found: list[list[tuple[Verdict, Finding]]] = []
    for point in points:
        if found and point[0].window.start <= found[-1][-1][0].window.end + 1e-6:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def _levels(marks: Mapping[str, float], low: float, high: float) -> tuple[Level, ...]:
    names = {"reference": "at evaluation", "floor": "lowest accepted"}
    if marks.get("floor", 0.0) > marks.get("reference", marks.get("floor", 0.0)):
        names["floor"] = "highest accepted"
    return tuple(Level(names[key], key, round(_y(value, low, high), 2), number(value)) for key, value in marks.items())


def coverage(verdicts: Sequence[Verdict], volume: Mapping[float, int], axis: TimeAxis) -> Coverage | None:
    """Labelled predictions of all, cell by cell; null where no signal reads labels."""
    watched = [verdict for verdict in verdicts if verdict.signal == MEASURED and axis.cells_of(verdict.window)]
    if not watched:
        return None
    shortest = min(verdict.scale for verdict in watched)
    starts = sorted(volume)
    known, rows, waiting = np.zeros(axis.cells), np.zeros(axis.cells), {start for start in starts if volume[start]}
    for verdict in (verdict for verdict in watched if verdict.scale == shortest):
        inside = starts[bisect_left(starts, verdict.window.start) : bisect_left(starts, verdict.window.end)]
        predictions, cells = sum(volume[start] for start in inside), axis.cells_of(verdict.window)
        waiting.difference_update(inside)
        known[cells.start : cells.stop] += min(verdict.labelled, predictions) / len(cells)
        rows[cells.start : cells.stop] += predictions / len(cells)
    return _coverage(known, rows, waiting, axis)


def _coverage(known: Floats, rows: Floats, waiting: Iterable[float], axis: TimeAxis) -> Coverage:
    cells: list[int | None] = [None] * axis.cells
    for start in waiting:
        if axis.start <= start < axis.end and not rows[axis.cell_of(start)]:
            cells[axis.cell_of(start)] = 0
    path = paths.runs(cells, 0)
    shares = np.divide(known, rows, out=np.zeros(axis.cells), where=rows > 0)
    return Coverage(
        bars=paths.bars((HEIGHT * shares).tolist(), HEIGHT),
        waiting=Strip(axis.cells, (Layer("waiting", path),) if path else (), ""),
        words=_coverage_words(float(known.sum()), float(rows.sum()), waits=bool(path)),
    )


def _coverage_words(known: float, rows: float, *, waits: bool) -> str:
    if not rows:
        return "No window is old enough yet to count its labels."
    verb = "has" if rows == 1 else "have"
    words = f"{share(known / rows)} of {plural(round(rows), 'prediction')} in scored windows {verb} a label"
    return f"{words}; newer windows still wait for theirs." if waits else f"{words}."

"""One pass over the log: every complete window that was not judged yet, and those whose labels have come since."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlconfig.monitoring.assess import assess_window
from mlconfig.monitoring.persistence import restate
from mlconfig.monitoring.window_rows import VersionRows
from mlconfig.monitoring.windows import window_at, windows_between

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.monitoring.watch import Watch
    from mlconfig.records.verdict import Verdict
    from mlconfig.sections.monitoring import Monitoring
    from mlconfig.vocabulary import Window

GROWTH = 1.1
"""A scored window is scored again when so many times its labels are there."""


@dataclass(frozen=True)
class PassInput:
    """What a pass looks at.

    Args:
        watch: the live version.
        predictions: of the endpoint, as `records.prediction_log` reads them. Rows of other versions are passed over: a version
            is judged by what it was asked and what it answered, and its reference is its own.
        labels: as `records.prediction_log` reads them.
        verdicts: what was found before for this endpoint; those of other versions are passed over, so a new version's votes
            begin anew.
        now: the clock, seconds since 1970 (also when windows go by event time: labels ripen by the clock).
        complete_since: ``predictions`` holds all of the version's rows from here on (by the time windows go by); null:
            all there are. Windows that begin before are left as they are.
    """

    watch: Watch
    predictions: pa.Table
    labels: pa.Table
    verdicts: Sequence[Verdict]
    now: float
    complete_since: float | None = None


@dataclass(frozen=True)
class PassResult:
    """``verdicts``: new ones and ones that changed, oldest window first. ``skipped``: what was not judged, and why."""

    verdicts: tuple[Verdict, ...]
    skipped: tuple[str, ...]


def needed_since(monitoring: Monitoring, verdicts: Sequence[Verdict], now: float) -> float | None:
    """From when on the next pass needs predictions, for ``PassInput.complete_since``; null: all of the version's.

    ``verdicts``: those of the live version.
    """
    from mlconfig.monitoring.windows import scale_lengths

    newest: dict[tuple[str, float], float] = {}
    for verdict in verdicts:
        key = verdict.signal, verdict.scale
        newest[key] = max(newest.get(key, -math.inf), verdict.window.end)
    lengths = scale_lengths(monitoring)
    if monitoring.time == "event" or len(newest) < len(lengths) * len(monitoring.signals):
        return None
    ripening = window_at(now - monitoring.labels.max_delay.total_seconds(), lengths[-1]).start
    return min(ripening, *newest.values())


def run_pass(request: PassInput) -> PassResult:
    """Judge all that can be judged now; run again on the result, it finds nothing new.

    - A window is complete when it ended before now, or, by event time, before the newest event time seen. Rows that come
      later for a judged window are not counted.
    - By arrival, a window without rows is unknown: silence is said, except by signals that read labels. By event
      time it does not exist.
    - Performance is judged once a window is mature, and again when a tenth more labels are there, until ``labels.max_delay``;
      an immature window has no verdict yet. The states of later windows follow.
    - Persistence counts the version's own windows of one length.
    """
    passing = _Pass(request)
    found = [verdict for length in request.watch.lengths for verdict in passing.at(length)]
    order = {name: i for i, name in enumerate(request.watch.monitoring.signals)}
    found.sort(key=lambda verdict: (verdict.window.end, verdict.scale, order[verdict.signal]))
    return PassResult(tuple(found), tuple(passing.skipped()))


class _Pass:
    """The work of one pass."""

    def __init__(self, request: PassInput) -> None:
        self.request, self.watch = request, request.watch
        self.rows = VersionRows(request.watch, request.predictions, request.labels, request.now)
        self._waiting: dict[tuple[str, float], list[Window]] = {}
        self.stored = {
            (verdict.signal, verdict.scale, verdict.window.start): verdict
            for verdict in request.verdicts
            if (verdict.endpoint, verdict.version) == (self.watch.endpoint, self.watch.version)
        }

    def at(self, length: float) -> Iterator[Verdict]:
        """New and changed verdicts of all signals at one scale."""
        fresh: dict[str, list[Verdict]] = {name: [] for name in self.watch.monitoring.signals}
        for window in self._windows(length):
            due = [name for name in fresh if self._is_due(name, length, window)]
            if due:
                for verdict in assess_window(self.watch, self.rows.of(window), due):
                    fresh[verdict.signal].append(verdict)
        for name, verdicts in fresh.items():
            yield from self._with_states(name, length, verdicts)

    def _windows(self, length: float) -> Iterator[Window]:
        """Complete windows, from the first with a row or the last judged."""
        ends = [verdict.window.end for (_, scale, _), verdict in self.stored.items() if scale == length]
        starts = [self.rows.first] if len(self.rows) else []
        starts += [max(ends)] if ends else []
        begin = min(starts, default=math.inf)
        by_arrival = self.watch.monitoring.time == "arrival"
        since = self.request.complete_since if self.request.complete_since is not None else -math.inf
        if not math.isfinite(begin):
            return
        if by_arrival:
            windows = windows_between(begin, self.rows.until, length)
        else:
            windows = (window for window in self.rows.windows(length) if window.end <= self.rows.until)
        yield from (window for window in windows if window.start >= since)

    def _is_due(self, name: str, length: float, window: Window) -> bool:
        stored = self.stored.get((name, length, window.start))
        if not self.watch.reads_labels(name):
            return stored is None
        if self.rows.count(window) == 0:
            return False
        if stored is None:
            return self._is_mature(name, length, window)
        labelled = self.rows.labelled(window)
        return labelled > stored.rows if stored.vote is None else labelled >= GROWTH * stored.rows

    def _is_mature(self, name: str, length: float, window: Window) -> bool:
        if self.rows.age(window) >= self.rows.maturity:
            return True
        self._waiting.setdefault((name, length), []).append(window)
        return False

    def skipped(self) -> list[str]:
        """What was not judged, and why."""
        return [*self.rows.skipped(), *(self._patience(*key, windows) for key, windows in self._waiting.items())]

    def _patience(self, name: str, length: float, windows: list[Window]) -> str:
        oldest = windows[0]
        age, labelled = max(self.rows.age(oldest), 0.0), self.rows.labelled(oldest)
        return (
            f"{name}: {len(windows)} window(s) of {length:.0f} s wait for labels until they are "
            f"{self.rows.maturity:.0f} s old; the oldest is {age:.0f} s old and has {labelled} of {self.rows.count(oldest)}"
        )

    def _with_states(self, name: str, length: float, fresh: list[Verdict]) -> Iterator[Verdict]:
        """Votes become states; an earlier window that was scored again may change those of later ones."""
        if not fresh:
            return
        signal = self.watch.monitoring.signals[name]
        whole = {v.window.start: v for (n, scale, _), v in self.stored.items() if (n, scale) == (name, length)}
        whole |= {verdict.window.start: verdict for verdict in fresh}
        first = min(verdict.window.start for verdict in fresh)
        for verdict in restate(whole.values(), signal.persistence or self.watch.monitoring.persistence, first):
            if verdict != self.stored.get((name, length, verdict.window.start)):
                yield verdict

"""The windows of one version as a pass sees them: new rows are folded once, closed windows are kept, longer ones are merged."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mlconfig.monitoring.fold import fold_windows
from mlconfig.monitoring.log import COUNTED, Log
from mlconfig.monitoring.window_counts import WindowCounts, merged
from mlconfig.monitoring.windows import moments_of, window_at, windows_between
from mlconfig.vocabulary import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.monitoring.watch import Watch
    from mlconfig.monitoring.window_store import WindowStore


class PassWindows:
    """The version's windows of ``monitoring.every``, and those of longer scales as sums of them.

    Args:
        watch: the version.
        log: of the endpoint.
        store: where closed windows are kept; null keeps them for this pass only.
        now: the clock, seconds since 1970.

    ``until``: up to when windows are complete.
    """

    def __init__(self, watch: Watch, log: Log, store: WindowStore | None, now: float) -> None:
        self._watch, self._store, self._base = watch, store, watch.lengths[0]
        self._by_arrival = watch.monitoring.time == "arrival"
        self._clock = now
        self._timeless = 0
        self._watermark = -math.inf
        self._log = log
        self._kept = dict(store.windows) if store is not None else {}
        since = max(self._kept) + self._base if self._kept else None
        # By arrival, the window that is open now is not complete before it is over: none of its rows are read until then.
        end = window_at(now, self._base).start if self._by_arrival else None
        blocks = self._dated(log.blocks(since, end, watch.monitoring.time, watch.version, COUNTED))
        self._fresh = fold_windows(blocks, watch.counter, watch.monitoring.time, self._base)
        self.until = now if self._by_arrival else max(self._watermark, since if since is not None else -math.inf)
        for start in [start for start in self._fresh if start + self._base > self.until]:
            self._fresh.drop(start)
        for start in sorted(self._fresh) if store is not None else ():
            assert store is not None
            with suppress(OSError):  # a full disk keeps nothing from being judged: it is counted again in the next pass
                store.put(start, self._fresh[start])

    def _dated(self, blocks: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Without rows that have no moment, or one ahead of the clock: one row from the future would complete every window."""
        import pyarrow as pa

        for block in blocks:
            if self._by_arrival:
                yield block
                continue
            moments = moments_of(block, "event")
            arrived = np.asarray(block.column("arrived").to_numpy(), np.float64)
            self._clock = max(self._clock, float(arrived.max(initial=-math.inf)))
            usable = moments <= self._clock + self._base
            self._timeless += int((~usable).sum())
            if usable.any():
                self._watermark = max(self._watermark, float(moments[usable].max()))
                yield block if usable.all() else block.filter(pa.array(usable))

    @property
    def clock(self) -> float:
        """Now, or the newest arrival where that is later."""
        return self._clock

    @property
    def timeless(self) -> int:
        """Predictions among the new ones that cannot be placed."""
        return self._timeless

    @cached_property
    def starts(self) -> list[float]:
        """Where the windows with rows start, ascending."""
        return sorted({*self._kept, *self._fresh})

    def complete(self, length: float, begin: float) -> Iterator[Window]:
        """Complete windows of a length from the one that holds ``begin`` on, oldest first; by event time those with rows."""
        if self._by_arrival:
            yield from windows_between(begin, self.until, length) if math.isfinite(begin) else ()
            return
        place = bisect_left(self.starts, window_at(begin, length).start) if math.isfinite(begin) else 0
        last = None
        for start in self.starts[place:]:
            window = window_at(start, length)
            if window != last and window.end <= self.until:
                last = window
                yield window

    def parts(self, window: Window) -> list[float]:
        """The starts within a window, ascending."""
        return self.starts[bisect_left(self.starts, window.start) : bisect_left(self.starts, window.end)]

    def rows(self, window: Window) -> int:
        """Rows of a window, without reading its counts."""
        return sum(self._rows(start) for start in self.parts(window))

    @property
    def rows_at(self) -> dict[float, int]:
        """Rows by start."""
        return {start: self._rows(start) for start in self.starts}

    def _rows(self, start: float) -> int:
        return self._fresh.rows(start) if start in self._fresh else self._kept[start].rows

    def counts(self, window: Window) -> WindowCounts:
        """Everything that was counted in a window."""
        found = (self._counts(start) for start in self.parts(window))
        return merged((counts for counts in found if counts is not None), self._watch.counter.nothing)

    def _counts(self, start: float) -> WindowCounts | None:
        if start in self._fresh or self._store is None:
            return self._fresh.get(start)
        return self._store.get(start) or self._counted_again(self._store, start)

    def _counted_again(self, store: WindowStore, start: float) -> WindowCounts | None:
        """A window whose file cannot be read, as far as its rows are still logged."""
        time, end = self._watch.monitoring.time, start + self._base
        blocks = self._log.blocks(start, end, time, self._watch.version, COUNTED)
        counts = fold_windows(blocks, self._watch.counter, time, self._base).get(start)
        if counts is not None:
            with suppress(OSError):
                store.put(start, counts)
        return counts

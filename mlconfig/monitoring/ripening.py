"""When labels are there: which windows are old enough to be scored, and which have got more labels since they were."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from mlconfig.monitoring.label_join import LabelIndex, first_needed
from mlconfig.monitoring.labelled import LabelTally, WindowLabels, tally_labels
from mlconfig.vocabulary import plural, rough_duration

if TYPE_CHECKING:
    from mlconfig.monitoring.log import Log
    from mlconfig.monitoring.pass_windows import PassWindows
    from mlconfig.monitoring.watch import Watch
    from mlconfig.records.verdict import Verdict
    from mlconfig.vocabulary import Window

WHOLE = 0.9
"""The share of a window's rows that must still be there to score it again."""
GROWTH = 1.1
"""A scored window is scored again when so many times its labels are there."""


class Ripening:
    """The labels of a pass, by window. Nothing is read until it is asked for.

    Args:
        watch: the version.
        log: of the endpoint.
        windows: of the pass.
        unscored: the start of the oldest window that was not scored yet.
    """

    def __init__(self, watch: Watch, log: Log, windows: PassWindows, unscored: float) -> None:
        self._watch, self._log, self._windows, self._unscored = watch, log, windows, unscored
        self._waiting: dict[tuple[str, float], list[Window]] = {}

    @cached_property
    def index(self) -> LabelIndex:
        """The newest labels, as far as they can matter."""
        monitoring, since = self._watch.monitoring, self._since
        if since is not None:  # a window that is cut by it is looked at as a whole
            since -= 2 * self._watch.lengths[-1]
        labels = self._log.label_blocks(first_needed(since, monitoring))
        return LabelIndex(labels, self._watch.signature, monitoring.labels)

    @cached_property
    def _tally(self) -> LabelTally:
        if not len(self.index):
            return LabelTally()
        return tally_labels(self._watch, self._log, self.index, self._since, None)

    @property
    def _since(self) -> float | None:
        """Windows before have been scored, and get no label any more; by event time any may."""
        if self._watch.monitoring.time == "event":
            return None
        longest = self._watch.monitoring.labels.max_delay.total_seconds() + 2 * self._watch.lengths[-1]
        since = min(self._unscored, self._windows.until - longest)
        return since if math.isfinite(since) else None

    def of(self, window: Window) -> WindowLabels:
        """Rows and labels of a window."""
        found = self._tally.of(window, self._windows.parts(window))
        return WindowLabels(self._windows.rows(window), found.labelled, found.revisions, found.newest_arrival)

    @cached_property
    def maturity(self) -> float:
        """The age in seconds at which a window is scored."""
        return self._tally.maturity(self._watch.monitoring.labels)

    def age(self, window: Window) -> float:
        """Seconds since its end, or by event time since its last row arrived."""
        if self._watch.monitoring.time == "arrival":
            return self._windows.clock - window.end
        arrived = self.of(window).newest_arrival
        if not math.isfinite(arrived):
            arrived = self._windows.counts(window).newest_arrival
        return self._windows.clock - arrived

    def is_mature(self, name: str, window: Window) -> bool:
        """Whether a window is old enough, or has all its labels; one that is not is remembered, to be told."""
        if self.age(window) >= self.maturity or self._has_all(window):
            return True
        self._waiting.setdefault((name, window.end - window.start), []).append(window)
        return False

    def _has_all(self, window: Window) -> bool:
        labels = self.of(window)
        return 0 < labels.rows <= labels.labelled

    def _has_gone(self, window: Window) -> bool:
        """Whether rows that were counted in a window are no longer kept: what is left of it says nothing new."""
        left = self._tally.of(window, self._windows.parts(window)).rows
        return left < WHOLE * self._windows.rows(window)

    def has_grown(self, window: Window, stored: Verdict) -> bool:
        """Whether enough labels have come since a window was scored to score it again, or one of them was corrected."""
        if self._has_gone(window):
            return False
        labels = self.of(window)
        if labels.revisions != stored.revisions:
            return True
        labelled = labels.labelled
        scored = stored.labelled or (stored.rows if self._watch.waits_for_labels(stored.signal) else 0)
        return labelled > scored if stored.vote is None or not scored else labelled >= GROWTH * scored

    def patience(self) -> Iterator[str]:
        """What waits for labels, in words."""
        for (name, length), windows in self._waiting.items():
            oldest = windows[0]
            labels = self.of(oldest)
            many = plural(len(windows), "window")
            wait = "waits" if len(windows) == 1 else "wait"
            age = rough_duration(max(self.age(oldest), 0.0))
            yield (
                f"{name}: {many} of {rough_duration(length)} {wait} for labels, at most until "
                f"{rough_duration(self.maturity)} old; the oldest is {age} old and has {labels.labelled:,} of {labels.rows:,}"
            )

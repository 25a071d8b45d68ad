"""One pass over the log: every complete window that was not judged yet, and those whose labels have come since."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from mlconfig.monitoring.assess import WindowView, assess
from mlconfig.monitoring.facts import facts_of
from mlconfig.monitoring.finish import Found, finish
from mlconfig.monitoring.parts import AT_ONCE, Parts, PartsLoader
from mlconfig.monitoring.pass_windows import PassWindows
from mlconfig.monitoring.ripening import Ripening
from mlconfig.vocabulary import Window, plural

if TYPE_CHECKING:
    from mlconfig.monitoring.log import Log
    from mlconfig.monitoring.watch import Watch
    from mlconfig.monitoring.window_store import WindowStore
    from mlconfig.records.service import ServiceStats
    from mlconfig.records.verdict import Verdict

Progress = Callable[[int, int], None]
"""Is told how many windows are done, and how many there are; windows of several lengths count each."""

SUSPICIOUS = frozenset({"suspect", "alert", "lasting"})


@dataclass(frozen=True)
class PassInput:
    """What a pass looks at.

    Args:
        watch: the live version. Rows of other versions are passed over: a version is judged by what it was asked and what it
            answered, and its reference is its own.
        log: of the endpoint.
        verdicts: what was found before for this endpoint; those of other versions are passed over, so a new version's votes
            begin anew.
        now: the clock, seconds since 1970 (also when windows go by event time: labels ripen by the clock).
        store: where the counts of closed windows are kept; null counts all again.
        known_since: by scale in seconds, from which window on ``verdicts`` is complete; windows that begin before are left as
            they are. A scale that is missing is complete.
        service: the requests of a window, null where they were not counted.
        rows_at: rows of the endpoint's windows of ``monitoring.every`` by start, over all versions; null: this version's own.
        outdated: verdicts that are judged anew, by settings that have changed; not among ``verdicts``.
        progress: hears of the windows as they are judged; null: nobody does.
    """

    watch: Watch
    log: Log
    verdicts: Sequence[Verdict]
    now: float
    store: WindowStore | None = None
    known_since: Mapping[float, float] = field(default_factory=dict)
    service: Callable[[Window], ServiceStats | None] | None = None
    rows_at: Callable[[], Mapping[float, int]] | None = None
    outdated: Sequence[Verdict] = ()
    progress: Progress | None = None


@dataclass(frozen=True)
class PassResult:
    """``verdicts``: new ones and ones that changed, oldest window first. ``skipped``: what was not judged, and why."""

    verdicts: tuple[Verdict, ...]
    skipped: tuple[str, ...]


def run_pass(request: PassInput) -> PassResult:
    """Judge all that can be judged now; run again on the result, it finds nothing new.

    - A window is complete when it ended before now, or, by event time, before the newest event time seen. Rows that come
      later for a closed window are not counted.
    - By arrival, a window without rows is unknown: silence is said, except by signals that wait for labels. By event
      time it does not exist.
    - Performance is judged once a window is mature, and again when a tenth more labels are there, until ``labels.max_delay``;
      an immature window has no verdict yet. The states of later windows follow.
    - Persistence counts the version's own windows of one length.
    - A signal that reads rows at a slower pace is asked in between as well, where another suspects something.

    Memory is that of a few windows' counts and of one file of the log, however many rows there are.
    """
    return _Pass(request).run()


class _Pass:
    """The work of one pass."""

    def __init__(self, request: PassInput) -> None:
        self.request, self.watch = request, request.watch
        self.windows = PassWindows(request.watch, request.log, request.store, request.now)
        mine = (request.watch.endpoint, request.watch.version)
        self.stored: Found = {
            (verdict.signal, verdict.scale, verdict.window.start): verdict
            for verdict in request.verdicts
            if (verdict.endpoint, verdict.version) == mine
        }
        self.ripening = Ripening(request.watch, request.log, self.windows, self._unscored())
        self.loader = PartsLoader(request.watch, request.log, self.ripening)
        self._done = self._total = 0

    def run(self) -> PassResult:
        """Plain signals first, then those that are asked on suspicion."""
        due = [self._due(length) for length in self.watch.lengths]
        self._total = sum(map(len, due))
        fresh: Found = {}
        for windows in due:
            fresh |= self._judge(windows)
        found = finish(self.watch, self.stored, fresh)
        asked = self._ask_on_suspicion(found)
        if asked:
            fresh |= asked
            found = finish(self.watch, self.stored, fresh)
        order = {name: i for i, name in enumerate(self.watch.monitoring.signals)}
        changed = [verdict for key, verdict in found.items() if verdict != self.stored.get(key)]
        changed.sort(key=lambda verdict: (verdict.window.end, verdict.scale, order[verdict.signal]))
        return PassResult(tuple(changed), tuple(self._skipped()))

    def _unscored(self) -> float:
        """The start of the oldest window that a signal which waits for labels has not judged, as far as verdicts are known."""
        first = self.windows.starts[0] if self.windows.starts else math.inf
        ends: dict[tuple[str, float], float] = {}
        for name, length, start in self.stored:
            ends[name, length] = max(ends.get((name, length), -math.inf), start + length)
        waiting = [name for name in self.watch.monitoring.signals if self.watch.waits_for_labels(name)]
        pairs = ((name, length) for name in waiting for length in self.watch.lengths_of(name))
        known = self.request.known_since
        return min((ends.get(pair, max(first, known.get(pair[1], first))) for pair in pairs), default=math.inf)

    def _due(self, length: float) -> dict[Window, list[str]]:
        """The windows of a length that something is to be said of, and which signals are to say it."""
        due: dict[Window, list[str]] = {}
        names = [name for name in self.watch.monitoring.signals if length in self.watch.lengths_of(name)]
        for window in self._complete(length) if names else ():
            wanted = [name for name in names if self._is_due(name, length, window)]
            if wanted:
                due[window] = wanted
        return due

    def _complete(self, length: float) -> Iterator[Window]:
        """Complete windows, from the first with a row or the last judged, as far back as verdicts are known."""
        known = self.request.known_since.get(length, -math.inf)
        ends = [key[2] + length for key in self.stored if key[1] == length]
        begin = min([*self.windows.starts[:1], *([max(ends)] if ends else [])], default=math.inf)
        windows = self.windows.complete(length, max(begin, known))
        yield from (window for window in windows if window.start >= known)

    def _is_due(self, name: str, length: float, window: Window) -> bool:
        stored = self.stored.get((name, length, window.start))
        if not self.watch.reads_labels(name):
            return stored is None
        if not self.watch.waits_for_labels(name):
            return stored is None or self.ripening.has_grown(window, stored)
        if self.windows.rows(window) == 0:
            return False
        if stored is None:
            return self.ripening.is_mature(name, window)
        return self.ripening.has_grown(window, stored)

    def _ask_on_suspicion(self, found: Found) -> Found:
        """Verdicts of slower signals on new windows of the shortest length: where another suspects drift, and on, until what
        they said themselves is over.
        """
        asked: Found = {}
        base = self.watch.lengths[0]
        new = sorted({key[2]: verdict.window for key, verdict in found.items() if key[1] == base}.items())
        suspected = {key[2] for key, verdict in found.items() if key[1] == base and self._suspects(verdict)}
        for name in filter(self.watch.on_suspicion, self.watch.monitoring.signals):
            reach = base * self._longest_memory(name)
            mine = (
                start for (other, scale, start), v in self.stored.items() if (other, scale) == (name, base) and v.vote
            )
            last = max(mine, default=-math.inf)
            open_ = {start: window for start, window in new if (name, base, start) not in self.stored}
            asked |= self._judge({open_[start]: [name] for start in suspected & open_.keys()})
            for start, window in open_.items():
                if start - last <= reach and start not in suspected:
                    asked |= self._judge({window: [name]})
                verdict = asked.get((name, base, start))
                last = start if verdict is not None and verdict.vote else last
        return asked

    def _suspects(self, verdict: Verdict) -> bool:
        """Whether a verdict gives cause to ask more: its distributions moved, and not for the first time."""
        return bool(verdict.vote) and verdict.state in SUSPICIOUS and "profile" in self.watch.tags(verdict.signal).reads

    def _longest_memory(self, name: str) -> int:
        """Windows after which a vote is forgotten."""
        persistence = self.watch.monitoring.signals[name].persistence or self.watch.monitoring.persistence
        return max(persistence.suspect[1], persistence.alert[1], persistence.lasting[1])

    def _judge(self, due: Mapping[Window, list[str]]) -> Found:
        """The verdicts of some windows; a few windows' rows are in memory together."""
        ordered = sorted(due, key=lambda window: (window.end, window.start))
        fresh: Found = {}
        for first in range(0, len(ordered), AT_ONCE):
            chosen = {window: due[window] for window in ordered[first : first + AT_ONCE]}
            for window, parts in self.loader.load(chosen).items():
                view = self._view(window, parts)
                for name in chosen[window]:
                    verdict = assess(self.watch, view, name)
                    fresh[name, verdict.scale, window.start] = verdict
                self._tell()
        return fresh

    def _tell(self) -> None:
        """What is asked on suspicion is counted to the rest: before, nobody knows how much it is."""
        self._done += 1
        self._total = max(self._total, self._done)
        if self.request.progress is not None:
            self.request.progress(self._done, self._total)

    def _view(self, window: Window, parts: Parts) -> WindowView:
        counts = self.windows.counts(window)
        service = self.request.service(window) if self.request.service is not None else None
        facts = facts_of(self.watch, window, counts, self._rows_at, service)
        return WindowView(window, counts, facts, parts, service)

    @cached_property
    def _rows_at(self) -> Mapping[float, int]:
        return self.request.rows_at() if self.request.rows_at is not None else self.windows.rows_at

    def _skipped(self) -> Iterator[str]:
        if self.windows.timeless:
            yield f"{plural(self.windows.timeless, 'prediction')} without an event time, or with one in the future"
        yield from self.ripening.patience()

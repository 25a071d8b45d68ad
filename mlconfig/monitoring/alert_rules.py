"""One rule over the verdicts of its signal, in time: whether it holds, and whether that is news."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import Literal, NamedTuple

from mlconfig.monitoring.persistence import state_of, voters
from mlconfig.records.verdict import Finding, State, Verdict, how_bad
from mlconfig.sections.alerts import AlertRule, Alerts
from mlconfig.sections.monitoring import Monitoring, Persistence

RANK: dict[State, int] = {"ok": 0, "unknown": 0, "suspect": 1, "alert": 2, "lasting": 3}
NEWS = Literal["new", "worse", "wider", "repeated", "ended"]


class News(NamedTuple):
    """Something to say: ``verdict`` is the newest that it rests on, ``voted`` the one whose findings show it.

    ``about``: what is as bad as the rule asks (columns, and what is of no column by its statistic), and ``also``: those of
    it that were not said to be before.
    """

    kind: NEWS
    verdict: Verdict
    voted: Verdict
    about: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()


def rules_of(alerts: Alerts, monitoring: Monitoring) -> dict[str, AlertRule]:
    """The rules by name; ``auto`` is one for each signal, of the signal's name, at ``alert`` to every sink."""
    if alerts.rules == "auto":
        return {name: AlertRule(signal=name) for name in monitoring.signals}
    return dict(alerts.rules)


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The finding furthest over its threshold, in thresholds; drifted ones first."""
    return max(findings, key=how_bad, default=None)


@dataclass
class Course:
    """A rule's course. A signal is as bad as the worst of its scales, each by its newest window that could be judged.

    - An unknown window neither begins nor ends what rules at ``suspect``, ``alert`` and ``lasting`` say.
    - ``normal`` is compared with the worst finding of the newest window that voted, since the state is made of votes: a
      window without a vote in the midst of an episode is not its end.
    - ``unknown`` holds at a scale that was judged before when its newest window could not be, nor so many of its last ones as
      ``persistence.alert`` asks: one quiet hour is no news, an endpoint that fell silent is. Where no scale was ever
      judged it takes as many as ``persistence.lasting`` asks: the first windows are no news, rows that never suffice are.

    Args:
        rule: the rule.
        monitoring: whose votes decide when not being judged counts.
        repeat: after so many seconds it is said again, by the windows' ends.
    """

    rule: AlertRule
    monitoring: Monitoring
    repeat: float
    said: int = 0
    said_at: float = 0.0
    _told: frozenset[str] = frozenset()
    _windows: dict[float, deque[Verdict]] = field(default_factory=dict)
    _newest: dict[float, Verdict] = field(default_factory=dict)
    _voted: dict[float, Verdict] = field(default_factory=dict)

    def follow(self, verdicts: Iterable[Verdict]) -> Iterator[News]:
        """What is to be said as these become known, on top of those before."""
        own = (verdict for verdict in verdicts if verdict.signal == self.rule.signal)
        in_time = sorted(own, key=lambda verdict: (verdict.window.end, verdict.scale))
        for end, together in groupby(in_time, key=lambda verdict: verdict.window.end):
            for verdict in together:
                self._take(verdict)
            news = self._news(end)
            if news is not None:
                yield news

    def holds(self) -> News | None:
        """What it says of the newest windows, whatever was said before."""
        return self._say("new") if self._rank() else None

    def newest(self) -> Verdict | None:
        """The newest window that its end could be seen in; null while there is none."""
        known = self._windows if self.rule.when == "unknown" else self._newest
        return self._say("ended").verdict if known else None

    def _take(self, verdict: Verdict) -> None:
        votes = self._persistence()
        seen = self._windows.setdefault(verdict.scale, deque(maxlen=max(votes.alert[1], votes.lasting[1])))
        if seen and seen[-1].window.start > verdict.window.start:
            return  # an older window that was judged again changes nothing now
        if seen and seen[-1].window.start == verdict.window.start:
            seen.pop()
        seen.append(verdict)
        if verdict.vote is not None:
            self._newest[verdict.scale] = verdict
        if verdict.vote:
            self._voted[verdict.scale] = verdict

    def _persistence(self) -> Persistence:
        signal = self.monitoring.signals.get(self.rule.signal)
        own = signal.persistence if signal is not None else None
        return own or self.monitoring.persistence

    def _news(self, end: float) -> News | None:
        rank = self._rank()
        kind: NEWS | None = None
        if rank > self.said:
            kind = "worse" if self.said else "new"
        elif rank == 0 and self.said:
            kind = "ended"
        elif self.said and end >= self.said_at + self.repeat:
            kind = "repeated"
        elif self.said and self._about() - self._told:
            kind = "wider"
        self.said = max(self.said, rank) if rank else 0
        if kind is None:
            return None
        self.said_at = end
        news = self._say(kind)
        self._told = frozenset() if kind == "ended" else self._told | news.about | voters(news.voted)
        return news

    def _about(self) -> frozenset[str]:
        """Who is as bad as the rule asks at any scale, each by its own votes."""
        if self.rule.when == "unknown":
            return frozenset()
        persistence, found = self._persistence(), set()
        for seen in self._windows.values():
            votes = [voters(verdict) for verdict in seen if verdict.vote is not None]
            found |= {
                voter
                for voter in frozenset().union(*votes)
                if RANK[state_of([voter in who for who in votes], persistence)] >= RANK[self.rule.when]
            }
        return frozenset(found)

    def _say(self, kind: NEWS) -> News:
        if self.rule.when == "unknown":
            scale = next((scale for scale in sorted(self._windows) if self._is_lost(scale)), min(self._windows))
            newest = _with_since(self._windows[scale])
            return News(kind, newest, newest)
        scale = max(self._newest, key=lambda scale: (self._rank_at(scale), RANK[self._newest[scale].state], -scale))
        newest, about = self._newest[scale], self._about()
        voted = newest if kind == "ended" else self._voted.get(scale, newest)
        return News(kind, newest, voted, about, about - self._told if kind == "wider" else frozenset())

    def _rank(self) -> int:
        """How bad it is; 0 while the rule does not hold."""
        if self.rule.when == "unknown":
            return int(any(self._is_lost(scale) for scale in self._windows))
        return max(map(self._rank_at, self._newest), default=0)

    def _rank_at(self, scale: float) -> int:
        if self.rule.when == "unknown" or scale not in self._newest:
            return 0
        rank = RANK[self._newest[scale].state]
        return 0 if rank < RANK[self.rule.when] or self._is_normal(scale) else rank

    def _is_normal(self, scale: float) -> bool:
        voted = self._voted.get(scale)
        finding = worst(voted.findings) if voted is not None else None
        if self.rule.normal is None or finding is None:
            return False
        low, high = self.rule.normal
        return low <= finding.drift_score <= high

    def _is_lost(self, scale: float) -> bool:
        votes, seen = self._persistence(), list(self._windows[scale])
        if self._newest and scale not in self._newest:
            return False
        m, n = votes.alert if self._newest else votes.lasting
        return seen[-1].vote is None and sum(verdict.vote is None for verdict in seen[-n:]) >= m


def _with_since(seen: Sequence[Verdict]) -> Verdict:
    """The newest window, with the start of the first of those in a row that could not be judged."""
    lost = list(takewhile(lambda verdict: verdict.vote is None, reversed(seen)))
    return seen[-1].model_copy(update={"since": lost[-1].window.start}) if lost else seen[-1]

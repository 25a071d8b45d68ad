"""Alerts on the time axis and as a list: each episode from its begin to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlconfig.pages.signal_words import signal_words
from mlconfig.pages.time_axis import TimeAxis
from mlconfig.records.verdict import Alert, State

SHOWN = 8
MOST = 200
"""Older episodes are counted, not written out."""


@dataclass(frozen=True)
class Episode:
    """An alert from when it was said to its end.

    ``place`` and ``length`` are percent of the axis; ``ended`` is null while it lasts; ``said``: how often, its end not
    among them. ``what`` is what was said at its begin, ``latest`` what was said last (at ``latest_at``) where that is other.
    """

    rule: str
    signal: str
    title: str
    severity: str
    state: State
    what: str
    latest: str
    latest_at: float
    advice: str
    action: str
    since: float
    begun: float
    ended: float | None
    said: int
    place: float
    length: float


def episodes(alerts: Sequence[Alert], axis: TimeAxis) -> list[Episode]:
    """Those that touch the axis, the newest first, the ones that last before all."""
    groups: list[list[Alert]] = []
    open_: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in sorted(alerts, key=moment):
        key = alert.version, alert.rule, alert.signal
        if key not in open_:
            if alert.resolved:
                continue
            open_[key] = []
            groups.append(open_[key])
        open_[key].append(alert)
        if alert.resolved:
            del open_[key]
    found = [_episode(group, axis) for group in groups]
    touching = [each for each in found if each.begun <= axis.end and (each.ended is None or each.ended >= axis.start)]
    return sorted(touching, key=lambda each: (each.ended is not None, -each.begun))


def moment(alert: Alert) -> float:
    """When it was said, on the clock that windows go by."""
    return alert.window.end if alert.window is not None else alert.at


def _episode(group: Sequence[Alert], axis: TimeAxis) -> Episode:
    said = [alert for alert in group if not alert.resolved]
    first, last = said[0], said[-1]
    ended = moment(group[-1]) if group[-1].resolved else None
    begun = moment(group[0])
    place = axis.place(begun)
    return Episode(
        rule=last.rule,
        signal=last.signal,
        title=signal_words(last.signal).title,
        severity=last.severity,
        state=last.state,
        what=first.what,
        latest=last.what if last.what != first.what else "",
        latest_at=moment(last),
        advice=last.advice,
        action=last.action,
        since=last.since if last.since is not None else begun,
        begun=begun,
        ended=ended,
        said=len(said),
        place=place,
        length=round(axis.place(axis.end if ended is None else ended) - place, 2),
    )

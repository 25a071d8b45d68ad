"""One column of the inputs or the answers: its distribution, its counts, what was measured, and its way over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlconfig.pages.column_counts import CountRow, count_rows
from mlconfig.pages.distributions import Histogram, Levels, distribution
from mlconfig.pages.signal_words import DISTANCES, column_words, figure, ratio, signal_words, statistic_words
from mlconfig.pages.strips import History, Strip, heat_strip, ratio_bars
from mlconfig.pages.time_axis import TimeAxis
from mlconfig.pages.wording import duration, number, times
from mlconfig.profiles.layout import ColumnLayout
from mlconfig.profiles.profile import Profile
from mlconfig.records.verdict import Finding, Verdict


@dataclass(frozen=True)
class Measured:
    """The newest figure of a signal about this column. ``distances``: what else was measured, in one line."""

    signal: str
    statistic: str
    score: str
    threshold: str
    times: str
    beyond: bool
    window: str
    distances: str
    message: str


@dataclass(frozen=True)
class ColumnCard:
    """One column.

    ``beyond``: a newest window is beyond its limit; ``ratio``: the largest newest multiple of a limit, 0 where nothing was
    judged; ``before``: it was beyond earlier in the period.
    """

    column: str
    name: str
    anchor: str
    order: int
    kind: str
    ratio: float
    ratio_words: str
    beyond: bool
    judged: bool
    before: bool
    picture: Histogram | Levels | None
    counts: tuple[CountRow, ...]
    measured: tuple[Measured, ...]
    heat: Strip | None
    within_bars: str
    beyond_bars: str
    history_words: str

    @property
    def is_histogram(self) -> bool:
        """Numbers or moments."""
        return isinstance(self.picture, Histogram)


def newest_findings(verdicts: Iterable[Verdict]) -> dict[str, list[tuple[Verdict, Finding]]]:
    """By column, of each signal and window length the newest that was judged."""
    newest: dict[tuple[str, float], Verdict] = {}
    for verdict in verdicts:
        key = verdict.signal, verdict.scale
        if verdict.vote is not None and (key not in newest or verdict.window.start > newest[key].window.start):
            newest[key] = verdict
    found: dict[str, list[tuple[Verdict, Finding]]] = {}
    for _, verdict in sorted(newest.items()):
        for finding in verdict.findings:
            if finding.column is not None:
                found.setdefault(finding.column, []).append((verdict, finding))
    return found


def column_cards(
    reference: Profile | None,
    current: Profile | None,
    histories: Mapping[str, History],
    newest: Mapping[str, Sequence[tuple[Verdict, Finding]]],
    axis: TimeAxis,
    prefix: str,
) -> list[ColumnCard]:
    """A card for each column of the profiles, in their order."""
    known = reference or current
    if known is None:
        return []
    return [
        _card(column, (reference, current), histories.get(column.name), newest.get(column.name, ()), axis, (prefix, i))
        for i, column in enumerate(known.layout.columns)
    ]


def _card(
    column: ColumnLayout,
    sides: tuple[Profile | None, Profile | None],
    history: History | None,
    newest: Sequence[tuple[Verdict, Finding]],
    axis: TimeAxis,
    place: tuple[str, int],
) -> ColumnCard:
    largest = max((ratio(finding) for _, finding in newest), default=0.0)
    strip = heat_strip(history, axis) if history is not None else None
    within, beyond = ratio_bars(history) if history is not None else ("", "")
    return ColumnCard(
        column=column.name,
        name=column_words(column.name),
        anchor=f"{place[0]}{place[1]}",
        order=place[1],
        kind=column.kind,
        ratio=round(largest, 3),
        ratio_words=times(largest) if newest else "–",
        beyond=any(finding.is_drift for _, finding in newest),
        judged=bool(newest),
        before=history is not None and bool(history.beyond_cells.any()),
        picture=distribution(*sides, column),
        counts=count_rows(column, *sides),
        measured=tuple(_measured(verdict, finding) for verdict, finding in newest),
        heat=strip,
        within_bars=within,
        beyond_bars=beyond,
        history_words=strip.label if strip is not None else "",
    )


def _measured(verdict: Verdict, finding: Finding) -> Measured:
    others = [
        f"{statistic_words(name)} {number(finding.details[name])}"
        for name in DISTANCES
        if name in finding.details and name != finding.statistic
    ]
    return Measured(
        signal=signal_words(verdict.signal).title,
        statistic=statistic_words(finding.statistic),
        score=figure(finding.statistic, finding.drift_score),
        threshold=figure(finding.statistic, finding.threshold),
        times=times(ratio(finding)),
        beyond=finding.is_drift,
        window=duration(verdict.scale),
        distances=", ".join(others),
        message=finding.message if verdict.signal == "data_quality" and finding.is_drift else "",
    )

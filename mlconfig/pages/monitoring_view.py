"""The monitoring report as its template needs it: everything worked out, nothing escaped yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mlconfig.pages.alert_marks import MOST, SHOWN, Episode, episodes
from mlconfig.pages.column_cards import ColumnCard, column_cards, newest_findings
from mlconfig.pages.monitoring_report import MonitoringReport, VersionChange
from mlconfig.pages.performance import Coverage, Quality, coverage, quality
from mlconfig.pages.strips import Strip, column_histories, state_strip, volume_strip
from mlconfig.pages.time_axis import TimeAxis, time_axis
from mlconfig.pages.verdict_cards import Card, cards
from mlconfig.pages.wording import Clock, count, duration
from mlconfig.records.verdict import State, Verdict
from mlconfig.vocabulary import plural

OPEN_COLUMNS = 12
"""So few columns are all shown at once; of more, only those beyond their limit."""


@dataclass(frozen=True)
class Lane:
    """A signal on the time axis, with its alerts."""

    title: str
    state: State
    state_words: str
    strip: Strip
    alerts: tuple[Episode, ...]


@dataclass(frozen=True)
class Change:
    """A version change on the time axis."""

    change: VersionChange
    place: float


@dataclass(frozen=True)
class View:
    """The page. ``heat``: the inputs and answers that were judged, the worst first."""

    report: MonitoringReport
    clock: Clock
    axis: TimeAxis
    cards: tuple[Card, ...]
    lanes: tuple[Lane, ...]
    changes: tuple[Change, ...]
    volume_bars: str
    volume_largest: str
    volume_words: str
    quality: Quality | None
    coverage: Coverage | None
    inputs: tuple[ColumnCard, ...]
    outputs: tuple[ColumnCard, ...]
    episodes: tuple[Episode, ...]

    @cached_property
    def state(self) -> State:
        """The worst of all signals."""
        return self.cards[0].state if self.cards else "unknown"

    @cached_property
    def headline(self) -> str:
        """What a person must know who reads one line."""
        judged = [card for card in self.cards if card.state != "unknown"]
        bad = [card for card in judged if card.state in ("alert", "lasting")]
        suspected = [card for card in judged if card.state == "suspect"]
        if not self.cards:
            return "Nothing was judged yet: no window is complete."
        if not judged:
            return "Nothing could be judged: too little data."
        if bad:
            return f"{plural(len(bad), 'signal')} {'needs' if len(bad) == 1 else 'need'} a person."
        if suspected:
            return f"{plural(len(suspected), 'signal')} {'is' if len(suspected) == 1 else 'are'} suspected; watch it."
        if once := [card for card in judged if card.beyond]:
            return f"Fine so far; {plural(len(once), 'signal')} beyond the limit in the newest window, too rarely to count."
        return f"All is fine: {plural(len(judged), 'signal')} judged, none beyond its limit."

    @cached_property
    def wrong(self) -> list[Card]:
        """Cards of signals that are not fine."""
        return [card for card in self.cards if card.state in ("suspect", "alert", "lasting")]

    @cached_property
    def quiet(self) -> list[Card]:
        """Cards of those that are fine, or could not be judged."""
        return [card for card in self.cards if card.state in ("ok", "unknown")]

    @cached_property
    def heat(self) -> list[ColumnCard]:
        """Columns of the heat map."""
        return _worst_first([card for card in (*self.outputs, *self.inputs) if card.heat is not None])

    @cached_property
    def noted(self) -> list[ColumnCard]:
        """Inputs that are shown at once."""
        if len(self.inputs) <= OPEN_COLUMNS:
            return _worst_first(self.inputs)
        return _worst_first([card for card in self.inputs if card.beyond])

    @cached_property
    def others(self) -> list[ColumnCard]:
        """Inputs that can be opened."""
        return [card for card in _worst_first(self.inputs) if card not in self.noted]

    @property
    def first_episodes(self) -> Sequence[Episode]:
        """Alerts that are shown at once."""
        return self.episodes[:SHOWN]

    @property
    def more_episodes(self) -> Sequence[Episode]:
        """Alerts that can be opened."""
        return self.episodes[SHOWN:MOST]

    @property
    def left_out(self) -> int:
        """Alerts that are only counted."""
        return max(0, len(self.episodes) - MOST)

    @property
    def every_words(self) -> str:
        """The length of a base window."""
        return duration(self.report.every)

    @property
    def windows_words(self) -> str:
        """How the time axis is cut."""
        cell, every = duration(self.axis.cell), duration(self.report.every)
        return f"each cell is {cell}" + ("" if cell == every else f" of windows of {every}, the worst of them")


def view_of(report: MonitoringReport) -> View:
    """Work out the page."""
    clock = Clock(report.time_zone)
    axis = time_axis(report.period, report.every, clock)
    within = [verdict for verdict in report.verdicts if axis.cells_of(verdict.window)]
    histories, newest = column_histories(within, axis), newest_findings(within)
    outputs, inputs = (
        column_cards(pair.reference, pair.current, histories, newest, axis, prefix)
        for pair, prefix in ((report.outputs, "answer-"), (report.inputs, "column-"))
    )
    anchors = {card.column: card.anchor for card in (*outputs, *inputs)}
    found = cards(within, anchors, report.reference_words, clock)
    told = episodes(report.alerts, axis)
    bars, largest = volume_strip(report.volume, report.every, axis)
    return View(
        report=report,
        clock=clock,
        axis=axis,
        cards=tuple(found),
        lanes=tuple(_lane(card, within, told, axis) for card in found),
        changes=tuple(
            Change(change, axis.place(change.at)) for change in report.changes if axis.start <= change.at <= axis.end
        ),
        volume_bars=bars,
        volume_largest=count(largest),
        volume_words=_volume_words(report, axis),
        quality=quality(within, axis, report.metric),
        coverage=coverage(within, report.volume, axis),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        episodes=tuple(told),
    )


def _lane(card: Card, verdicts: Sequence[Verdict], told: Sequence[Episode], axis: TimeAxis) -> Lane:
    own = [verdict for verdict in verdicts if verdict.signal == card.signal]
    alerts = tuple(episode for episode in told if episode.signal == card.signal)
    return Lane(card.title, card.state, card.state_words, state_strip(own, axis), alerts)


def _volume_words(report: MonitoringReport, axis: TimeAxis) -> str:
    rows = sum(rows for start, rows in report.volume.items() if axis.start <= start < axis.end)
    filled = sum(1 for start, rows in report.volume.items() if rows and axis.start <= start < axis.end)
    windows = max(1, round((axis.end - axis.start) / report.every))
    return f"{plural(rows, 'prediction')} in {count(filled)} of {plural(windows, 'window')}"


def _worst_first(cards_: Sequence[ColumnCard]) -> list[ColumnCard]:
    """Beyond their limit first, then by how near it they are; the recipe's order among equals."""
    return sorted(cards_, key=lambda card: (not card.beyond, -card.ratio, not card.judged))

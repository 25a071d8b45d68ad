"""From votes to verdicts: states by persistence, probable causes, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlconfig.monitoring.cause import advice, probable_cause
from mlconfig.monitoring.persistence import restate

if TYPE_CHECKING:
    from mlconfig.monitoring.watch import Watch
    from mlconfig.records.verdict import Verdict

Found = dict[tuple[str, float, float], "Verdict"]
"""Verdicts by signal, scale and the window's start."""


def finish(watch: Watch, stored: Found, fresh: Found) -> Found:
    """The fresh verdicts with their states and causes, and later ones that they change.

    An earlier window that was scored again may change the states of later ones.
    """
    restated: Found = {}
    series: dict[tuple[str, float], list[Verdict]] = {}
    for key in dict.fromkeys((name, scale) for name, scale, _ in fresh):
        series[key] = _series(key, stored, fresh)
        first = min(start for name, scale, start in fresh if (name, scale) == key)
        signal = watch.monitoring.signals[key[0]]
        gaps = watch.on_suspicion(key[0]) and key[1] < watch.lengths_of(key[0])[0]
        for verdict in restate(series[key], signal.persistence or watch.monitoring.persistence, first, gaps=gaps):
            restated[(*key, verdict.window.start)] = verdict
    whole = {**stored, **restated}
    return {key: _explained(watch, verdict, series[key[:2]], whole) for key, verdict in restated.items()}


def _series(key: tuple[str, float], stored: Found, fresh: Found) -> list[Verdict]:
    """All verdicts of a signal at a scale, oldest first."""
    mine = {start: verdict for (name, scale, start), verdict in (stored | fresh).items() if (name, scale) == key}
    return [mine[start] for start in sorted(mine)]


def _explained(watch: Watch, verdict: Verdict, series: list[Verdict], whole: Found) -> Verdict:
    """With its probable cause and advice; a verdict that votes no has neither."""
    if not verdict.vote:
        return verdict.model_copy(update={"cause": None, "advice": ""}) if verdict.cause or verdict.advice else verdict
    start, scale = verdict.window.start, verdict.scale
    earlier = [other for other in series if other.window.start < start]
    together = {
        name: other
        for name in watch.monitoring.signals
        for other in [whole.get((name, scale, start))]
        if other is not None
    }
    caused = verdict.model_copy(update={"cause": probable_cause(verdict, earlier, together)})
    return caused.model_copy(update={"advice": advice(caused, watch.tags(verdict.signal).reads)})

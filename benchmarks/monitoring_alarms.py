"""What a watched version is told of windows whose truth is known: how often in vain, how late, and for how long.

Windows are judged as a pass judges them (the recipe's defaults, the real detectors, votes and causes); only the folding of
rows into counts is left out where a window is drawn as counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from math import pi, sin
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.monitoring_worlds import AS_ROWS, Shifts, World, make_world
from mlconfig.builtin.detector_psi import Psi
from mlconfig.builtin.metrics_classification import Accuracy
from mlconfig.contracts import Context
from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.detector import Evidence, WindowFacts
from mlconfig.monitoring.assess import WindowView, assess
from mlconfig.monitoring.baseline import Baseline
from mlconfig.monitoring.finish import Found, finish
from mlconfig.monitoring.watch import Watch
from mlconfig.monitoring.window_counts import WindowCounts
from mlconfig.profiles.clusters import find_clusters
from mlconfig.profiles.profile import Profile, fit_layout, profile_of
from mlconfig.profiles.season import WEEK, Season, hours_of_week
from mlconfig.records.columns import PREDICTION_LABEL, PREDICTION_SCORE
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.monitoring import Monitoring
from mlconfig.vocabulary import Window

if TYPE_CHECKING:
    from mlconfig.records.verdict import Verdict

HOUR, DAY = 3600.0, 86_400.0
BEGIN = 20_454 * DAY  # a Thursday
SIGNALS = ("data_quality", "input_drift", "multivariate_drift")
REFERENCE_ROWS = 50_000
ALPHA = 3e-5
"""Of one check, as twenty columns and `monitoring: auto` leave it."""
AMPLITUDE = 0.4
"""Standard deviations of the daily and weekly cycles."""


def make_watch(baseline: Baseline, **monitoring: object) -> Watch:
    """A version of two classes, watched as `monitoring: auto` does; signals not tried here take their part of alpha."""
    section = Monitoring.model_validate({"min_rows": 200, **monitoring})
    catalog = Catalog()
    columns = tuple(SignatureColumn(name=column.name, kind=column.kind) for column in baseline.inputs.layout.columns)
    return Watch(
        "demo",
        "1",
        section,
        Signature(name="demo", task="binary", target="y", classes=("no", "yes"), columns=columns),
        baseline,
        Accuracy(),
        0.9,
        {
            name: catalog.create("detector", signal.name, signal.params, Context())
            for name, signal in section.signals.items()
        },
    )


@dataclass
class Told:
    """All verdicts of a stretch of hours, of one scale or more."""

    verdicts: Found = field(default_factory=dict)

    def of(self, signal: str, scale: float = HOUR) -> list[Verdict]:
        """Of one signal at one scale, oldest first."""
        found = [v for (name, length, _), v in self.verdicts.items() if (name, length) == (signal, scale)]
        return sorted(found, key=lambda verdict: verdict.window.start)

    def votes(self, signals: Iterable[str] = SIGNALS) -> int:
        """Windows with a vote, over all scales."""
        wanted = set(signals)
        return sum(bool(verdict.vote) for (name, _, _), verdict in self.verdicts.items() if name in wanted)

    def episodes(self, signals: Iterable[str] = SIGNALS, states: Iterable[str] = ("alert", "lasting")) -> int:
        """Stretches in these states, of each signal and scale by itself."""
        bad, wanted, count = set(states), set(signals), 0
        for name, scale in {key[:2] for key in self.verdicts if key[0] in wanted}:
            inside = [verdict.state in bad for verdict in self.of(name, scale)]
            count += sum(now and not before for before, now in zip([False, *inside], inside, strict=False))
        return count


@dataclass(frozen=True)
class Trial:
    """Hours drawn from a population, judged against a reference.

    Args:
        watch: with its reference.
        world: the population.
        rows: an hour.
        shifts: of each hour, in standard deviations by column.
        signals: those that are asked.
        spoil: what else happens to an hour's rows.
    """

    watch: Watch
    world: World
    rows: int
    shifts: Callable[[int], Shifts] = lambda _: {}
    signals: tuple[str, ...] = SIGNALS
    spoil: Callable[[dict[str, Any]], None] | None = None

    def watched(self, **monitoring: object) -> Trial:
        """The same, watched otherwise."""
        return replace(self, watch=make_watch(self.watch.baseline, **monitoring))

    def tell(self, hours: int, seed: int, scales: Iterable[float] = (HOUR,)) -> Told:
        """Judge so many hours, and the longer windows that they fill."""
        rng, fresh = np.random.default_rng(seed), Found()
        open_windows: dict[float, list[Profile]] = {scale: [] for scale in scales}
        for hour in range(hours):
            profile = self._drawn(rng, hour)
            end = BEGIN + (hour + 1) * HOUR
            for scale, parts in open_windows.items():
                parts.append(profile)
                if end % scale == 0 and len(parts) * HOUR == scale:
                    whole = reduce(Profile.merge, parts)
                    fresh |= self._judged(whole, Window(start=end - scale, end=end), scale)
                if end % scale == 0:
                    parts.clear()
        return Told(finish(self.watch, {}, fresh))

    def _drawn(self, rng: np.random.Generator, hour: int) -> Profile:
        if self.spoil is None:
            return self.world.window(rng, self.rows, self.shifts(hour))
        rows = self.world.rows(rng, self.rows, self.shifts(hour))
        self.spoil(rows)
        return profile_of(self.world.layout, rows)

    def _judged(self, profile: Profile, window: Window, scale: float) -> Found:
        counts = WindowCounts(profile, self.watch.counter.nothing.outputs, None)
        view = WindowView(window, counts, WindowFacts(profile.rows, float(profile.rows)))
        return {(name, scale, window.start): assess(self.watch, view, name) for name in self.signals}


def null_trial(rows: int, seed: int = 1) -> Trial:
    """Nothing differs: windows and reference of one population."""
    world, reference = make_world(seed, REFERENCE_ROWS)
    return Trial(make_watch(Baseline(reference)), world, rows)


def shifted_trial(
    rows: int, shifts: Callable[[int], Shifts], seed: int = 1, spoil: Callable[[dict[str, Any]], None] | None = None
) -> Trial:
    """Columns move, hour by hour."""
    return replace(null_trial(rows, seed), shifts=shifts, spoil=spoil)


def every_column(shift: float) -> Mapping[str, float]:
    """All numeric columns move together."""
    return {f"x{i}": shift for i in range(14)}


def delay_of(told: Told, state: str, since: int = 0, signal: str = "input_drift") -> int | None:
    """Windows from hour ``since`` until the first in a state (its own window counted); null where none is."""
    states = [verdict.state for verdict in told.of(signal)][since:]
    worse = {"suspect": {"suspect", "alert", "lasting"}, "alert": {"alert", "lasting"}, "lasting": {"lasting"}}[state]
    return next((place + 1 for place, found in enumerate(states) if found in worse), None)


def daily(hour: int, columns: Iterable[str]) -> Shifts:
    """A cycle of the day."""
    return dict.fromkeys(columns, AMPLITUDE * sin(2 * pi * hour / 24))


def weekly(hour: int, columns: Iterable[str]) -> Shifts:
    """Weekends differ by a whole standard deviation."""
    weekday = int((BEGIN + hour * HOUR) // DAY + 3) % 7
    return dict.fromkeys(columns, 1.0 if weekday >= 5 else 0.0)


def season_trial(rows: int, days: int, shifts: Callable[[int], Shifts], seed: int = 1) -> Trial:
    """A reference of so many weeks, in days, that has the cycle as well, by the hour of the week."""
    world, _ = make_world(seed, REFERENCE_ROWS)
    rng, cells = np.random.default_rng(seed + 1), dict[int, Profile]()
    for hour in range(-WEEK, 0):
        start = BEGIN + hour * HOUR
        place = min(hours_of_week(Window(start=start, end=start + HOUR), "UTC"))
        missing, drawn = days // 7 * rows, []
        while missing:
            drawn.append(world.window(rng, min(missing, AS_ROWS), shifts(hour)))
            missing -= drawn[-1].rows
        cells[place] = reduce(Profile.merge, drawn)
    baseline = Baseline(reduce(Profile.merge, cells.values()), season=Season(cells, float(days)))
    return Trial(make_watch(baseline), world, rows, shifts)


def step(column: str, sigma: float, first: int, last: int = 10**9) -> Callable[[int], Shifts]:
    """A column moves in some hours."""
    return lambda hour: {column: sigma} if first <= hour < last else {}


def alike_trial(rows: int, days: int, spread: float, seed: int = 1) -> Trial:
    """Six columns move from day to day by so many standard deviations, in the reference as in the windows."""
    world, _ = make_world(seed, REFERENCE_ROWS)
    parts = [world.rows(np.random.default_rng([seed, day]), rows, moved_days(-1 - day, spread)) for day in range(days)]
    columns = {name: _joined([part[name] for part in parts]) for name in parts[0]}
    wall = np.concatenate([BEGIN - (day + 1) * DAY + np.arange(rows) / rows * DAY for day in range(days)])
    layout = world.layout
    baseline = Baseline(profile_of(layout, columns), clusters=find_clusters(layout, columns, wall))
    return Trial(make_watch(baseline), world, rows // 24, lambda hour: moved_days(hour // 24, spread))


def moved_days(day: int, spread: float) -> Shifts:
    """What a day is like."""
    rng = np.random.default_rng([7, day % 10**6])
    return {f"x{i}": spread * float(rng.standard_normal()) for i in range(6)}


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pa.chunked_array(parts).combine_chunks()


def answers_against_few(reference_rows: int, rows: int, seed: int, windows: int = 8) -> list[bool]:
    """Votes of windows of a classifier's answers whose reference is as small as a held-out part."""
    rng = np.random.default_rng(seed)
    kinds: Any = {PREDICTION_LABEL: "categorical", PREDICTION_SCORE: "numeric"}
    held_out = _answers(rng, reference_rows)
    layout = fit_layout(held_out, kinds)
    reference, detector = profile_of(layout, held_out), Psi(Psi.Params())
    evidence = Evidence(reference, reference, tuple(kinds), ALPHA, report=())
    drawn = (replace(evidence, current=profile_of(layout, _answers(rng, rows))) for _ in range(windows))
    return [any(finding.is_drift for finding in detector.check(window)) for window in drawn]


def _answers(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    scores = rng.beta(0.5, 2.0, rows)
    return {PREDICTION_LABEL: np.where(scores < 0.5, "no", "yes").astype(object), PREDICTION_SCORE: scores}

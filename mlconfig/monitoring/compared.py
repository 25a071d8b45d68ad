"""Which reference a window is compared with: all of it, or the rows of the window's own hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mlconfig.sections.monitoring import OUTPUT_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlconfig.monitoring.baseline import Baseline
    from mlconfig.monitoring.watch import Watch
    from mlconfig.profiles import clusters
    from mlconfig.profiles.profile import Profile
    from mlconfig.profiles.season import Level, Season
    from mlconfig.vocabulary import Window

SEASON_DAYS: dict[Level, float] = {"hour": 14.0, "weekday": 56.0}
"""How long a reference must be before `season: auto` trusts it with hours of the day, or of the week."""
SEASON_ROWS = 2000
"""Rows of certain hours that `season: auto` wants, or as many as the window has: with fewer, small shifts would be missed."""
TIMES_THE_WINDOW = 10
"""A reference that is small must at least be so many times a window's rows."""
PARTS_OF_THE_WINDOW = 10
"""A reference of answers, or of certain hours, holds at least such a part of a window's rows; thresholds allow for its size."""
_WORDS: dict[Level, str] = {"hour": "at these hours of the day", "weekday": "at these hours of the week"}


class Compared(NamedTuple):
    """A reference and what it is, in words; ``level``: all of it, or only some hours. ``problem``: why there is none."""

    profile: Profile | None
    words: str = ""
    level: clusters.Level = "all"
    problem: str = ""


def reference_of(watch: Watch, name: str, window: Window, rows: int) -> Compared:
    """What a signal compares a window of so many rows with."""
    answers, settings = name in OUTPUT_SIGNALS, watch.monitoring.reference
    words = "held-out rows" if answers else "training rows"
    base: Baseline | None = watch.baseline
    if settings.use == "production":
        base, words = watch.production, f"rows of {period_words(watch)}"
    whole = None if base is None else base.outputs if answers else base.inputs
    if base is None or whole is None:
        return Compared(None, problem=_nothing(watch, answers, words))
    season = base.output_season if answers else base.season
    found = (
        None if season is None or settings.season == "none" else _seasonal(settings.season, season, window, rows, words)
    )
    return found or Compared(whole, words)


def period_words(watch: Watch) -> str:
    """The stretch of production that is compared with."""
    period = watch.monitoring.reference.period
    assert period is not None
    return f"{period.since} to {period.until}"


def _nothing(watch: Watch, answers: bool, words: str) -> str:
    if watch.monitoring.reference.use == "production":
        return (
            f"no {words} {'that this version answered ' if answers and watch.production is not None else ''}are logged"
        )
    return "the version was packaged before answers were profiled; a retrain makes their reference"


def _seasonal(wanted: str, season: Season, window: Window, rows: int, words: str) -> Compared | None:
    """The finest reference that is long enough and holds enough rows; as told, whatever it holds, where the recipe chose it."""
    levels: tuple[Level, ...] = ("weekday", "hour")
    for level in levels if wanted == "auto" else tuple(each for each in levels if each == wanted):
        if wanted == "auto" and season.days < SEASON_DAYS[level]:
            continue
        profile = season.at(window, level)
        if profile is not None and profile.rows >= (min(rows, SEASON_ROWS) if wanted == "auto" else 1):
            return Compared(profile, f"{words} {_WORDS[level]}", level=level)
    return None


def too_small(watch: Watch, name: str, compared: Compared, rows: int) -> str:
    """Why a reference says nothing about a window of so many rows; empty when it does."""
    if compared.profile is None:
        return compared.problem
    reference, wanted = compared.profile.rows, watch.monitoring.reference.min_rows
    if not watch.tags(name).large_reference:
        return ""
    if compared.level != "all" or name in OUTPUT_SIGNALS:
        least = min(wanted, -(-rows // PARTS_OF_THE_WINDOW))
        return "" if reference >= least else f"the reference has {reference} {compared.words}, and {least} are needed"
    if reference < min(wanted, TIMES_THE_WINDOW * rows):
        return (
            f"the reference has {reference} rows; {wanted} are needed, or {TIMES_THE_WINDOW} times the window's {rows}"
        )
    return ""


def worth_of(watch: Watch, name: str, window: Window, rows: int, compared: Compared) -> Mapping[str, clusters.Worth]:
    """What the rows of a window are worth by column, where they are alike; as the training rows showed."""
    found = watch.baseline.output_clusters if name in OUTPUT_SIGNALS else watch.baseline.clusters
    return {} if found is None else found.worth(compared.level, window.end - window.start, rows)

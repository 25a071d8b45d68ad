"""What is watched: the signals of the recipe, without those of ours that have nothing to say about its model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from mlconfig.compiler.bench import Bench, listed
from mlconfig.contracts import DetectorTags
from mlconfig.errors import PluginError
from mlconfig.recipe.places import DEFAULT
from mlconfig.sections.monitoring import STANDARD_SIGNALS, Monitoring, Signal
from mlconfig.vocabulary import FrozenDict

if TYPE_CHECKING:
    from mlconfig.vocabulary import Task

DETECTOR_OF_TASK: dict[tuple[str, Task], str] = {("estimated_performance", "regression"): "dle"}
"""Standard signals whose detector another task replaces, where the recipe names none."""


def path_of(signal: str) -> str:
    """Where the recipe says it."""
    return f"monitoring.signals.{signal}"


def declared_signals(bench: Bench) -> dict[str, Signal]:
    """All signals of the recipe, each with the detector that its task asks for; none where monitoring is off."""
    monitoring = bench.recipe.monitoring
    signals = monitoring.signals.items() if monitoring is not None else ()
    return {name: _of_task(bench, name, signal) for name, signal in signals}


def _of_task(bench: Bench, name: str, signal: Signal) -> Signal:
    detector = DETECTOR_OF_TASK.get((name, bench.recipe.task))
    implied = not is_asked_for(bench, name) or bench.recipe.origin(f"{path_of(name)}.name") == DEFAULT
    standard = signal.name == STANDARD_SIGNALS.get(name, {}).get("name")
    return signal.model_copy(update={"name": detector}) if detector and standard and implied else signal


def is_asked_for(bench: Bench, name: str) -> bool:
    """Whether the recipe itself or an override asks for a signal: what does not apply then is a mistake.

    A group's file is shared by recipes that differ, and a standard signal with each of its defaults written out, as in what
    `mlconfig show` prints, says no more than `auto`.
    """
    path, recipe = path_of(name), bench.recipe
    assert recipe.monitoring is not None
    if not recipe.written_here(path):
        return False
    says_no_more = recipe.monitoring.signals[name] == Monitoring().signals.get(name)
    return not (says_no_more and all(recipe.written(f"{path}.{key}") for key in Signal.model_fields))


def why_not(bench: Bench, detector: str, tags: DetectorTags) -> tuple[str, str] | None:
    """Why a detector has nothing to say about the recipe's model, and what to do; null where it has."""
    if bench.recipe.task not in tags.tasks:
        return f"`{detector}` is for {listed(tags.tasks)}, the task is {bench.recipe.task}", "remove it"
    if tags.needs_groups and not bench.recipe.evaluation.fairness.groups:
        return f"`{detector}` compares groups, and there are none", "name columns in evaluation.fairness.groups"
    if "service" in tags.reads and bench.recipe.monitoring is not None and bench.recipe.monitoring.time == "event":
        return (
            f"`{detector}` counts requests by the clock, and monitoring.time is `event`",
            "remove it, or watch by arrival",
        )
    return None


def why_unwatched(bench: Bench, name: str) -> tuple[str, str] | None:
    """Why a signal of the recipe is left out, and what to do; null where it is watched, or is none of the recipe's."""
    signal = declared_signals(bench).get(name)
    if signal is None or name in watched_signals(bench):
        return None
    tags = tags_of(bench, signal.name)
    return why_not(bench, signal.name, tags) if tags is not None else None


def tags_of(bench: Bench, detector: str) -> DetectorTags | None:
    """A detector's abilities; null where there is no such detector, which the checks tell."""
    try:
        return cast("DetectorTags", bench.catalog.load("detector", detector).tags)
    except PluginError:
        return None


def watched_signals(bench: Bench) -> dict[str, Signal]:
    """The signals that are looked at."""
    found = {name: (signal, tags_of(bench, signal.name)) for name, signal in declared_signals(bench).items()}
    return {
        name: signal
        for name, (signal, tags) in found.items()
        if tags is None or is_asked_for(bench, name) or why_not(bench, signal.name, tags) is None
    }


def watched(bench: Bench) -> Monitoring | None:
    """The section as the plan holds it: with the signals that are looked at, and no other."""
    monitoring = bench.recipe.monitoring
    if monitoring is None:
        return None
    return monitoring.model_copy(update={"signals": FrozenDict(watched_signals(bench))})


def notices(bench: Bench) -> tuple[str, ...]:
    """What somebody should know before watching: of the detectors (a licence, say), each once, and what is not watched."""
    detectors = dict.fromkeys(signal.name for signal in watched_signals(bench).values())
    said = ((name, tags.notice) for name in detectors if (tags := tags_of(bench, name)) is not None)
    by_notice: dict[str, list[str]] = {}
    for name, notice in said:
        by_notice.setdefault(notice, []).append(f"`{name}`")
    told = (f"{', '.join(names)}: {notice}" for notice, names in by_notice.items() if notice)
    return (*told, *_unwatched_groups(bench), *_unwatched_columns(bench))


def _unwatched_columns(bench: Bench) -> Iterator[str]:
    """Of a personal feature the log holds nothing that could be counted."""
    governance, features = bench.recipe.governance, bench.recipe.features
    hidden = [f"`{name}`" for name in governance.pii if features.names(name)]
    if hidden:
        yield f"{', '.join(hidden)}: predicted from and not watched, as personal (governance.pii); no drift in it is seen"


def _unwatched_groups(bench: Bench) -> Iterator[str]:
    """Who names groups believes that they are watched, where a signal could."""
    groups = bench.recipe.evaluation.fairness.groups
    for name, signal in declared_signals(bench).items() if groups else ():
        tags, reason = tags_of(bench, signal.name), why_unwatched(bench, name)
        if tags is not None and tags.needs_groups and reason is not None:
            yield f"evaluation.fairness is measured on held-out rows and not watched: {reason[0]}"

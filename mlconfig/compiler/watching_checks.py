"""Checks of monitoring, alerts and triggers that need a plugin's abilities."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.compiler.watching import (
    declared_signals,
    is_asked_for,
    path_of,
    tags_of,
    watched_signals,
    why_not,
)
from mlconfig.contracts import DetectorTags, SinkTags, TriggerTags
from mlconfig.sections.monitoring import OUTPUT_SIGNALS, Signal
from mlconfig.vocabulary import AUTO, format_duration


def check_watching(bench: Bench) -> None:
    """Detectors, sinks and triggers, and what is said beside them."""
    recipe = bench.recipe
    for name, signal in declared_signals(bench).items():
        tags = bench.plugin("detector", DetectorTags, f"{path_of(name)}.name", signal.name, signal.params)
        if tags is not None and is_asked_for(bench, name):
            _check_signal(bench, name, signal, tags)
    for name, sink in recipe.alerts.sinks.items():
        bench.plugin("sink", SinkTags, f"alerts.sinks.{name}.name", sink.name, sink.params)
    _check_rules(bench)
    for name, params in recipe.retraining.when.items() if recipe.retraining is not None else ():
        path = f"retraining.when.{name}"
        trigger = bench.plugin("trigger", TriggerTags, path, name, params)
        if trigger is not None and trigger.needs_monitoring and recipe.monitoring is None:
            bench.problem(path, f"`{name}` reads monitoring's verdicts, and monitoring is switched off")


def _check_signal(bench: Bench, name: str, signal: Signal, tags: DetectorTags) -> None:
    """A signal that was asked for can say something, and obeys each of its keys."""
    path, reason = path_of(name), why_not(bench, signal.name, tags)
    if reason is not None:
        bench.problem(path, *reason)
        return
    if signal.report is not None and not tags.reports:
        what = f"has no effect: `{signal.name}` tells no other distances"
        bench.problem(f"{path}.report", what, "remove it")
    _check_columns(bench, name, signal, tags)
    _check_pace(bench, name, signal)


def _check_columns(bench: Bench, name: str, signal: Signal, tags: DetectorTags) -> None:
    columns, path = signal.columns, f"{path_of(name)}.columns"
    if columns == AUTO:
        return
    if not tags.columnwise and not tags.reads & {"profile", "rows"}:
        bench.problem(path, f"has no effect: `{signal.name}` looks at no columns", "remove it")
    elif columns.top is not None and name in OUTPUT_SIGNALS:
        bench.problem(path, "`top` chooses among the features, and this signal looks at the answers", "remove it")
    elif columns.names is not None and name not in OUTPUT_SIGNALS:
        _check_names(bench, path, columns.names)


def _check_names(bench: Bench, path: str, names: tuple[str, ...]) -> None:
    """Only features are profiled; which those are under `auto` is known once the data is read."""
    features, target = bench.recipe.features, bench.recipe.data.target
    if not names:
        bench.problem(path, "names no column, so nothing is looked at", "write auto, or `none` for the signal")
    for column in names:
        left_out = column in features.exclude or column == target
        if left_out or (features.include != AUTO and column not in features.include):
            bench.problem(path, f"`{column}` is no feature, and only features are watched", "remove it")


def _check_pace(bench: Bench, name: str, signal: Signal) -> None:
    monitoring, path = bench.recipe.monitoring, f"{path_of(name)}.every"
    if monitoring is None or signal.every is None or not bench.recipe.written_here(path):
        return
    if signal.every % monitoring.every:
        every = format_duration(monitoring.every)
        what = f"{format_duration(signal.every)} is no multiple of monitoring.every, {every}"
        bench.problem(path, what, "windows are put together out of those of monitoring.every")


def _check_rules(bench: Bench) -> None:
    """A rule about a standard signal that is left out, because it does not apply, would never speak."""
    rules = bench.recipe.alerts.rules
    if rules == AUTO:
        return
    signals = declared_signals(bench)
    left_out = signals.keys() - watched_signals(bench).keys()
    for name, rule in rules.items():
        signal = signals.get(rule.signal)
        tags = tags_of(bench, signal.name) if signal is not None and rule.signal in left_out else None
        reason = why_not(bench, signal.name, tags) if signal is not None and tags is not None else None
        if reason is not None:
            bench.problem(f"alerts.rules.{name}.signal", f"`{rule.signal}` is not watched: {reason[0]}", reason[1])

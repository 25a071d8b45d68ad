"""Checks of monitoring, alerts and triggers that need a plugin's abilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from mlconfig.compiler.bench import Bench, listed
from mlconfig.compiler.watching import declared_signals, is_asked_for, path_of, why_not, why_unwatched
from mlconfig.contracts import DetectorTags, MetricTags, SinkTags, TriggerTags
from mlconfig.errors import PluginError
from mlconfig.recipe.rule import nearest
from mlconfig.records.columns import answer_kinds
from mlconfig.sections.monitoring import OUTPUT_SIGNALS, Monitoring, Signal
from mlconfig.vocabulary import AUTO, format_duration


def check_watching(bench: Bench) -> None:
    """Detectors, sinks and triggers, and what is said beside them."""
    recipe = bench.recipe
    for name, signal in declared_signals(bench).items():
        tags = bench.plugin("detector", DetectorTags, f"{path_of(name)}.name", signal.name, signal.params)
        if tags is not None and is_asked_for(bench, name):
            _check_signal(bench, name, signal, tags)
        if tags is not None and tags.bounds_metric:
            _check_bounds(bench, name, signal)
    for name, sink in recipe.alerts.sinks.items():
        bench.plugin("sink", SinkTags, f"alerts.sinks.{name}.name", sink.name, sink.params)
    _check_scales(bench)
    _check_rules(bench)
    for name, params in recipe.retraining.when.items() if recipe.retraining is not None else ():
        path = f"retraining.when.{name}"
        trigger = bench.plugin("trigger", TriggerTags, path, name, params)
        if trigger is None or not trigger.needs_monitoring:
            continue
        if recipe.monitoring is None:
            bench.problem(path, f"`{name}` reads monitoring's verdicts, and monitoring is switched off")
        else:
            _check_read_signals(bench, f"{path}.signals", params.get("signals", ()))


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
    elif columns.names == ():
        bench.problem(path, "names no column, so nothing is looked at", "write auto, or `none` for the signal")
    elif columns.names is not None:
        check = _check_answers if name in OUTPUT_SIGNALS else _check_features
        check(bench, path, columns.names)
        _check_kinds(bench, name, signal, tags)


def _check_answers(bench: Bench, path: str, names: tuple[str, ...]) -> None:
    known = answer_kinds(bench.recipe.task)
    for column in names:
        if column not in known:
            bench.problem(path, f"an answer has no column `{column}`", nearest(column, known))


def _check_features(bench: Bench, path: str, names: tuple[str, ...]) -> None:
    """Only features are profiled; which those are under `auto` is known once the data is read."""
    features, target = bench.recipe.features, bench.recipe.data.target
    for column in names:
        left_out = column in features.exclude or column == target
        if left_out or (features.include != AUTO and column not in features.include):
            bench.problem(path, f"`{column}` is no feature, and only features are watched", "remove it")


def _check_kinds(bench: Bench, name: str, signal: Signal, tags: DetectorTags) -> None:
    """A detector that cannot compare a column would be silent about it. What `auto` infers is known once the data is read."""
    assert signal.columns != AUTO
    declared = {column: each.kind for column, each in bench.recipe.features.columns.items()}
    kinds = answer_kinds(bench.recipe.task) if name in OUTPUT_SIGNALS else declared
    for column in signal.columns.names or ():
        kind = kinds.get(column, AUTO)
        if kind not in {AUTO, *tags.kinds}:
            what = f"`{column}` is {kind}, and `{signal.name}` compares {listed(tags.kinds)} columns only"
            hint = "take it out, or compare it with chi2, js or psi"
            bench.problem(f"{path_of(name)}.columns", what, hint)


def _check_pace(bench: Bench, name: str, signal: Signal) -> None:
    monitoring, path = bench.recipe.monitoring, f"{path_of(name)}.every"
    if monitoring is None or signal.every is None or not bench.recipe.written_here(path):
        return
    if signal.every % monitoring.every:
        every = format_duration(monitoring.every)
        what = f"{format_duration(signal.every)} is no multiple of monitoring.every, {every}"
        bench.problem(path, what, "windows are put together out of those of monitoring.every")


def _check_bounds(bench: Bench, name: str, signal: Signal) -> None:
    """A bound on the metric's good side lets everything pass."""
    try:
        greater = cast("MetricTags", bench.catalog.load("metric", bench.metric).tags).greater_is_better
    except PluginError:
        return  # the checks of the metric tell it
    wrong, right, word = ("max", "min", "more") if greater else ("min", "max", "less")
    if signal.params.get(wrong) is not None:
        what = f"has no effect: of the metric `{bench.metric}`, {word} is better"
        accepted = "lowest" if greater else "highest"
        bench.problem(f"{path_of(name)}.params.{wrong}", what, f"`{right}` is the {accepted} value that is accepted")


def _check_scales(bench: Bench) -> None:
    """Each scale that the recipe itself writes is a window of its own; the default suits any pace."""
    monitoring, path = bench.recipe.monitoring, "monitoring.scales"
    if monitoring is None or not bench.recipe.written_here(path) or monitoring.scales == Monitoring().scales:
        return
    every, hint = format_duration(monitoring.every), "windows are put together out of those of monitoring.every"
    for scale in dict.fromkeys(monitoring.scales):
        length = format_duration(scale)
        if monitoring.scales.count(scale) > 1:
            bench.problem(path, f"{length} is named twice", "name it once")
        if scale < monitoring.every:
            bench.problem(path, f"{length} is shorter than monitoring.every, {every}, so nothing is seen by it", hint)
        elif scale % monitoring.every:
            bench.problem(path, f"{length} is no multiple of monitoring.every, {every}", hint)


def _check_rules(bench: Bench) -> None:
    """A rule about a standard signal that is left out, because it does not apply, would never speak."""
    rules = bench.recipe.alerts.rules
    for name, rule in rules.items() if rules != AUTO else ():
        _check_watched(bench, f"alerts.rules.{name}.signal", rule.signal)


def _check_read_signals(bench: Bench, path: str, names: str | Sequence[str]) -> None:
    """The signals that the recipe itself names in a trigger; of a trigger's own list those that are watched count."""
    declared = declared_signals(bench)
    for name in (names,) if isinstance(names, str) else names:
        if name not in declared:
            bench.problem(path, f"there is no signal `{name}` in monitoring.signals", nearest(name, declared))
        else:
            _check_watched(bench, path, name)


def _check_watched(bench: Bench, path: str, name: str) -> None:
    reason = why_unwatched(bench, name)
    if reason is not None:
        bench.problem(path, f"`{name}` is not watched: {reason[0]}", reason[1])

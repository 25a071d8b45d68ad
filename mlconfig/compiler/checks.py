"""Checks that need a plugin's abilities or span the whole recipe; each notes all that it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mlconfig.compiler.bench import PROPERTIES, Bench
from mlconfig.compiler.learning import train_step
from mlconfig.compiler.space import target_of
from mlconfig.contracts import (
    DetectorTags,
    ExporterTags,
    MetricTags,
    ModelTags,
    SearcherTags,
    SinkTags,
    SourceTags,
    TransformTags,
    TriggerTags,
)
from mlconfig.plan.bind import put
from mlconfig.plan.steps import TrainStep
from mlconfig.recipe.validate import problems_of
from mlconfig.sections import Dimension
from mlconfig.vocabulary import parse_duration, parse_size


def check(bench: Bench) -> None:
    """Every plugin, its params and abilities, the gates' units and the searched paths."""
    recipe = bench.recipe
    bench.plugin("source", SourceTags, "data.source.name", recipe.data.source.name, recipe.data.source.params)
    _check_features(bench)
    _check_model(bench)
    _check_metrics(bench)
    _check_packaging(bench)
    if recipe.tuning.space:
        searcher = recipe.tuning.searcher
        bench.plugin("searcher", SearcherTags, "tuning.searcher.name", searcher.name, searcher.params)
    _check_watching(bench)
    if not bench.problems:  # a searched path is checked by putting values into a step, which needs all plugins
        _check_space(bench)


def _check_features(bench: Bench) -> None:
    features = bench.recipe.features
    for kind, chain in features.kinds.items():
        _check_chain(bench, f"features.kinds.{kind}", chain, kind)
    for name, column in features.columns.items():
        if column.transforms is not None:
            _check_chain(bench, f"features.columns.{name}.transforms", column.transforms, column.kind)


def _check_chain(bench: Bench, path: str, chain: Mapping[str, Mapping[str, Any]], kind: str) -> None:
    for name, params in chain.items():
        tags = bench.plugin("transform", TransformTags, f"{path}.{name}", name, params)
        if tags is None:
            continue
        if kind != "auto" and kind not in tags.kinds:
            bench.problem(f"{path}.{name}", f"`{name}` does not take {kind} columns, only {_list(tags.kinds)}")
        if not tags.exports_onnx and bench.recipe.packaging.exporter.name == "onnx":
            bench.problem(
                f"{path}.{name}", f"`{name}` cannot be exported to ONNX", "choose another transform or exporter"
            )
        kind = tags.gives or kind


def _check_model(bench: Bench) -> None:
    recipe = bench.recipe
    tags = bench.plugin("model", ModelTags, "model.name", recipe.model.name, recipe.model.params)
    if tags is None:
        return
    if recipe.task not in tags.tasks:
        bench.problem("model.name", f"`{recipe.model.name}` cannot do the task {recipe.task}, only {_list(tags.tasks)}")
    if recipe.packaging.exporter.name == "onnx" and not tags.exports_onnx:
        bench.problem(
            "model.name", f"`{recipe.model.name}` cannot be exported to ONNX", "choose another model or exporter"
        )
    if recipe.written("model.early_stopping") and recipe.model.early_stopping != "none" and not tags.has_rounds:
        bench.problem(
            "model.early_stopping", f"`{recipe.model.name}` has no rounds, so this has no effect", "remove it"
        )


def _check_metrics(bench: Bench) -> None:
    evaluation = bench.recipe.evaluation
    paths = dict.fromkeys(evaluation.metrics, "evaluation.metrics")
    paths |= {name: f"evaluation.gates.{name}" for name in evaluation.gates if name not in PROPERTIES}
    paths |= {bench.metric: "evaluation.metric"}
    for name, path in paths.items():
        tags = bench.plugin("metric", MetricTags, path, name)
        if tags is not None and bench.recipe.task not in tags.tasks:
            bench.problem(path, f"the metric `{name}` is for {_list(tags.tasks)}, the task is {bench.recipe.task}")
    for name, gate in evaluation.gates.items():
        for bound in ("min", "max"):
            _check_bound(bench, f"evaluation.gates.{name}.{bound}", name, getattr(gate, bound))


def _check_bound(bench: Bench, path: str, gate: str, bound: float | str | None) -> None:
    if bound is None:
        return
    parse = {"size": parse_size, "latency_p99": parse_duration}.get(gate)
    if parse is None and isinstance(bound, str):
        bench.problem(path, f"`{bound}` is no number")
    if parse is None:
        return
    try:
        parse(bound)
    except ValueError as error:
        bench.problem(path, str(error))


def _check_packaging(bench: Bench) -> None:
    exporter = bench.recipe.packaging.exporter
    bench.plugin("exporter", ExporterTags, "packaging.exporter.name", exporter.name, exporter.params)


def _check_watching(bench: Bench) -> None:
    recipe = bench.recipe
    for name, signal in recipe.monitoring.signals.items() if recipe.monitoring is not None else ():
        bench.plugin("detector", DetectorTags, f"monitoring.signals.{name}.name", signal.name, signal.params)
    for name, sink in recipe.alerts.sinks.items():
        bench.plugin("sink", SinkTags, f"alerts.sinks.{name}.name", sink.name, sink.params)
    for name, params in recipe.retraining.when.items() if recipe.retraining is not None else ():
        path = f"retraining.when.{name}"
        tags = bench.plugin("trigger", TriggerTags, path, name, params)
        if tags is not None and tags.needs_monitoring and recipe.monitoring is None:
            bench.problem(path, f"`{name}` reads monitoring's verdicts, and monitoring is switched off")


def _check_space(bench: Bench) -> None:
    template = train_step(bench)
    for path, dimension in bench.recipe.tuning.space.items():
        where = f"tuning.space.{path}"
        target = target_of(path)
        if target is None:
            bench.problem(where, "only paths of model, features and data.split can be searched")
            continue
        for value in _probes(dimension):
            if not _fits(bench, template, where, target.path, value):
                break


def _probes(dimension: Dimension) -> tuple[Any, ...]:
    return tuple(dimension.int_ or dimension.float_ or dimension.choice or ())


def _fits(bench: Bench, template: TrainStep, where: str, path: tuple[str, ...], value: Any) -> bool:
    try:
        step = put(template, path, value)
        bench.catalog.params("model", step.model.name, step.model.params)
    except ValidationError as error:
        faults = problems_of(error, where, bench.recipe.place)
        bench.problem(where, f"the value {value} does not fit: {faults[0].what}", faults[0].hint)
        return False
    return True


def _list(words: frozenset[Any]) -> str:
    return ", ".join(sorted(words))

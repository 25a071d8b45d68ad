"""Checks that need a plugin's abilities or span the whole recipe; each notes all that it finds."""

from __future__ import annotations

from mlconfig.compiler.bench import PROPERTIES, Bench, listed
from mlconfig.compiler.learning_checks import check_features, check_model
from mlconfig.compiler.serving_checks import check_serving
from mlconfig.compiler.space_checks import check_space
from mlconfig.compiler.watching_checks import check_watching
from mlconfig.contracts import ExporterTags, MetricTags, SearcherTags, SourceTags
from mlconfig.contracts.catalog import Catalog
from mlconfig.errors import PluginError
from mlconfig.vocabulary import parse_duration, parse_size


def check(bench: Bench) -> None:
    """Every plugin, its params and abilities, the gates' units and the searched paths."""
    recipe = bench.recipe
    _check_files(bench)
    bench.plugin("source", SourceTags, "data.source.name", recipe.data.source.name, recipe.data.source.params)
    check_features(bench)
    check_model(bench)
    _check_metrics(bench)
    _check_packaging(bench)
    if recipe.tuning.space:
        searcher = recipe.tuning.searcher
        bench.plugin("searcher", SearcherTags, "tuning.searcher.name", searcher.name, searcher.params)
    check_watching(bench)
    check_serving(bench)
    if not bench.problems:  # a searched path is checked by putting values into a step, which needs all plugins
        check_space(bench)


def _check_files(bench: Bench) -> None:
    """A project's file that cannot be loaded is told once, and not again for each plugin that is looked for in it."""
    sound: list[str] = []
    for number, file in enumerate(bench.recipe.plugins):
        try:
            Catalog(bench.catalog.project, (file,)).list("source")
        except PluginError as error:
            bench.problem(f"plugins.{number}", f"{error.where}: {error.what}".removeprefix("plugins: "), error.hint)
        else:
            sound.append(file)
    if len(sound) < len(bench.recipe.plugins):
        bench.catalog = Catalog(bench.catalog.project, sound)


def _check_metrics(bench: Bench) -> None:
    evaluation = bench.recipe.evaluation
    paths = dict.fromkeys(evaluation.metrics, "evaluation.metrics")
    paths |= {name: f"evaluation.gates.{name}" for name in evaluation.gates if name not in PROPERTIES}
    paths |= {bench.metric: "evaluation.metric"}
    for name, path in paths.items():
        tags = bench.plugin("metric", MetricTags, path, name)
        if tags is not None and bench.recipe.task not in tags.tasks:
            bench.problem(path, f"the metric `{name}` is for {listed(tags.tasks)}, the task is {bench.recipe.task}")
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

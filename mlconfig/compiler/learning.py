"""The passes that read, search and train."""

from __future__ import annotations

from collections.abc import Iterator

from mlconfig.compiler.bench import Bench
from mlconfig.compiler.space import targets, tried
from mlconfig.plan.step import PluginPin
from mlconfig.plan.steps import ReadStep, TrainStep, TuneStep
from mlconfig.sections import Features
from mlconfig.vocabulary import FrozenDict


def read_step(bench: Bench) -> ReadStep:
    """Read the source."""
    data, features = bench.recipe.data, bench.recipe.features
    pii = {name: how for name, how in bench.recipe.governance.pii.items() if not features.names(name)}
    return ReadStep(
        id="read",
        plugins=(bench.pin("source", data.source.name),),
        source=data.source,
        target=data.target,
        key=data.key,
        event_time=data.event_time,
        period=data.period,
        on_breach=data.on_breach,
        pii=FrozenDict(pii),
        time_zone=bench.recipe.time_zone,
    )


def tune_step(bench: Bench) -> TuneStep | None:
    """Search, where there is a space to search."""
    recipe = bench.recipe
    if not recipe.tuning.space:
        return None
    return TuneStep(
        id="tune",
        inputs=("read",),
        plugins=(*_learning_pins(bench), bench.pin("searcher", recipe.tuning.searcher.name)),
        task=recipe.task,
        features=recipe.features,
        model=recipe.model,
        split=recipe.data.split,
        precision=recipe.packaging.precision,
        random_state=recipe.random_state,
        tuning=recipe.tuning,
        metric=bench.metric,
        targets=targets(recipe.tuning.space),
    )


def train_step(bench: Bench) -> TrainStep:
    """Fit with the best values."""
    return bare_train_step(bench).model_copy(update={"plugins": _learning_pins(bench)})


def bare_train_step(bench: Bench) -> TrainStep:
    """The step without its plugins, in which searched values can be tried before it is known that they fit."""
    recipe = bench.recipe
    return TrainStep(
        id="train",
        inputs=("read", "tune"),
        task=recipe.task,
        features=recipe.features,
        model=recipe.model,
        split=recipe.data.split,
        precision=recipe.packaging.precision,
        random_state=recipe.random_state,
        metric=bench.metric,
    )


def _learning_pins(bench: Bench) -> tuple[PluginPin, ...]:
    """Model, transforms and metric: those that the recipe names, and those that only a searched value names."""
    steps = tuple(tried(bare_train_step(bench), bench.recipe.tuning.space))
    models = dict.fromkeys(step.model.name for step in steps)
    transforms = dict.fromkeys(name for step in steps for name in _transforms(step.features))
    return (
        *(bench.pin("model", name) for name in models),
        *(bench.pin("transform", name) for name in transforms),
        bench.pin("metric", bench.metric),
    )


def _transforms(features: Features) -> Iterator[str]:
    chains = [*features.kinds.values(), *(c.transforms for c in features.columns.values() if c.transforms is not None)]
    return (name for chain in chains for name in chain)

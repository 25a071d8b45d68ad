"""The passes that read, search and train."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.compiler.space import targets
from mlconfig.plan.step import PluginPin
from mlconfig.plan.steps import ReadStep, TrainStep, TuneStep


def read_step(bench: Bench) -> ReadStep:
    """Read the source."""
    data = bench.recipe.data
    return ReadStep(
        id="read",
        plugins=(bench.pin("source", data.source.name),),
        source=data.source,
        target=data.target,
        key=data.key,
        event_time=data.event_time,
        period=data.period,
        on_breach=data.on_breach,
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
    recipe = bench.recipe
    return TrainStep(
        id="train",
        inputs=("read", "tune"),
        plugins=_learning_pins(bench),
        task=recipe.task,
        features=recipe.features,
        model=recipe.model,
        split=recipe.data.split,
        precision=recipe.packaging.precision,
        random_state=recipe.random_state,
        metric=bench.metric,
    )


def _learning_pins(bench: Bench) -> tuple[PluginPin, ...]:
    features = bench.recipe.features
    chains = [*features.kinds.values(), *(c.transforms for c in features.columns.values() if c.transforms is not None)]
    transforms = dict.fromkeys(name for chain in chains for name in chain)
    pins = [bench.pin("transform", name) for name in transforms]
    return (bench.pin("model", bench.recipe.model.name), *pins, bench.pin("metric", bench.metric))

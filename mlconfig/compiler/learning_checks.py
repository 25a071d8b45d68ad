"""Checks on what is learned with: the transforms of the features, and the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlconfig.compiler.bench import Bench, listed
from mlconfig.contracts import ModelTags, TransformTags
from mlconfig.sections.model import EarlyStopping


def check_features(bench: Bench) -> None:
    """Each chain of transforms: what it takes, what it gives on, and whether it can be exported."""
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
            bench.problem(f"{path}.{name}", f"`{name}` does not take {kind} columns, only {listed(tags.kinds)}")
        if not tags.exports_onnx and bench.recipe.packaging.exporter.name == "onnx":
            bench.problem(
                f"{path}.{name}", f"`{name}` cannot be exported to ONNX", "choose another transform or exporter"
            )
        kind = tags.gives or kind


def check_model(bench: Bench) -> None:
    """The model's task, its rounds, and whether it can be exported."""
    recipe = bench.recipe
    tags = bench.plugin("model", ModelTags, "model.name", recipe.model.name, recipe.model.params)
    if tags is None:
        return
    if recipe.task not in tags.tasks:
        bench.problem(
            "model.name", f"`{recipe.model.name}` cannot do the task {recipe.task}, only {listed(tags.tasks)}"
        )
    if recipe.packaging.exporter.name == "onnx" and not tags.exports_onnx:
        bench.problem(
            "model.name", f"`{recipe.model.name}` cannot be exported to ONNX", "choose another model or exporter"
        )
    stopping = recipe.model.early_stopping
    told = recipe.written_here("model.early_stopping") and stopping not in ("none", EarlyStopping())
    if told and not tags.has_rounds:
        bench.problem(
            "model.early_stopping", f"`{recipe.model.name}` has no rounds, so this has no effect", "remove it"
        )

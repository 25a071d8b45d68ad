"""The workbench of one compilation: the recipe, the plugins, and the problems found so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Tags
from mlconfig.errors import PluginError, Problem
from mlconfig.plan.step import PluginPin
from mlconfig.recipe.recipe import Recipe
from mlconfig.recipe.validate import problems_of
from mlconfig.vocabulary import Task

T = TypeVar("T", bound=Tags)

METRIC_OF_TASK: dict[Task, str] = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}
"""What ``evaluation.metric: auto`` stands for."""

PROPERTIES = frozenset({"size", "latency_p99"})
"""Gates on the package itself, which no metric plugin measures."""


def listed(words: Iterable[str]) -> str:
    """Words in their order of spelling, as a message lists them."""
    return ", ".join(sorted(words))


class Bench:
    """What the passes share."""

    def __init__(self, recipe: Recipe, catalog: Catalog) -> None:
        self.recipe, self.catalog = recipe, catalog
        self.problems: list[Problem] = []

    @property
    def metric(self) -> str:
        """The metric that is tuned, compared and watched."""
        metric = self.recipe.evaluation.metric
        return METRIC_OF_TASK[self.recipe.task] if metric == "auto" else metric

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that are measured: the primary one, the reported, and those that gates name."""
        evaluation = self.recipe.evaluation
        gates = (name for name in evaluation.gates if name not in PROPERTIES)
        return tuple(dict.fromkeys((self.metric, *evaluation.metrics, *gates)))

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        serving = self.recipe.serving
        return (serving.endpoint if serving is not None else None) or self.recipe.name

    def problem(self, path: str, what: str, hint: str = "") -> None:
        """Note a problem at the place where the recipe says it."""
        self.problems.append(Problem(self.recipe.place(path), path, what, hint))

    def plugin(
        self, kind: str, tags: type[T], path: str, name: str, params: Mapping[str, Any] | None = None
    ) -> T | None:
        """A plugin's abilities once it is known and its params are valid; else its problems are noted and None comes back.

        That modules it needs are not installed is noted too: applying would fail where it is late.
        A path that ends in ``name`` has its params beside the name; at any other path they stand below the name itself.
        """
        try:
            found = self.catalog.load(kind, name)
        except PluginError as error:
            self.problem(path, error.what, error.hint)
            return None
        if missing := found.missing():
            self.problem(
                path, f"the {kind} `{name}` needs {listed(missing)}, which is not installed", found.install_hint()
            )
        try:
            self.catalog.params(kind, name, params or {})
        except ValidationError as error:
            base = f"{path.removesuffix('.name')}.params" if path.endswith(".name") else path
            self.problems += problems_of(error, base, self.recipe.origin, found.Params)
            return None
        assert isinstance(found.tags, tags)
        return found.tags

    def pin(self, kind: str, name: str) -> PluginPin:
        """What the plan pins of a plugin."""
        distribution, revision, sha256 = self.catalog.pin(kind, name)
        return PluginPin(kind=kind, name=name, distribution=distribution, revision=revision, sha256=sha256)

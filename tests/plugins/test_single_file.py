"""A plugin that only one project needs: a file in its ``plugins/`` folder, named under ``plugins:`` in the recipe."""

import hashlib

import pytest

from mlconfig.compiler.compiler import compile_plan
from mlconfig.contracts import Context
from mlconfig.contracts.catalog import Catalog
from mlconfig.errors import RecipeError
from mlconfig.recipe.load import load_recipe
from mlconfig.testing import LawBrokenError, check_plugin

RECIPE = """
name: shop
task: regression
plugins: [prices]
data:
  source: {name: price_list, params: {rows: 40}}
  target: price
features: auto
model: ridge
evaluation:
  metric: share_within
  gates: {share_within: {min: 0.5}}
"""
FILE = '''
"""What only this shop needs."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from mlconfig.contracts import Metric, MetricTags, Source, SourceTags
from mlconfig.vocabulary import Frozen


class PriceList(Source):
    """Made-up prices."""

    class Params(Frozen):
        """How many."""

        rows: int = Field(20, ge=1, description="How many rows.")

    tags: ClassVar[SourceTags] = SourceTags(deterministic=True)

    def fingerprint(self) -> str:
        """By the number of rows."""
        return f"prices-{self.params.rows}"

    def read(self) -> pa.Table:
        """All rows."""
        size = np.arange(self.params.rows, dtype=np.float64)
        return pa.table({"size": size, "price": 3.0 * size + 1.0})


class ShareWithin(Metric):
    """Share of the answers within a tolerance."""

    class Params(Frozen):
        """How near is near enough."""

        tolerance: float = Field(1.0, gt=0.0, description="In the target's unit.")

    tags: ClassVar[MetricTags] = MetricTags(tasks=frozenset({"regression"}))

    def score(self, y: np.ndarray, predicted: np.ndarray) -> float:
        """NaN without rows."""
        return float(np.mean(abs(y - predicted) <= self.params.tolerance)) if len(y) else float("nan")
'''


@pytest.fixture
def project(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "prices.py").write_text(FILE)
    (tmp_path / "shop.yaml").write_text(RECIPE)
    return tmp_path


def pins(project):
    plan = compile_plan(load_recipe(project / "shop.yaml", ()))
    return {(pin.kind, pin.name): pin for step in plan.steps for pin in step.plugins}


def test_both_plugins_of_the_file_are_in_the_plan_with_its_digest(project):
    found = pins(project)
    for key in (("source", "price_list"), ("metric", "share_within")):
        assert found[key].distribution == "plugins/prices.py"
        assert found[key].sha256 == hashlib.sha256(FILE.encode()).hexdigest()


def test_another_content_is_another_pin(project):
    before = pins(project)["metric", "share_within"]
    (project / "plugins" / "prices.py").write_text(FILE + "\n# changed\n")
    assert pins(project)["metric", "share_within"] != before


def test_a_file_that_is_not_named_is_not_used(project):
    (project / "shop.yaml").write_text(RECIPE.replace("plugins: [prices]\n", ""))
    with pytest.raises(RecipeError, match="there is no source `price_list`"):
        pins(project)


@pytest.mark.parametrize(("kind", "name"), [("source", "price_list"), ("metric", "share_within")])
def test_it_keeps_the_laws_of_its_kind(project, kind, name):
    check_plugin(Catalog(project, ["prices"]).create(kind, name, {}, Context(project)))


def test_a_fault_in_it_is_found_by_the_same_kit(project):
    faulty = FILE.replace(") <= self.params.tolerance", ") > self.params.tolerance")
    (project / "plugins" / "prices.py").write_text(faulty)
    with pytest.raises(LawBrokenError, match="ShareWithin breaks a law: No prediction is better than the perfect one"):
        check_plugin(Catalog(project, ["prices"]).create("metric", "share_within", {}, Context(project)))

"""A stranger's package in a recipe: found, checked and pinned like what we ship, and gone when it is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlconfig.compiler.compiler import compile_plan
from mlconfig.errors import RecipeError
from mlconfig.plan.steps import TrainStep
from mlconfig.recipe.load import load_recipe

README = Path(__file__).parents[2] / "plugins" / "mlconfig-example" / "README.md"
HEAD = """
name: shop
task: binary
data:
  source: {name: synthetic, params: {rows: 300}}
  target: target
model: logistic_regression
"""
EXAMPLE = README.read_text().split("```yaml\n")[1].split("```")[0]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(HEAD + EXAMPLE)
    return path


def test_the_readmes_recipe_compiles_and_pins_the_package(recipe):
    plan = compile_plan(load_recipe(recipe, ()))
    pins = {(pin.kind, pin.name): pin for step in plan.steps for pin in step.plugins}
    for kind, name in (("transform", "cyclic"), ("detector", "mean_shift")):
        assert pins[kind, name].distribution == "mlconfig-example"
        assert pins[kind, name].revision == 1
    assert dict(plan.step(TrainStep).features.columns["hour"].transforms)["cyclic"] == {"period": 24}


def test_wrong_settings_of_the_package_are_told_with_their_place(recipe):
    recipe.write_text(recipe.read_text().replace("period: 24", "period: 0"))
    with pytest.raises(
        RecipeError,
        match=r"shop.yaml:\d+: features.columns.hour.transforms.cyclic.period: must be more than 0.0; got 0",
    ):
        compile_plan(load_recipe(recipe, ()))


def test_abilities_of_the_package_are_checked(recipe):
    recipe.write_text(recipe.read_text().replace("hour: {transforms: {", "hour: {kind: categorical, transforms: {"))
    with pytest.raises(RecipeError, match="`cyclic` does not take categorical columns, only numeric"):
        compile_plan(load_recipe(recipe, ()))


def test_listing_it_imports_neither_it_nor_scikit_learn():
    code = (
        "import sys; from mlconfig.contracts.catalog import Catalog;"
        "print([one.name for one in Catalog().list('transform') if one.distribution == 'mlconfig-example'],"
        "      [name for name in ('mlconfig_example', 'sklearn') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "['cyclic'] []"

"""Each recipe of `recipes/` has a golden plan: as a person reads it and as `plan.json`.

When a plan changes on purpose, write them anew and look at the diff:

    MLCONFIG_WRITE_GOLDEN=1 pytest tests/recipes
"""

import os
from pathlib import Path

import jsonschema
import pytest
import yaml

from mlconfig.compiler.compiler import compile_plan
from mlconfig.plan.plan import read_plan
from mlconfig.plan.render import render_plan
from mlconfig.recipe.load import load_recipe
from mlconfig.recipe.recipe import recipe_schema

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
PATHS = {
    "bike_sharing": "data/hour.csv",
    "electricity": "data/elec.csv",
    "hotel_bookings": "data/hotel_bookings.csv",
}
"""The data that a recipe leaves to be named; compiling reads none of it."""


def plan_of(recipe):
    path = PATHS.get(recipe.stem)
    return compile_plan(load_recipe(recipe, [f"data.source.params.path={path}"] if path else []))


def agrees(file, text):
    if os.environ.get("MLCONFIG_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.is_file(), f"there is no {file.name}; write it with MLCONFIG_WRITE_GOLDEN=1"
    assert text == file.read_text(), f"{file.name} tells another plan; see this file's first lines"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_plan_is_the_golden_one(recipe):
    plan = plan_of(recipe)
    agrees(GOLDEN / f"{recipe.stem}.txt", render_plan(plan))
    agrees(GOLDEN / f"{recipe.stem}.json", plan.to_json())
    assert read_plan(GOLDEN / f"{recipe.stem}.json") == plan


def test_every_golden_plan_has_its_recipe():
    assert {file.stem for file in GOLDEN.iterdir()} == {recipe.stem for recipe in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_golden_plan_is_the_same_on_every_machine(recipe):
    for file in GOLDEN.glob(f"{recipe.stem}.*"):
        text = file.read_text()
        assert str(ROOT) not in text
        assert str(Path.home()) not in text
        assert "0.1.0" not in text  # a package's version is no part of what is declared


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_what_the_plan_declares_is_the_recipe(recipe, tmp_path):
    plan = plan_of(recipe)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(plan.declared(), sort_keys=False))
    assert compile_plan(load_recipe(tmp_path / "again.yaml")).to_json() == plan.to_json()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_recipe_is_what_editors_call_valid(recipe):
    schema = recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(recipe.read_text()))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_quick_and_small_for_a_pipeline(recipe):
    path = PATHS.get(recipe.stem)
    overrides = ["environment=ci", *([f"data.source.params.path={path}"] if path else [])]
    searched = load_recipe(recipe, overrides[1:]).tuning.space
    if not searched:
        overrides += ["tuning.space={model.params.num_leaves: {int: [4, 8]}}"]
    assert load_recipe(recipe, overrides).tuning.trials == 3

"""The named choices we ship: each is valid, and says nothing that holds anyway."""

from pathlib import Path

import pytest
import yaml

from mlconfig.contracts.catalog import Catalog
from mlconfig.recipe.load import load_recipe
from mlconfig.recipe.places import dotted, paths_of, value_at
from mlconfig.recipe.project import our_conf

CONF = our_conf()
FILES = sorted(str(file.relative_to(CONF)) for file in CONF.rglob("*.yaml"))
RECIPE = """\
name: a
task: {task}
data: {{source: csv, target: y}}
features: auto
model: {model}
tuning: {{space: {{model.params.x: {{int: [1, 2]}}}}}}
"""


def read(name: str) -> dict:
    return yaml.safe_load((CONF / name).read_text(encoding="utf-8"))


def write(folder: Path, model: str = "ridge", task: str = "binary") -> Path:
    file = folder / "a.yaml"
    file.write_text(RECIPE.format(model=model, task=task), encoding="utf-8")
    return file


def test_there_are_choices():
    assert {"model/lightgbm.yaml", "environment/ci.yaml", "tuning/small.yaml"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_choice_loads(name, tmp_path):
    group, _, option = name.removesuffix(".yaml").partition("/")
    recipe = load_recipe(write(tmp_path), [f"{group}={option}"])
    places = {origin for _, _, origin in recipe.values_with_origins()}
    assert any(place.rpartition(":")[0].endswith(name) for place in places)


@pytest.mark.parametrize("name", FILES)
def test_a_choice_says_only_what_differs_from_the_default(name, tmp_path):
    group, _, option = name.removesuffix(".yaml").partition("/")
    said = read(name)
    prefix = () if group == "environment" else (group,)
    without = load_recipe(write(tmp_path)).effective()
    with_it = load_recipe(write(tmp_path), [f"{group}={option}"]).effective()
    for path in paths_of(said):
        if isinstance(value_at(said, path), dict) or path[:1] in (("params",), ("name",)):
            continue
        where = (*prefix, *path)
        assert value_at(without, where) != value_at(with_it, where), f"{dotted(where)} is the default"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("model/")])
def test_a_models_params_are_valid_and_differ_from_the_plugins(name):
    said = read(name)
    catalog = Catalog()
    catalog.params("model", said["name"], said["params"])
    defaults = catalog.params("model", said["name"], {}).model_dump(mode="json")
    same = [key for key, value in said["params"].items() if defaults[key] == value]
    assert not same, f"{same} hold anyway"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("model/")])
def test_a_models_file_is_called_like_its_plugin(name):
    assert Path(name).stem == read(name)["name"]

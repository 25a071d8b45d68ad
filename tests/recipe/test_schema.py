"""The JSON Schema agrees with the loader about shorthand, keys and words."""

import jsonschema
import pytest
import yaml

from mlconfig.recipe.recipe import recipe_schema
from mlconfig.recipe.schema import SHORTHAND

SHORT = """\
defaults: [{model: ridge}, _self_]
name: churn
task: binary
data: {source: csv, target: y, key: id, event_time: ts, split: {by: time}}
features: auto
model: lightgbm
tuning: {space: {model.params.a: {int: [1, 2]}}, searcher: grid, time_limit: 10m}
serving: {autoscaling_config: {min_replicas: 1}}
monitoring: {signals: {performance: none, input_drift: ks}}
alerts: {sinks: [log]}
retraining: {when: [lasting_drift], data: {from: source}}
"""


@pytest.fixture(scope="module")
def schema():
    return recipe_schema()


def valid(schema, text):
    return jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text))


def test_it_is_a_schema(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


def test_shorthand_is_valid_and_loads(schema, project):
    assert valid(schema, SHORT)
    project.load(SHORT)
    assert valid(
        schema,
        "name: a\ntask: binary\ndata: {source: {name: csv}, target: y}\nfeatures: auto\nmodel: x\nserving: none\n",
    )


@pytest.mark.parametrize(
    "wrong", ["nme: x", "tuning: {trials: five}", "data: {target: y}", "task: binry", "serving: nothing", "on: 1"]
)
def test_what_the_loader_refuses_is_invalid(schema, project, bare, wrong):
    text = bare.replace("task: binary\n", "") + wrong if wrong.startswith("task") else f"{bare}{wrong}"
    assert not valid(schema, text)
    assert project.faults(text)


def test_what_is_effective_is_valid(schema, project, bare):
    recipe = project.load(bare, "monitoring.signals.performance=none")
    jsonschema.validate(recipe.effective(), schema)


def test_each_shorthand_is_in_use(schema, project):
    functions = {name for name in SHORTHAND if name in _sources()}
    assert functions == set(SHORTHAND)


def _sources():
    from pathlib import Path

    import mlconfig

    package = Path(mlconfig.__file__).parent
    files = [*package.glob("sections/*.py"), package / "vocabulary.py", package / "recipe" / "recipe.py"]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)

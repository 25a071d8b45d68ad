"""Whatever a recipe has become, it loads, or it is refused with a place; nothing else is ever raised."""

import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlconfig.errors import Problem, RecipeError
from mlconfig.recipe.load import load_recipe
from mlconfig.recipe.places import paths_of, value_at
from mlconfig.recipe.recipe import Recipe

FULL = """\
defaults:
  - model: lightgbm
  - _self_
name: churn
task: binary
tags: {team: growth}
data:
  source: {name: parquet, params: {path: data/churn.parquet}}
  target: churned
  key: customer
  event_time: {columns: [year, month], format: "%Y %B"}
  period: {since: "2015-07-01", until: "2015-11-01"}
  split: {by: time, gap: 1h}
features:
  exclude: [customer]
  kinds: {numeric: {impute: {strategy: median}, clip: {low: 0}}}
  columns: {age: {kind: numeric, transforms: [impute, standard_scale]}}
model: {params: {num_leaves: 31}, resources: {cpus: 2, memory: 1GiB}}
tuning:
  space: {model.params.num_leaves: {int: [8, 64], log: true}}
  trials: 5
evaluation:
  metrics: [f1]
  gates: {roc_auc: {min: 0.8, not_worse_by: 0.005}, size: {max: 20MiB}}
serving: {num_replicas: 2, log: {sample_fraction: 0.5}}
monitoring:
  time: event
  every: 1h
  signals: {input_drift: {params: {tolerance: 0.05}}, performance: none}
  labels: {join: data.key, maturity: 1d}
alerts: {sinks: {ops: {name: webhook, params: {url: "https://x", secret: "${secret:HOOK}"}}}}
retraining: {when: [lasting_drift], data: {from: both, use: window, length: 90d}, cooldown: 7d}
engine: {secrets: environment}
"""

SNIPPETS = [
    "on: 1\n", "_target_: x\n", "${oc.env:HOME}", "!!python/name:os.system x", "12:30", "2024-01-31", "[" * 200, "{" * 60,
    "&a [*a]", "*b", "<<: {name: x}\n", "\0", "\t", "- x\n", ": ", "? ", "| \n", "'", '"', "#", "# @package x\n", "---\n",
    "...\n", "%YAML 9.9\n", "~", "null", "1e999", ".nan", "0o7", "\ud7ff", "\u2028", "\ufeff", "defaults: [x]\n",
    "hydra: {}\n", "${data}", "${a.b}", "${", "}", "auto", "none", "!!set {a}", "!!omap [a: b]", "!<x> y", "=: 1\n",
]  # fmt: skip
WEIRD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(SNIPPETS),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)
OVERRIDES = st.lists(
    st.sampled_from([
        "tuning.trials=5", "model=ridge", "~data.key", "data.split.by=random", "model.params.a.b.c=1", "data.0=1",
        "tuning.space.model.params.x.int.0=3", "features.columns.age.transforms.clip.high=9", "environment=ci", "tuning=small",
        "serving=none", "monitoring.signals.input_drift=ks", "alerts.sinks.ops.params.url=x", "data.source=csv", "~model",
        "retraining.when.schedule.cron='0 3 * * 1'", "tags='${data.target}'", "evaluation.gates.size=none",
    ])
    | st.text(max_size=20),
    max_size=3,
)  # fmt: skip
EXAMPLES = 200
PLACE = re.compile(r"^(\S.*:\d+(, from .*)?|override .*)$", re.DOTALL)


@st.composite
def mutated_texts(draw):
    text = FULL
    for _ in range(draw(st.integers(1, 4))):
        lines = text.splitlines(keepends=True)
        at, to = draw(st.integers(0, len(text) - 1)), draw(st.integers(0, max(0, len(lines) - 1)))
        match draw(st.sampled_from(["insert", "cut", "drop line", "twice", "indent", "line"])):
            case "insert":
                text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[at:]
            case "cut":
                text = text[:at] + text[at + draw(st.integers(1, 8)) :]
            case "drop line":
                text = "".join(lines[:to] + lines[to + 1 :])
            case "twice":
                text = "".join(lines[: to + 1] + lines[to:])
            case "indent":
                text = "".join(lines[:to] + ["  " + line for line in lines[to : to + 1]] + lines[to + 1 :])
            case _:
                text = "".join([*lines[:to], draw(st.sampled_from(SNIPPETS)), "\n", *lines[to:]])
        text = text or "x"
    return text


@st.composite
def mutated_trees(draw):
    tree = yaml.safe_load(FULL)
    for _ in range(draw(st.integers(1, 4))):
        paths = [path for path in paths_of(tree) if path]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        parent, last = value_at(tree, path[:-1]), path[-1]
        match draw(st.sampled_from(["rename", "swap", "delete", "copy"])):
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from([f"{last}x", str(last)[1:], "name", "params", "_self_"]))] = parent.pop(
                    last
                )
            case "delete":
                del parent[last]
            case "copy":
                parent[last] = deepcopy(value_at(tree, draw(st.sampled_from(paths))))
            case _:
                parent[last] = draw(WEIRD)
    return tree


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


def load(file: Path, overrides: list[str]) -> Recipe | tuple[Problem, ...]:
    """The recipe, or what is wrong with it."""
    try:
        return load_recipe(file, overrides)
    except RecipeError as error:
        return error.problems


def loads_or_is_refused(folder: Path, text: str, overrides: list[str]) -> None:
    file = folder / "churn.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = load(file, overrides)
    if isinstance(found, Recipe):
        json.dumps(found.effective(), allow_nan=False)
        assert all(origin for _, _, origin in found.values_with_origins())
        file.write_text(yaml.safe_dump(found.effective(), allow_unicode=True), encoding="utf-8")
        assert load(file, []) == found
        return
    assert found
    for problem in found:
        assert PLACE.match(problem.where), problem
        assert problem.what
        assert "pydantic" not in str(problem)
        assert "another kind of value" not in str(problem)


def test_the_whole_recipe_is_sound(folder):
    (folder / "churn.yaml").write_text(FULL, encoding="utf-8")
    recipe = load_recipe(folder / "churn.yaml")
    assert recipe.model.params == {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(text=mutated_texts(), overrides=OVERRIDES)
def test_two_hundred_mutated_texts(folder, text, overrides):
    loads_or_is_refused(folder, text, overrides)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(tree=mutated_trees(), overrides=OVERRIDES)
def test_two_hundred_mutated_trees(folder, tree, overrides):
    loads_or_is_refused(folder, yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), overrides)

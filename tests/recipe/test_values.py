"""References, secrets, origins, and what a loaded recipe gives back."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.recipe.places import Places, dotted, paths_of, split_path, value_at


def test_a_reference_takes_the_value_with_both_places(project, bare):
    recipe = project.load(
        bare + "owner: ${data.target}\ndescription: about ${data.target}\ntuning: {trials: 3}\n",
        "tuning.space.model.params.a.choice='${data.source.params.list}'",
        "data.source.params.list=[1,2]",
    )
    assert (recipe.owner, recipe.description) == ("churned", "about churned")
    assert recipe.tuning.space["model.params.a"].choice == (1, 2)
    assert recipe.origin("owner") == "recipes/churn.yaml:8, from data.target at recipes/churn.yaml:5"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("owner: ${nope.x}\n", "recipes/churn.yaml:8: owner: `${nope.x}` refers to nothing"),
        (
            "owner: ${description}\ndescription: ${owner}\n",
            "recipes/churn.yaml:8: owner: `${description}` refers to itself",
        ),
        ("owner: a ${data} b\n", "recipes/churn.yaml:8: owner: `${data}` stands inside a text but is no single value"),
        ("tags: {a: '${tags}'}\n", "refers to itself"),
    ],
)
def test_a_reference_that_fails_names_its_place(project, bare, text, what):
    faults = project.faults(bare + text)
    assert any(what in fault for fault in faults), faults


def test_references_multiply_no_more_than_aliases(project, bare):
    doubling = "".join(f"  a{n}: '${{tags.a{n - 1}}}${{tags.a{n - 1}}}'\n" for n in range(1, 40))
    faults = project.faults(f"{bare}tags:\n  a0: x\n{doubling}")
    assert any("references expand to more than 20,000 values" in fault for fault in faults)


def test_a_secret_stays_a_marker(project, bare, monkeypatch):
    monkeypatch.setenv("PG_WORD", "hunter2")
    recipe = project.load(
        bare + "engine: {state: 'postgresql://u:${secret:PG_WORD}@h/db'}\nowner: ${engine.state}\n",
        "data.source.params.password='${secret:PG_WORD}'",
    )
    assert recipe.engine.state == "postgresql://u:${secret:PG_WORD}@h/db" == recipe.owner
    assert recipe.data.source.params["password"] == "${secret:PG_WORD}"
    assert "hunter2" not in json.dumps(list(recipe.values_with_origins()))


def test_what_is_effective_reads_back_as_the_same(project, bare):
    recipe = project.load(
        bare,
        "monitoring.signals.performance=none",
        "retraining.when=[schedule]",
        "serving.num_replicas=2",
        "tuning.space.model.params.num_leaves.int=[8,64]",
        "data.event_time=ts",
        "evaluation.gates.size.max=1MiB",
    )
    again = project.load(yaml.safe_dump(recipe.effective()))
    assert again == recipe
    assert again != project.load(bare)


def test_origins_tell_written_from_default(project, bare):
    recipe = project.load(bare + "monitoring:\n  every: 2h\n", "serving.log.sample_fraction=0.5")
    assert recipe.origin("monitoring.every") == "recipes/churn.yaml:9"
    assert recipe.origin("monitoring.min_rows") == "default"
    assert recipe.origin("features.exclude") == "default"
    assert recipe.origin("model.resources.cpus") == "default"
    assert recipe.place("monitoring.min_rows") == "recipes/churn.yaml:8"
    assert recipe.place("retraining.when") == "recipes/churn.yaml:1"
    assert (recipe.written("serving.log"), recipe.written("serving.endpoint")) == (True, False)


def test_every_value_is_listed_with_its_origin(project, bare):
    recipe = project.load(bare, "tags.a=x")
    rows = {path: (value, origin) for path, value, origin in recipe.values_with_origins()}
    assert rows["tags.a"] == ("x", "override tags.a=x")
    assert rows["data.source.name"] == ("csv", "recipes/churn.yaml:4")
    assert rows["retraining"] == ("none", "default")
    assert rows["monitoring.scales"] == (["1h", "1d", "7d"], "default")


keys = st.text(st.sampled_from("ab."), min_size=1, max_size=4)
trees = st.recursive(
    st.integers(), lambda below: st.dictionaries(keys, below, max_size=3) | st.lists(below, max_size=3), max_leaves=12
)


@given(trees)
def test_each_path_of_a_tree_leads_to_a_value(tree):
    for path in paths_of(tree):
        value_at(tree, path)


@given(st.dictionaries(st.text(st.sampled_from("abc"), min_size=1), st.integers(), min_size=1))
def test_a_key_with_dots_is_found(leaves):
    tree = {"x": {f"{key}.{key}": value for key, value in leaves.items()}}
    for path in paths_of(tree):
        assert split_path(dotted(path), tree) == path


def test_places_fall_back_to_the_nearest_above():
    assert Places().nearest(("a", "b")).where == "recipe"

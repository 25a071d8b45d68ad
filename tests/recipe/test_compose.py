"""Groups, overrides and overlays: which file wins, and that params belong to a name."""

import pytest

from mlconfig.errors import RecipeError
from mlconfig.recipe.load import expand_sweep, load_recipe
from mlconfig.recipe.project import find_project, our_conf

GROUPED = """\
defaults:
  - model: lgb
  - _self_
name: churn
task: binary
data:
  source: {name: csv, params: {path: a.csv}}
  target: churned
features: auto
model: {params: {num_leaves: 9}, resources: {cpus: 2}}
"""


@pytest.fixture
def grouped(project):
    project.write("conf/model/lgb.yaml", "name: lightgbm\nparams: {num_leaves: 15, max_depth: 3}\n")
    project.write("conf/model/lgb_large.yaml", "name: lightgbm\nparams: {num_leaves: 127, subsample: 0.9}\n")
    project.write("conf/model/logistic.yaml", "name: logistic_regression\nparams: {C: 0.5}\n")
    project.write("conf/tuning/tiny.yaml", "trials: 2\n")
    project.write("conf/environment/prod.yaml", "# @package _global_\nmodel: {name: ridge}\nmonitoring: {every: 2h}\n")
    return project


def params(recipe):
    return recipe.model.name, dict(recipe.model.params)


def test_the_recipe_adds_to_its_group(grouped):
    recipe = grouped.load(GROUPED)
    assert params(recipe) == ("lightgbm", {"num_leaves": 9, "max_depth": 3})
    assert recipe.origin("model.params.num_leaves") == "recipes/churn.yaml:10"
    assert recipe.origin("model.params.max_depth") == "conf/model/lgb.yaml:2"


def test_another_file_swaps_model_and_params(grouped):
    recipe = grouped.load(GROUPED, "model=logistic")
    assert params(recipe) == ("logistic_regression", {"C": 0.5})
    assert recipe.model.resources.cpus == 2


def test_a_file_of_the_same_plugin_keeps_the_params(grouped):
    assert params(grouped.load(GROUPED, "model=lgb_large")) == ("lightgbm", {"num_leaves": 127, "subsample": 0.9})


def test_a_word_that_is_no_file_is_the_plugin(grouped):
    recipe = grouped.load(GROUPED, "model=random_trees", "model.params.alpha=2")
    assert params(recipe) == ("random_trees", {"alpha": 2})
    assert recipe.origin("model.name") == "override model=random_trees"


def test_a_bare_word_takes_params_and_keeps_the_name(project, bare):
    recipe = project.load(bare, "data.source.params.path=x.csv", "model.params.num_leaves=7")
    assert (recipe.data.source.name, dict(recipe.data.source.params)) == ("csv", {"path": "x.csv"})
    assert params(recipe) == ("lightgbm", {"num_leaves": 7})
    assert recipe.origin("data.source.name") == "recipes/churn.yaml:4"
    assert recipe.origin("data.source.params.path") == "override data.source.params.path=x.csv"


def test_the_command_line_beats_a_name_in_the_body(project, bare):
    assert params(project.load(bare, "model=logistic_regression")) == ("logistic_regression", {"C": 0.5})


def test_another_name_by_its_key_drops_the_params(grouped):
    assert params(grouped.load(GROUPED, "model.name=ridge")) == ("ridge", {})
    assert params(grouped.load(GROUPED, "model={name: lightgbm, params: {a: 1}}"))[1]["num_leaves"] == 9


def test_an_overlay_spans_sections(grouped):
    recipe = grouped.load(GROUPED, "environment=prod")
    assert params(recipe) == ("ridge", {})
    assert recipe.effective()["monitoring"]["every"] == "2h"


def test_a_section_takes_a_preset(grouped):
    text = GROUPED + "tuning: {space: {model.params.num_leaves: {int: [8, 64]}}}\n"
    assert grouped.load(text, "tuning=tiny").tuning.trials == 2
    assert grouped.load(text, "tuning=tiny", "tuning.trials=7").tuning.trials == 7
    assert grouped.faults(text, "tuning=tinny") == [
        "override tuning=tinny: tuning: there is no file `tuning/tinny.yaml` (did you mean `tiny`?)"
    ]


def test_the_recipes_folder_wins_over_the_projects(grouped):
    grouped.write("recipes/model/lgb.yaml", "name: ridge\n")
    assert grouped.load(GROUPED).model.name == "ridge"


def test_our_groups_come_last(project, bare):
    recipe = project.load("defaults: [model: ridge, _self_]\n" + bare.replace("model: lightgbm\n", ""))
    assert recipe.model.name == "ridge"
    assert recipe.origin("model.name") == f"{our_conf() / 'model/ridge.yaml'}:2"


def test_any_key_is_overridable_written_or_not(project, bare):
    space = "tuning.space.model.params.num_leaves.int=[8,64]"
    for text in (bare, bare + "tuning: {trials: 9}\n"):
        recipe = project.load(text, space, "tuning.trials=5")
        assert recipe.tuning.trials == 5
        assert recipe.tuning.space["model.params.num_leaves"].int_ == (8, 64)
        assert recipe.origin("tuning.space.model.params.num_leaves.int") == f"override {space}"


def test_a_searched_path_is_one_key(project, bare):
    text = bare + "tuning: {space: {model.params.log: {float: [0.1, 1.0], log: true}}}\n"
    recipe = project.load(text, "tuning.space.model.params.log.float.0=0.5", "tuning.space.model.params.log.log=false")
    assert recipe.tuning.space["model.params.log"].float_ == (0.5, 1.0)
    recipe = project.load(text, "tuning.space.model.params.log.int=[1,2]")
    assert recipe.tuning.space["model.params.log"].float_ is None
    assert not project.load(text, "~tuning.space.model.params.log").tuning.space


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("features.exclude=[a,b]", "features.exclude", ["a", "b"]),
        ("data.event_time=ts", "data.event_time.columns", ["ts"]),
        ("tags={a: x, b: 'y z'}", "tags", {"a": "x", "b": "y z"}),
        ("+owner=me", "owner", "me"),
        ("++owner='12:30'", "owner", "12:30"),
        ("owner=12:30", "owner", "12:30"),
        ("owner=on", "owner", "on"),
        ("data.period.since=null", "data.period.since", None),
        ("monitoring.signals.performance=none", "monitoring.signals.performance", "none"),
        ("alerts.sinks=[log]", "alerts.sinks.log.name", "log"),
        ("retraining.when=[schedule]", "retraining.when", {"schedule": {}}),
        ("evaluation.gates.roc_auc.min=0.8", "evaluation.gates.roc_auc.min", 0.8),
    ],
)
def test_values_of_every_kind(project, bare, override, path, value):
    recipe = project.load(bare, override)
    found = recipe.effective()
    for key in path.split("."):
        found = found[key]
    assert found == value


def test_deletes(project, bare):
    text = bare + "tags: {a: x, b: y}\nowner: me\n"
    recipe = project.load(text, "~tags.a", "~owner")
    assert (dict(recipe.tags), recipe.owner) == ({"b": "y"}, None)
    assert project.faults(text, "~tags.c") == [
        "override ~tags.c: tags.c: there is nothing to delete: no file writes it"
    ]


def test_a_list_goes_by_its_indices(project, bare):
    text = bare + "features: {exclude: [a, b]}\n".replace("features: auto\n", "")
    text = text.replace("features: auto\n", "")
    assert project.load(text, "features.exclude.1=c").features.exclude == ("a", "c")
    (fault,) = project.faults(text, "features.exclude.5=c")
    assert "the list holds 2 items, counted from 0; there is no 5" in fault


def test_sweeps(project, bare):
    assert expand_sweep(["a=1,2", "b.c=choice(x,y)", "d=5"]) == [
        ["a=1", "b.c=x", "d=5"],
        ["a=1", "b.c=y", "d=5"],
        ["a=2", "b.c=x", "d=5"],
        ["a=2", "b.c=y", "d=5"],
    ]
    assert expand_sweep(["a=range(1,3)"]) == [["a=1"], ["a=2"]]
    assert expand_sweep([]) == [[]]
    for uncounted in ("a=interval(0,1)", "a=glob(*)", "a=b=c"):
        with pytest.raises(RecipeError, match="override a="):
            expand_sweep([uncounted])
    (fault,) = project.faults(bare, "tuning.trials=1,2")
    assert "several values for one key (`plan -m` and `train -m` run each; a list is [a,b])" in fault


def test_the_project_is_the_nearest_folder_with_a_sign(tmp_path, project, bare):
    assert project.load(bare).project == tmp_path
    own = project.write("elsewhere/deep/r.yaml", bare)
    (own.parent / "plugins").mkdir()
    assert find_project(own) == own.parent
    assert load_recipe(own, project=tmp_path / "x").project == tmp_path / "x"


def test_files_may_have_any_name(project, bare):
    assert load_recipe(project.write("recipes/a=b @ c.yml", bare)).name == "churn"


def test_a_recipe_may_build_on_its_neighbour(project, bare):
    project.write("recipes/base.yaml", bare + "owner: base\n")
    recipe = project.load("defaults: [base, _self_]\nname: other\n")
    assert (recipe.name, recipe.owner, recipe.origin("owner")) == ("other", "base", "recipes/base.yaml:8")


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("model: lgbm", "there is no file `model/lgbm.yaml` (did you mean `lgb`?)"),
        ("override hydra/job_logging: none", "a recipe says nothing about Hydra itself"),
        ("hydra/launcher: x", "a recipe says nothing about Hydra itself"),
        ("model@evil: lgb", "is no name of a group"),
        ("model: ../../secret", "is no name of a group"),
        ("/etc/passwd", "there is no file `etc/passwd.yaml`"),
        ("model: ${oc.env:HOME}", "${oc.env:HOME}"),
        ("5", "an entry is `_self_`, a file, or `group: file`"),
        ("{a: b, c: d}", "an entry is `_self_`, a file, or `group: file`"),
        ("churn", "in a circle"),
    ],
)
def test_what_defaults_may_not_say(grouped, bare, entry, what):
    text = f"defaults:\n  - {entry}\n{bare}"
    faults = grouped.faults(text)
    assert any(what in fault for fault in faults), faults
    assert all("recipes/churn.yaml:" in fault for fault in faults)


def test_a_groups_file_has_the_same_limits(grouped):
    grouped.write("conf/model/bomb.yaml", "[" * 100_000)
    (fault,) = grouped.faults(GROUPED, "model=bomb")
    assert fault == "conf/model/bomb.yaml:1: nested deeper than 50 levels"
    grouped.write("conf/model/target.yaml", "name: ridge\nparams: {_target_: os.system}\n")
    (fault,) = grouped.faults(GROUPED, "model=target")
    assert fault.startswith("conf/model/target.yaml:2: params._target_: a recipe is data and runs no code")

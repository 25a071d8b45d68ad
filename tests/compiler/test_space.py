"""``tuning.space``: a searched path leads to a value of the plan, and what is tried there fits; else it is refused."""

import pytest

from mlconfig.plan.step import Target
from mlconfig.plan.steps import TrainStep, TuneStep


def space_faults(project, *overrides, **space):
    return project.faults(*overrides, tuning={"space": {path.replace("__", "."): said for path, said in space.items()}})


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("model.params.num_leaves", ("model", "params", "num_leaves")),
        ("features.kinds.categorical.one_hot.min_count", ("features", "kinds", "categorical", "one_hot", "min_count")),
    ],
)
def test_a_path_maps_to_the_step_that_holds_it(project, path, target):
    plan = project.plan(tuning={"space": {path: {"int": [4, 9]}}})
    tune = plan.step(TuneStep)
    assert tune.targets == {path: Target(step="train", path=target)}
    bound = plan.bind({path: 7}).step(TrainStep)
    node = bound.model_dump(mode="json")
    for key in target:
        node = node[key]
    assert node == 7


@pytest.mark.parametrize("path", ["evaluation.interval.level", "model", "modl.params.x", "data.target", "random_state"])
def test_a_path_that_maps_to_nothing_is_refused_with_its_line(project, path):
    (fault,) = project.faults(tuning={"space": {path: {"choice": [1]}}})
    assert fault == f"toy.yaml:11: tuning.space.{path}: only paths of model, features and data.split can be searched"


@pytest.mark.parametrize(
    ("path", "dimension", "what"),
    [
        ("model.params.num_leaves", {"float": [4.5, 32.0]}, "the value 4.5 does not fit: must be a whole number; got 4.5"),
        ("model.params.num_leaves", {"int": [-3, 32]}, "the value -3 does not fit: must be at least 2; got -3"),
        (
            "model.params.learning_rate",
            {"choice": [0.1, "fast"]},
            'the value fast does not fit: must be a number; got "fast"',
        ),
        ("model.params.num_leafs", {"int": [2, 3]}, "the value 2 does not fit: unknown key (did you mean `num_leaves`?)"),
        ("model.resources.cpu", {"int": [1, 2]}, "the value 1 does not fit: unknown key (did you mean `cpus`?)"),
        (
            "model.name",
            {"choice": ["lightgbm", "ridge"]},
            "the value ridge does not fit: `ridge` cannot do the task binary, only regression",
        ),
        ("model.name", {"choice": ["lightgmb"]}, "the value lightgmb does not fit: there is no model `lightgmb`"),
        (
            "features.kinds.categorical.one_hot.min_cuont",
            {"int": [1, 2]},
            "the value 1 does not fit: unknown key (did you mean `min_count`?)",
        ),
        (
            "features.kinds.categorical.one_hot.min_count",
            {"choice": ["few"]},
            'the value few does not fit: must be a whole number; got "few"',
        ),
        (
            "features.kinds.numeric.one_hot.min_count",
            {"int": [1, 2]},
            "the value 1 does not fit: `one_hot` does not take numeric columns, only categorical",
        ),
        ("data.split.test_fraction", {"float": [0.1, 3.0]}, "the value 3.0 does not fit: must be at most 1.0; got 3.0"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_with_its_line(project, path, dimension, what):
    (fault,) = project.faults(tuning={"space": {path: dimension}})
    assert fault.startswith(f"toy.yaml:11: tuning.space.{path}: {what}")


def test_in_an_override_the_override_is_the_place(project):
    override = "tuning.space={model.params.num_leaves:{float:[0.5,1.5]}}"
    (fault,) = project.faults(override)
    assert fault.startswith(f"override {override}: tuning.space.model.params.num_leaves: the value 0.5 does not fit")


def test_each_searched_path_is_told(project):
    faults = space_faults(project, modl__x={"int": [1, 2]}, model__params__num_leaves={"float": [0.5, 1.5]})
    assert [fault.split(": ")[1] for fault in faults] == ["tuning.space.modl.x", "tuning.space.model.params.num_leaves"]


@pytest.mark.parametrize("value", ["auto", ["x0", "x1"]])
def test_whole_parts_can_be_searched(project, value):
    plan = project.plan(tuning={"space": {"features.include": {"choice": ["auto", ["x0", "x1"]]}}})
    found = plan.bind({"features.include": value}).step(TrainStep).features.include
    assert found == (value if value == "auto" else tuple(value))


def test_what_only_a_searched_value_names_is_pinned_too(project):
    space = {
        "model.name": {"choice": ["lightgbm", "hist_gradient_boosting"]},
        "features.kinds.numeric.clip.low": {"float": [0.0, 0.1]},
    }
    plan = project.plan(tuning={"space": space})
    for kind in (TuneStep, TrainStep):
        names = [(pin.kind, pin.name) for pin in plan.step(kind).plugins if pin.kind != "searcher"]
        assert len(names) == len(set(names))
        assert names[:2] == [("model", "lightgbm"), ("model", "hist_gradient_boosting")]
        assert ("transform", "clip") in names
    bound = plan.bind({"model.name": "hist_gradient_boosting", "features.kinds.numeric.clip.low": 0.05})
    assert bound.step(TrainStep).model.name == "hist_gradient_boosting"
    assert bound.step(TrainStep).features.kinds["numeric"]["clip"] == {"low": 0.05}

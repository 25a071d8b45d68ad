"""The plan: digests, run keys, bind, over, the file, the diff, and the text tree."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.errors import PlanError
from mlconfig.plan.diff import diff
from mlconfig.plan.plan import Plan, read_plan
from mlconfig.plan.render import render_plan
from mlconfig.plan.step import PluginPin, Target
from mlconfig.plan.steps import DeployStep, ReadStep, TrainStep, TuneStep
from mlconfig.sections import Features, Model, Period, Serving, ServingLog, Split, Tuning
from mlconfig.vocabulary import FrozenDict, PluginRef

CSV = PluginPin(kind="source", name="csv", distribution="mlconfig")


def make_plan(*, learning_rate=0.1, tuned=True, replicas=1, path="a.csv", sampled=1.0):
    learning = {
        "task": "binary", "features": Features(), "split": Split(), "metric": "roc_auc",
        "model": Model(name="lightgbm", params=FrozenDict({"learning_rate": learning_rate})),
    }  # fmt: skip
    space = Tuning.model_validate_json('{"space": {"model.params.num_leaves": {"int": [2, 9]}}}', strict=True)
    leaves = Target(step="train", path=("model", "params", "num_leaves"))
    tune = TuneStep(
        id="tune", inputs=("read",), tuning=space, targets=FrozenDict({"model.params.num_leaves": leaves}), **learning
    )
    read = ReadStep(
        id="read", source=PluginRef(name="csv", params=FrozenDict({"path": path})), target="y", plugins=(CSV,)
    )
    train = TrainStep(id="train", inputs=("read", "tune") if tuned else ("read",), **learning)
    serving = Serving(num_replicas=replicas, log=ServingLog(sample_fraction=sampled))
    deploy = DeployStep(id="deploy", inputs=("train",), endpoint="churn", serving=serving)
    return Plan(name="churn", task="binary", steps=(read, *((tune,) if tuned else ()), train, deploy))


def actions(plan, before, content="rows", done=()):
    return {change.step: change.action for change in diff(plan, before, content, set(done).__contains__)}


def run_keys(plan, content="rows"):
    return {plan.run_key(step, content) for step in plan.steps}


def test_a_changed_learning_rate_leaves_reading_alone():
    slow, fast = make_plan(learning_rate=0.01), make_plan(learning_rate=0.3)
    assert slow.digests["read"] == fast.digests["read"]
    assert slow.digests["tune"] != fast.digests["tune"]
    assert slow.digests["train"] != fast.digests["train"]
    assert slow.digests["deploy"] != fast.digests["deploy"]


def test_a_package_version_does_not_move_a_digest_but_a_revision_does():
    plan = make_plan()
    read = plan.step(ReadStep)
    renamed = read.model_copy(update={"plugins": (CSV.model_copy(update={"distribution": "other"}),)})
    revised = read.model_copy(update={"plugins": (CSV.model_copy(update={"revision": 2}),)})
    assert renamed.digest({}) == read.digest({}) != revised.digest({})


def test_a_run_key_adds_the_content():
    plan = make_plan()
    step = plan.step(TrainStep)
    assert plan.run_key(step, "a") == plan.run_key(step, "a") != plan.run_key(step, "b")


def test_the_file_reads_back(tmp_path):
    plan = make_plan().with_base("live")
    (tmp_path / "plan.json").write_text(plan.to_json())
    assert read_plan(tmp_path / "plan.json") == plan


def test_a_plan_changed_by_hand_is_refused(tmp_path):
    tree = json.loads(make_plan().to_json())
    tree["steps"][0]["target"] = "z"
    (tmp_path / "plan.json").write_text(json.dumps(tree))
    with pytest.raises(PlanError, match="changed by hand"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no plan"),
        ("[]", "no plan"),
        ('{"schema_version": 9}', "schema version 9"),
        ('{"schema_version": 1}', "name"),
    ],
)
def test_what_is_no_plan_is_told_with_its_place(tmp_path, text, fault):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlanError, match=fault) as caught:
        read_plan(tmp_path / "plan.json")
    assert "plan.json" in str(caught.value)


def test_a_step_that_builds_on_a_later_one_is_refused():
    read, train = make_plan().step(ReadStep), make_plan(tuned=False).step(TrainStep)
    with pytest.raises(ValueError, match="does not come before it"):
        Plan(name="churn", task="binary", steps=(train, read))


@given(st.integers(min_value=2, max_value=9))
def test_binding_puts_the_value_in_place_and_leaves_nothing_to_search(leaves):
    plan = make_plan()
    bound = plan.bind({"model.params.num_leaves": leaves})
    assert bound.step(TrainStep).model.params == {"learning_rate": 0.1, "num_leaves": leaves}
    assert bound.find(TuneStep) is None
    assert bound.step(TrainStep).inputs == ("read",)
    assert bound.digests["read"] == plan.digests["read"]
    assert plan.step(TrainStep).model.params == {"learning_rate": 0.1}


def test_another_period_reads_again():
    later = make_plan().over(Period(since="2016-01-01"))
    assert later.step(ReadStep).period.since == "2016-01-01"
    assert later.digests["train"] != make_plan().digests["train"]


def test_nothing_before_adds_everything():
    assert set(actions(make_plan(), None).values()) == {"add"}


def test_what_was_carried_out_is_kept():
    plan = make_plan()
    assert set(actions(plan, plan, done=run_keys(plan)).values()) == {"keep"}


def test_what_is_no_longer_declared_is_removed():
    plan, before = make_plan(tuned=False), make_plan()
    assert actions(plan, before, done=run_keys(before)) == {
        "read": "keep", "tune": "remove", "train": "change", "deploy": "change",
    }  # fmt: skip


def test_a_change_says_which_value_and_what_it_means_for_replicas():
    before = make_plan()
    (light,) = [c for c in diff(make_plan(replicas=2), before, "rows", run_keys(before).__contains__) if c.changes]
    assert (light.step, light.why, light.effect) == ("deploy", ("serving.num_replicas: 1 → 2",), "light")
    (heavy,) = [c for c in diff(make_plan(sampled=0.5), before, "rows", run_keys(before).__contains__) if c.changes]
    assert heavy.effect == "restarts replicas"


def test_without_the_content_it_is_known_after_reading():
    plan = make_plan()
    assert actions(plan, plan, content=None, done=run_keys(plan))["read"] == "unknown"


def test_the_text_tree_reads_aloud():
    before = make_plan()
    text = render_plan(
        make_plan(learning_rate=0.05),
        diff(make_plan(learning_rate=0.05), before, "rows", run_keys(before).__contains__),
    )
    assert text == (
        "churn  (binary)  plan " + make_plan(learning_rate=0.05).digest[:12] + "\n"
        "├─ = read      source csv (path=a.csv), target y\n"
        "├─ ~ tune      random search, 50 trials, by roc_auc: model.params.num_leaves\n"
        "│       model.params.learning_rate: 0.1 → 0.05\n"
        "├─ ~ train     model lightgbm (learning_rate=0.05), random split, test 0.2\n"
        "│       model.params.learning_rate: 0.1 → 0.05\n"
        "│       `tune` runs\n"
        "└─ ~ deploy    POST /v1/churn/predict, 1 replica(s) [light]\n"
        "        `train` runs\n"
        "\n"
        "3 to change, 1 to keep\n"
    )

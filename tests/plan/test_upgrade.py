"""A stored plan survives an upgrade: it is read, means what it meant, and keeps the digests its results were kept under."""

import functools
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlconfig.errors import PlanError
from mlconfig.plan.plan import Plan, read_plan
from mlconfig.plan.steps import DeployStep, MonitorStep
from mlconfig.vocabulary import FrozenDict

FIRST_FORM = Path(__file__).parent / "first_form.json"
"""Written by a program whose plans had no seal, and whose sections had fewer keys than today's."""
GOLDEN = sorted((Path(__file__).parents[1] / "recipes" / "golden").glob("*.json"))
PLANS = [read_plan(file) for file in (FIRST_FORM, *GOLDEN)]
STEPS = [step for plan in PLANS for step in plan.steps]


def fresh(plan):
    """The same steps as the compiler would leave them: with the digests that this program works out."""
    return Plan.model_validate({**dict(plan), "digests": {}})


def leaves(tree, path=()):
    """Each value of a JSON tree that is neither a list nor a mapping, with its path."""
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if below is None:
        yield path, tree
    else:
        for key, value in below:
            yield from leaves(value, (*path, key))


def put(tree, path, value):
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


WORDS = sorted({value for step in STEPS for _, value in leaves(step.settings()) if isinstance(value, str)})
OTHERS = (
    True,
    False,
    1,
    2,
    7,
    40,
    0.05,
    0.3,
    0.7,
    None,
    *WORDS,
    "time",
    "stratified",
    "sync",
    "fast",
    "3h",
    "5MiB",
    "2011-01-01",
)


@functools.cache
def others(number, path):
    """A step of ``STEPS`` with the value at ``path`` changed into each that is valid there."""
    step, found = STEPS[number], []
    for value in OTHERS:
        tree = step.model_dump(mode="json", by_alias=True)
        put(tree, path, value)
        with suppress(ValidationError):
            found.append(type(step).model_validate_json(json.dumps(tree), strict=True))
    return [other for other in found if other != step]


@st.composite
def changes(draw):
    """A step, and the same with one value changed into another that is valid."""
    number = draw(st.integers(0, len(STEPS) - 1))
    path = draw(st.sampled_from([path for path, _ in leaves(STEPS[number].settings())]))
    found = others(number, path)
    return STEPS[number], draw(st.sampled_from(found)) if found else STEPS[number]


@pytest.fixture
def written(tmp_path):
    def write(tree):
        (tmp_path / "plan.json").write_text(tree if isinstance(tree, str) else json.dumps(tree))
        return tmp_path / "plan.json"

    return write


def test_a_plan_of_an_earlier_program_is_read_with_its_digests():
    tree = json.loads(FIRST_FORM.read_text())
    deploy = next(step for step in tree["steps"] if step["kind"] == "deploy")
    assert "seal" not in tree
    assert "rate_limit" not in deploy["serving"]
    plan = read_plan(FIRST_FORM)
    assert dict(plan.digests) == tree["digests"]
    assert plan.step(DeployStep).serving.rate_limit.open


def test_what_was_read_is_written_in_todays_form_and_keeps_its_digests(written):
    plan = read_plan(FIRST_FORM)
    again = read_plan(written(plan.to_json()))
    assert again == plan
    assert json.loads(plan.to_json())["schema_version"] == 2
    assert again.digest == plan.digest != fresh(plan).digest


@given(st.sampled_from([FIRST_FORM, *GOLDEN]), st.data())
def test_whatever_is_changed_by_hand_is_found_out(tmp_path_factory, file, data):
    tree = json.loads(file.read_text())
    places = [each for each in leaves({"steps": tree["steps"]}) if not {"notices", "distribution"} & set(each[0])]
    path, value = data.draw(st.sampled_from(places))
    put(tree, path, data.draw(st.sampled_from([other for other in OTHERS if other != value])))
    by_hand = tmp_path_factory.getbasetemp() / "by_hand.json"
    by_hand.write_text(json.dumps(tree))
    with pytest.raises(PlanError):
        read_plan(by_hand)


@pytest.mark.parametrize("file", [FIRST_FORM, GOLDEN[0]], ids=["first form", "today's"])
@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["digests"].update(train="0" * 64),
        lambda tree: tree.pop("digests"),
        lambda tree: tree["steps"][0].pop("on_breach"),
        lambda tree: tree["steps"][-1]["retraining"].update(cooldown="9d"),
    ],
)
def test_a_digest_or_a_key_that_somebody_took_out_is_missed(written, file, change):
    tree = json.loads(file.read_text())
    change(tree)
    with pytest.raises(PlanError, match="the plan was changed by hand"):
        read_plan(written(tree))


def test_todays_seal_is_over_the_whole_plan(written):
    tree = json.loads(PLANS[1].with_base("live").to_json())
    for change in ({"based_on": None}, {"random_state": 7}, {"schema_version": 1}, {"seal": None}):
        with pytest.raises(PlanError, match="the plan was changed by hand"):
            read_plan(written(tree | change))
    assert read_plan(written(json.dumps(tree, sort_keys=True, indent=7))).digest == PLANS[1].digest


def test_digests_of_other_steps_are_refused():
    with pytest.raises(ValidationError, match="not of the same steps"):
        Plan.model_validate({**dict(PLANS[0]), "digests": FrozenDict({"read": "a"})})


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_program_with_more_keys_reads_it_and_finds_nothing_changed(plan, with_more_keys):
    later = with_more_keys.Plan.from_json(plan.to_json())
    assert later.steps[0].later_readstep_flag is True
    assert later.step(with_more_keys.DeployStep).serving.batching.later_batching == 7
    assert dict(later.digests) == dict(plan.digests)
    assert later.meaning() == plan.meaning()
    assert with_more_keys.Plan.from_json(later.to_json()) == later


@given(changes())
def test_another_value_makes_another_digest_and_a_key_that_came_later_does_not(with_more_keys, change):
    step, other = change
    inputs = dict.fromkeys(step.inputs, "its input")
    assert (other.digest(inputs) == step.digest(inputs)) == (other.settings() == step.settings())
    later_step = next(kind for kind in _kinds(with_more_keys) if kind.__name__ == type(step).__name__)
    later = later_step.model_validate_json(other.model_dump_json(by_alias=True), strict=True)
    assert later.model_dump() != other.model_dump()
    assert later.digest(inputs) == other.digest(inputs)


def _kinds(program):
    base = program.BaseStep
    found = [base]
    for kind in found:
        found += kind.__subclasses__()
    return found


def test_a_value_of_a_key_that_came_later_makes_another_digest(with_more_keys):
    later = with_more_keys.Plan.from_json(PLANS[1].to_json())
    deploy = later.step(with_more_keys.DeployStep)
    batching = deploy.serving.batching.model_copy(update={"later_batching": 8})
    told = deploy.model_copy(update={"serving": deploy.serving.model_copy(update={"batching": batching})})
    assert told.digest(later.digests) != deploy.digest(later.digests)


def other_default(text):
    return text.replace("num_replicas: int = Field(1,", "num_replicas: int = Field(2,")


def raised(text):
    key = "    restarts_replicas: ClassVar[bool] = True\n"
    return text.replace(key, f"{key}    defaults_revision: ClassVar[int] = 2\n")


def test_a_stored_plan_goes_on_meaning_what_it_meant_when_a_default_changes(program):
    later = program({"sections/serving.py": other_default, "plan/steps.py": raised})
    stored = later.Plan.from_json(PLANS[1].to_json())
    assert stored.step(later.DeployStep).serving.num_replicas == 1
    assert dict(stored.digests) == dict(PLANS[1].digests)
    unsaid = _with_replicas(later, stored, 2)  # what the same recipe says by now
    said = _with_replicas(later, stored, 1)
    assert unsaid.digests["deploy"] not in (stored.digests["deploy"], said.digests["deploy"])
    assert unsaid.named_as(stored).digests["deploy"] == unsaid.digests["deploy"]
    assert said.named_as(stored).digests == stored.digests


def _with_replicas(program, plan, count):
    deploy = plan.step(program.DeployStep)
    other = deploy.model_copy(update={"serving": deploy.serving.model_copy(update={"num_replicas": count})})
    steps = tuple(other if step.id == "deploy" else step for step in plan.steps)
    return program.Plan.model_validate({**dict(plan), "steps": steps, "digests": {}})


def test_what_means_the_same_bears_the_digests_of_what_was_applied():
    before = read_plan(FIRST_FORM)
    again = fresh(before)
    assert not set(again.digests.values()) & set(before.digests.values())
    assert again.named_as(None) == again
    assert again.named_as(before) == before
    monitor = again.step(MonitorStep)
    other = monitor.model_copy(update={"metric": "accuracy"})
    steps = tuple(other if step.id == "monitor" else step for step in again.steps)
    changed = Plan.model_validate({**dict(again), "steps": steps, "digests": {}})
    named = changed.named_as(before)
    differ = {name for name in named.digests if named.digests[name] != before.digests[name]}
    assert differ == {"monitor", "retrain"}
    assert all(named.digests[name] == changed.digests[name] for name in differ)

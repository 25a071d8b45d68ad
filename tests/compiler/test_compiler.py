"""``compile_plan`` is pure: the same recipe gives the same plan everywhere, and a change moves only what builds on it."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
import yaml

from mlconfig.compiler.compiler import compile_plan
from mlconfig.plan.steps import DeployStep, GateStep, TuneStep
from mlconfig.recipe.load import load_recipe

SPACE = {"space": {"model.params.num_leaves": {"int": [4, 9], "log": True}}, "trials": 5}
PROBE = """
import sys
from mlconfig import compile_plan, load_recipe
sys.stdout.write(compile_plan(load_recipe(sys.argv[1])).to_json())
"""


def changed(one, other):
    return [step for step in one.digests if one.digests[step] != other.digests.get(step)]


def kinds(plan):
    return [step.kind for step in plan.steps]


def test_the_same_in_another_process_and_folder(project, tmp_path_factory):
    plan = project.plan(tuning=SPACE, retraining={"when": ["performance", "lasting_drift"]})
    for seed, folder in (("1", tmp_path_factory.mktemp("elsewhere")), ("2", project.folder)):
        run = subprocess.run(
            [sys.executable, "-c", PROBE, str(project.folder / "toy.yaml")],
            capture_output=True, text=True, cwd=folder, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert run.stdout == plan.to_json()


def test_compiling_touches_no_file(project):
    before = sorted(project.folder.rglob("*"))
    project.plan()
    assert sorted(project.folder.rglob("*")) == sorted([*before, project.folder / "toy.yaml"])


def test_order_of_the_sections_does_not_matter(project):
    plan = project.plan(tuning=SPACE)
    tree = yaml.safe_load((project.folder / "toy.yaml").read_text())
    file = project.write(dict(reversed(tree.items())), "backwards.yaml")
    assert compile_plan(load_recipe(file)).to_json() == plan.to_json()


@pytest.mark.parametrize(
    ("override", "first"),
    [
        ("model.params.learning_rate=0.05", "tune"),
        ("tuning.trials=6", "tune"),
        ("data.source.params.rows=50", "read"),
        ("data.period.until=2030-01-01", "read"),
        ("data.split.test_fraction=0.3", "tune"),
        ("packaging.parity.tolerance=1e-5", "package"),
        ("tags={team: a}", "register"),
        ("evaluation.interval.level=0.9", "evaluate"),
        ("evaluation.gates.accuracy.min=0.6", "evaluate"),
        ("serving.num_replicas=2", "deploy"),
        ("monitoring.every=2h", "monitor"),
        ("retraining.cooldown=2h", "retrain"),
    ],
)
def test_a_change_moves_what_it_belongs_to_and_what_builds_on_it(project, override, first):
    told = {"tuning": SPACE, "retraining": {"when": ["performance"]}}
    plan = project.plan(**told)
    moved = changed(project.plan(override, **told), plan)
    assert moved[0] == first
    order = kinds(plan)
    assert set(moved) <= set(order[order.index(first) :])
    for step in plan.steps:
        if set(step.inputs) & set(moved):
            assert step.id in moved


def test_a_learning_rate_does_not_read_the_data_again(project):
    plan = project.plan()
    moved = changed(project.plan("model.params.learning_rate=0.05"), plan)
    assert "read" not in moved
    assert {"train", "package", "gate", "deploy"} <= set(moved)


def test_the_steps_that_a_recipe_asks_for(project):
    batch = ["read", "train", "package", "register", "evaluate", "gate"]
    assert kinds(project.plan()) == [*batch, "deploy", "monitor"]
    assert kinds(project.plan("monitoring=none")) == [*batch, "deploy"]
    assert kinds(project.plan("serving=none", "monitoring=none")) == batch
    assert kinds(project.plan("engine.executor=local")) == batch
    everything = project.plan(tuning=SPACE, retraining={"when": ["performance"]})
    assert kinds(everything) == ["read", "tune", *batch[1:], "deploy", "monitor", "retrain"]


def test_an_input_is_a_step_of_the_plan(project):
    for plan in (project.plan(), project.plan(tuning=SPACE), project.plan("monitoring=none", tuning=SPACE)):
        ids = [step.id for step in plan.steps]
        assert all(set(step.inputs) <= set(ids[: ids.index(step.id)]) for step in plan.steps)
        assert ("tune" in plan.steps[ids.index("train")].inputs) == (plan.find(TuneStep) is not None)


def test_the_metrics_are_the_primary_the_reported_and_the_gated(project):
    plan = project.plan(
        evaluation={"metrics": ["log_loss"], "gates": {"accuracy": {"min": 0.5}, "size": {"max": "1MiB"}}}
    )
    assert [step.metrics for step in plan.steps if step.kind == "evaluate"] == [("roc_auc", "log_loss", "accuracy")]
    assert list(plan.step(GateStep).gates) == ["accuracy", "size"]


def test_the_endpoint_is_named_by_the_recipe_or_by_itself(project):
    assert project.plan().step(DeployStep).endpoint == "toy"
    assert project.plan("serving.endpoint=churn").step(DeployStep).endpoint == "churn"


FILE = """
from mlconfig.contracts import Metric, MetricTags


class Luck(Metric):
    tags = MetricTags(tasks=frozenset({"binary"}))

    def score(self, y, predicted):
        return float((y == predicted).mean())
"""


def test_a_projects_plugin_is_pinned_by_its_bytes(project):
    (project.folder / "plugins").mkdir()
    file = project.folder / "plugins" / "luck.py"
    file.write_text(FILE)
    told = {"plugins": ["luck"], "evaluation": {"metrics": ["luck"]}}
    plan = project.plan(**told)
    (pin,) = {pin for step in plan.steps for pin in step.plugins if pin.name == "luck"}
    assert (pin.kind, pin.distribution) == ("metric", "plugins/luck.py")
    assert pin.sha256 == hashlib.sha256(FILE.encode()).hexdigest()
    assert {pin.sha256 for step in plan.steps for pin in step.plugins if pin.name != "luck"} == {None}
    file.write_text(FILE + "\n# changed\n")
    assert changed(project.plan(**told), plan)[0] == "evaluate"


@pytest.mark.parametrize(
    ("overrides", "sections"),
    [
        ((), {}),
        ((), {"tuning": SPACE, "retraining": {"when": {"schedule": {"cron": "0 3 * * 0"}}, "cooldown": "3d"}}),
        (("serving=none", "monitoring=none"), {"model": "logistic_regression"}),
        (("engine.executor=local",), {"model": {"name": "random_forest", "params": {"n_estimators": 5}}}),
        ((), {"model": {"name": "lightgbm", "early_stopping": "none"}, "owner": "A", "tags": {"team": "b"}}),
        ((), {"monitoring": {"every": "5m", "signals": {"input_drift": "none", "own": {"name": "ks"}}}}),
        (
            ("data.source.params={rows: 50}", "random_state=3", "time_zone=Europe/Berlin"),
            {"features": {"exclude": ["x1"], "columns": {"x0": {"kind": "numeric", "transforms": {"clip": {"low": 0.1}}}}}},
        ),
        (("alerts.sinks={hook: {name: webhook, params: {url: '${secret:HOOK}'}}}",), {"evaluation": {"metric": "f1"}}),
    ],
)  # fmt: skip
def test_what_a_plan_declares_compiles_to_the_same_plan(project, overrides, sections):
    plan = project.plan(*overrides, **sections)
    again = compile_plan(load_recipe(project.write(plan.declared(), "declared.yaml")))
    assert again.to_json() == plan.to_json()


def test_a_secret_stays_a_marker(project, monkeypatch):
    monkeypatch.setenv("HOOK", "https://hidden.example")
    plan = project.plan("alerts.sinks={hook: {name: webhook, params: {url: '${secret:HOOK}'}}}")
    assert "${secret:HOOK}" in plan.to_json()
    assert "hidden" not in plan.to_json() + json.dumps(plan.declared())

"""Which signals a plan watches, what is refused of those that were asked for, and what a person is told of them."""

import pytest
import yaml

from mlconfig.compiler.compiler import compile_plan
from mlconfig.plan.diff import diff
from mlconfig.plan.plan import read_plan
from mlconfig.plan.render import render_plan
from mlconfig.plan.steps import EvaluateStep, MonitorStep, PackageStep
from mlconfig.recipe.load import load_recipe

REGRESSION = {"task": "regression", "model": "ridge"}
GROUPS = {"fairness": {"groups": ["sex"]}}
NOTICE = """
from typing import ClassVar

from mlconfig.contracts import Detector, DetectorTags


class Licensed(Detector):
    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"rows"}), columnwise=False, notice="ask [Seldon] first")

    def check(self, evidence):
        return ()
"""


def signals(plan):
    return {name: signal.name for name, signal in plan.step(MonitorStep).monitoring.signals.items()}


def pinned(plan):
    return {pin.name for pin in plan.step(MonitorStep).plugins if pin.kind == "detector"}


def test_auto_is_all_that_apply_to_the_task(project):
    assert list(signals(project.plan())) == [
        "data_quality", "input_drift", "multivariate_drift", "domain", "prediction_drift", "confidence", "performance",
        "estimated_performance", "service",
    ]  # fmt: skip
    regression = project.plan(**REGRESSION)
    assert "confidence" not in signals(regression)
    assert signals(regression)["estimated_performance"] == "dle"
    assert pinned(regression) == set(signals(regression).values())


def test_requests_are_not_counted_by_event_time(project):
    by_event = {"monitoring": {"time": "event"}}
    assert "service" not in signals(project.plan(**by_event))
    by_event["monitoring"]["signals"] = {"service": {"params": {"max_latency_p99": "50ms"}}}
    (fault,) = project.faults(**by_event)
    assert fault.endswith(
        "monitoring.signals.service: `service` counts requests by the clock, and monitoring.time is `event` "
        "(remove it, or watch by arrival)"
    )


def test_groups_bring_fairness(project):
    plan = project.plan(evaluation=GROUPS)
    monitor = plan.step(MonitorStep)
    assert signals(plan)["fairness"] == "fairness"
    assert monitor.fairness == plan.step(EvaluateStep).fairness
    assert (monitor.fairness.groups, monitor.fairness.min_ratio) == (("sex",), 0.8)
    assert plan.step(PackageStep).groups == ("sex",)
    assert "the packaged bytes: roc_auc; fairness by sex" in render_plan(plan)


def test_groups_of_more_classes_are_measured_and_not_watched(project):
    plan = project.plan(evaluation=GROUPS, task="multiclass")
    assert plan.step(EvaluateStep).fairness.groups == ("sex",)
    assert "fairness" not in signals(plan)
    assert plan.notices == (
        "evaluation.fairness is measured on held-out rows and not watched: `fairness` is for binary, the task is multiclass",
    )
    assert project.plan(evaluation=GROUPS).notices == ()
    silent = {"signals": {"fairness": "none"}}
    assert project.plan(evaluation=GROUPS, task="multiclass", monitoring=silent).notices == ()


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        (
            {"monitoring": {"signals": {"fairness": {}}}},
            ("monitoring.signals.fairness: `fairness` compares groups, and there are none "
            "(name columns in evaluation.fairness.groups)"),
        ),
        (
            REGRESSION | {"monitoring": {"signals": {"confidence": {"params": {"max_drop": 0.1}}}}},
            ("monitoring.signals.confidence: `confidence` is for binary, multiclass, the task is regression "
            "(remove it)"),
        ),
        (
            REGRESSION | {"monitoring": {"signals": {"estimated_performance": "cbpe"}}},
            ("monitoring.signals.estimated_performance: `cbpe` is for binary, multiclass, the task is regression "
            "(remove it)"),
        ),
        (
            {"monitoring": {"signals": {"other": {"name": "dle"}}}},
            "monitoring.signals.other: `dle` is for regression, the task is binary (remove it)",
        ),
        (
            {"monitoring": {"signals": {"service": {"report": ["ks"]}}}},
            "monitoring.signals.service.report: has no effect: `service` tells no other distances (remove it)",
        ),
        (
            {"monitoring": {"signals": {"performance": {"columns": ["x0"]}}}},
            "monitoring.signals.performance.columns: has no effect: `performance` looks at no columns (remove it)",
        ),
        (
            {"monitoring": {"signals": {"prediction_drift": {"columns": {"top": 3}}}}},
            ("monitoring.signals.prediction_drift.columns: `top` chooses among the features, and this signal looks "
            "at the answers (remove it)"),
        ),
        (
            {"monitoring": {"signals": {"input_drift": {"columns": ["x0", "x1"]}}}, "features": {"exclude": ["x1"]}},
            ("monitoring.signals.input_drift.columns: `x1` is no feature, and only features are watched "
            "(remove it)"),
        ),
        (
            {"monitoring": {"signals": {"input_drift": {"columns": ["x0", "x2"]}}}, "features": {"include": ["x0", "x1"]}},
            ("monitoring.signals.input_drift.columns: `x2` is no feature, and only features are watched "
            "(remove it)"),
        ),
        (
            {"monitoring": {"signals": {"input_drift": {"columns": []}}}},
            ("monitoring.signals.input_drift.columns: names no column, so nothing is looked at "
            "(write auto, or `none` for the signal)"),
        ),
        (
            {
                "monitoring": {"signals": {"own": {"name": "ks", "columns": ["x0", "x1"]}}},
                "features": {"columns": {"x1": {"kind": "categorical"}}},
            },
            ("monitoring.signals.own.columns: `x1` is categorical, and `ks` compares numeric columns only "
            "(take it out, or compare it with chi2, js or psi)"),
        ),
        (
            {"monitoring": {"signals": {"prediction_drift": {"name": "wasserstein", "columns": ["prediction.label"]}}}},
            ("monitoring.signals.prediction_drift.columns: `prediction.label` is categorical, and `wasserstein` compares "
            "numeric columns only (take it out, or compare it with chi2, js or psi)"),
        ),
        (
            {"monitoring": {"signals": {"prediction_drift": {"columns": ["prediction.vlue"]}}}} | REGRESSION,
            ("monitoring.signals.prediction_drift.columns: an answer has no column `prediction.vlue` "
            "(did you mean `prediction.value`?)"),
        ),
        (
            {"monitoring": {"every": "30m", "signals": {"domain": {"every": "45m"}}}},
            ("monitoring.signals.domain.every: 45m is no multiple of monitoring.every, 30m "
            "(windows are put together out of those of monitoring.every)"),
        ),
        (
            {"monitoring": {"every": "2h", "signals": {"input_drift": {"every": "1h"}}}},
            ("monitoring.signals.input_drift.every: 1h is no multiple of monitoring.every, 2h "
            "(windows are put together out of those of monitoring.every)"),
        ),
        (
            {"monitoring": {"signals": {"performance": {"params": {"max": 0.9}}}}},
            ("monitoring.signals.performance.params.max: has no effect: of the metric `roc_auc`, more is better "
            "(`min` is the lowest value that is accepted)"),
        ),
        (
            REGRESSION | {"monitoring": {"signals": {"performance": {"params": {"min": 3.0}}}}},
            ("monitoring.signals.performance.params.min: has no effect: of the metric `rmse`, less is better "
            "(`max` is the highest value that is accepted)"),
        ),
        (
            {"monitoring": {"signals": {"own": {"name": "performance", "params": {"max": 0.9}}}}},
            ("monitoring.signals.own.params.max: has no effect: of the metric `roc_auc`, more is better "
            "(`min` is the lowest value that is accepted)"),
        ),
        (
            {"monitoring": {"scales": ["1s", "2h"]}},
            ("monitoring.scales: 1s is shorter than monitoring.every, 1h, so nothing is seen by it "
            "(windows are put together out of those of monitoring.every)"),
        ),
        (
            {"monitoring": {"every": "5m", "scales": ["1h", "7m"]}},
            ("monitoring.scales: 7m is no multiple of monitoring.every, 5m "
            "(windows are put together out of those of monitoring.every)"),
        ),
        (
            {"monitoring": {"scales": ["1h", "24h", "1d"]}},
            "monitoring.scales: 1d is named twice (name it once)",
        ),
        (
            {"retraining": {"when": {"lasting_drift": {"signals": ["input_drift", "input_drfit"]}}}},
            ("retraining.when.lasting_drift.signals: there is no signal `input_drfit` in monitoring.signals "
            "(did you mean `input_drift`?)"),
        ),
        (
            {"retraining": {"when": {"performance": {"signals": "fairness"}}}},
            ("retraining.when.performance.signals: `fairness` is not watched: `fairness` compares groups, and there are "
            "none (name columns in evaluation.fairness.groups)"),
        ),
        (
            {"alerts": {"rules": {"unfair": {"signal": "fairness"}}}},
            ("alerts.rules.unfair.signal: `fairness` is not watched: `fairness` compares groups, and there are none "
            "(name columns in evaluation.fairness.groups)"),
        ),
    ],
)  # fmt: skip
def test_what_was_asked_for_and_cannot_be_is_refused(project, sections, fault):
    (found,) = project.faults(**sections)
    place, what = found.split(": ", 1)
    assert place.startswith("toy.yaml:")
    assert what == fault


@pytest.mark.parametrize(
    "sections",
    [
        {"monitoring": {"signals": {"input_drift": {"columns": ["x0"], "report": ["ks"], "every": "2h"}}}},
        {"monitoring": {"signals": {"prediction_drift": {"columns": ["prediction.score"]}}}},
        {"monitoring": {"signals": {"input_drift": {"columns": {"top": 2}, "report": []}}}},
        {"monitoring": {"signals": {"domain": {"columns": ["x0", "x1"]}, "multivariate_drift": {"columns": ["x0"]}}}},
        {"monitoring": {"signals": {"fairness": {}}}, "evaluation": GROUPS},
        {"monitoring": {"every": "7h"}},
        {"monitoring": {"every": "7h", "scales": ["1h", "24h", "7d"]}},
        {"monitoring": {"every": "7h", "scales": ["7h", "21h"]}},
        {"monitoring": {"every": "7h", "scales": []}},
        {"monitoring": {"signals": {"performance": {"params": {"min": 0.9}}}}},
        REGRESSION | {"monitoring": {"signals": {"performance": {"params": {"max": 3.0, "min": None}}}}},
        {"retraining": {"when": ["lasting_drift"]}, "monitoring": {"signals": {"input_drift": "none"}}},
        {"retraining": {"when": {"lasting_drift": {"signals": "input_drift"}, "schedule": {"cron": "0 3 * * 1"}}}},
        {"monitoring": {"every": "2d"}},
        {"alerts": {"rules": {"unfair": {"signal": "fairness"}}}, "evaluation": GROUPS},
        REGRESSION | {"monitoring": {"signals": {"estimated_performance": "dle", "confidence": "none"}}},
    ],
)
def test_what_was_asked_for_and_can_be_is_taken(project, sections):
    assert project.plan(**sections).find(MonitorStep) is not None


def test_params_of_ours_reach_the_detector_of_the_task(project):
    plan = project.plan("monitoring.signals.estimated_performance.params.max_drop=0.2", **REGRESSION)
    signal = plan.step(MonitorStep).monitoring.signals["estimated_performance"]
    assert (signal.name, signal.params) == ("dle", {"max_drop": 0.2})


def test_a_shared_preset_may_name_what_one_recipe_cannot_watch(project):
    preset = project.folder / "conf" / "monitoring" / "strict.yaml"
    preset.parent.mkdir()
    preset.write_text("signals: {fairness: {min_rows: 99}, confidence: {params: {max_drop: 0.01}}}\n")
    plan = project.plan("monitoring=strict", **REGRESSION)
    assert not {"fairness", "confidence"} & set(signals(plan))
    fair = project.plan("monitoring=strict", evaluation=GROUPS)
    assert fair.step(MonitorStep).monitoring.signals["fairness"].min_rows == 99


@pytest.mark.parametrize(
    "sections", [{}, REGRESSION, {"evaluation": GROUPS}, {"monitoring": {"signals": {"domain": "none"}}}]
)
def test_what_is_written_out_compiles_to_the_same(project, sections):
    """As `mlconfig show` prints it, with all defaults, and as the plan itself declares it."""
    plan = project.plan(**sections)
    shown = load_recipe(project.folder / "toy.yaml").effective()
    for name, tree in (("shown.yaml", shown), ("declared.yaml", plan.declared())):
        again = compile_plan(load_recipe(project.write(tree, name)))
        assert again.to_json() == plan.to_json(), name


def licensed(project):
    (project.folder / "plugins").mkdir()
    (project.folder / "plugins" / "licensed.py").write_text(NOTICE)
    drift = {"monitoring": {"signals": {"drift": "licensed", "again": "licensed"}}}
    return project.plan(plugins=["licensed"], **drift)


def test_a_detectors_notice_is_shown_once_and_kept_with_the_plan(project):
    plan = licensed(project)
    assert plan.notices == ("`licensed`: ask [Seldon] first",)
    assert render_plan(plan).endswith("\n\nnote: `licensed`: ask [Seldon] first\n")
    (project.folder / "plan.json").write_text(plan.to_json())
    assert read_plan(project.folder / "plan.json").notices == plan.notices
    assert project.plan().notices == ()


def test_a_notice_changes_nothing_that_is_done(project):
    plan = licensed(project)
    monitor = plan.step(MonitorStep)
    assert monitor.digest(plan.digests) == monitor.model_copy(update={"notices": ("other",)}).digest(plan.digests)


def test_other_monitoring_restarts_no_replica(project):
    before = project.plan()
    after = project.plan("monitoring.signals.input_drift.columns.top=3", "monitoring.every=2h", "alerts.repeat=2h")
    done = {before.run_key(step, "rows") for step in before.steps}
    changes = {each.step: each for each in diff(after, before, "rows", done.__contains__) if each.changes}
    assert list(changes) == ["monitor"]
    assert changes["monitor"].effect == ""
    assert set(changes["monitor"].why) == {
        "monitoring.every: 1h → 2h",
        "monitoring.signals.input_drift.columns: auto → {'names': None, 'top': 3}",
        "alerts.repeat: 1d → 2h",
    }


def test_a_stricter_bound_of_fairness_makes_no_new_version(project):
    before = project.plan(evaluation=GROUPS)
    after = project.plan("evaluation.fairness.min_ratio=0.9", evaluation=GROUPS)
    done = {before.run_key(step, "rows") for step in before.steps}
    changes = {each.step: each.effect for each in diff(after, before, "rows", done.__contains__) if each.changes}
    assert changes == {"evaluate": "", "gate": "", "deploy": "light", "monitor": ""}
    assert yaml.safe_load(after.to_json())["steps"][-1]["fairness"]["min_ratio"] == 0.9

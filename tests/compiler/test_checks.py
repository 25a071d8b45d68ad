"""What the compiler refuses: each problem with its place, the reason, and the nearest right word; all of them at once."""

import pytest


@pytest.mark.parametrize(
    ("sections", "where", "what"),
    [
        ({"model": "lightgmb"}, "toy.yaml:8: model.name", "there is no model `lightgmb`; there are hist_gradient_boosting"),
        ({"model": "lightgmb"}, "toy.yaml:8", "did you mean `lightgbm`? another package may bring it"),
        ({"tuning": {"searcher": "grit", "space": {"model.params.num_leaves": {"int": [2, 3]}}}}, "toy.yaml:10", "`grid`"),
        ({"packaging": {"exporter": "onx"}}, "toy.yaml:10: packaging.exporter.name", "did you mean `onnx`"),
        ({"monitoring": {"signals": {"drift": "pzi"}}}, "toy.yaml:11: monitoring.signals.drift.name", "did you mean `psi`"),
        ({"alerts": {"sinks": {"chat": "webhok"}}}, "toy.yaml:11: alerts.sinks.chat.name", "did you mean `webhook`"),
        ({"retraining": {"when": ["shedule"]}}, "toy.yaml:10: retraining.when.shedule", "did you mean `schedule`"),
        ({"features": {"kinds": {"numeric": ["clipp"]}}}, "toy.yaml:9: features.kinds.numeric.clipp", "`clip`"),
        ({"evaluation": {"metrics": ["roc_acu"]}}, "toy.yaml:10: evaluation.metrics", "did you mean `roc_auc`"),
        ({"evaluation": {"gates": {"roc_acu": {"min": 0.5}}}}, "toy.yaml:11: evaluation.gates.roc_acu", "`roc_auc`"),
    ],
)  # fmt: skip
def test_an_unknown_plugin_comes_with_a_close_match(project, sections, where, what):
    (fault,) = project.faults(**sections)
    assert fault.startswith(where)
    assert what in fault


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        (
            {"model": {"name": "lightgbm", "params": {"num_leafs": 3}}},
            "toy.yaml:11: model.params.num_leafs: unknown key (did you mean `num_leaves`?)",
        ),
        (
            {"model": {"name": "lightgbm", "params": {"learning_rate": "fast"}}},
            'toy.yaml:11: model.params.learning_rate: must be a number; got "fast"',
        ),
        (
            {"features": {"kinds": {"numeric": {"clip": {"lo": 1}}}}},
            "toy.yaml:11: features.kinds.numeric.clip.lo: unknown key (did you mean `low`?)",
        ),
        (
            {"retraining": {"when": {"schedule": {"chron": "0 3 * * 0"}}}},
            "toy.yaml:12: retraining.when.schedule.chron: unknown key (did you mean `cron`?)",
        ),
        (
            {"monitoring": {"signals": {"input_drift": {"params": {"tolerate": 0.1}}}}},
            "toy.yaml:13: monitoring.signals.input_drift.params.tolerate: unknown key (did you mean `tolerance`?)",
        ),
    ],
)  # fmt: skip
def test_wrong_params_have_their_line_and_the_nearest_key(project, sections, fault):
    assert fault in project.faults(**sections)


def test_a_problem_of_an_override_points_to_the_override(project):
    assert project.faults("model.params.num_leafs=3") == [
        "override model.params.num_leafs=3: model.params.num_leafs: unknown key (did you mean `num_leaves`?)"
    ]
    (fault,) = project.faults("model=lightgmb")
    assert fault.startswith("override model=lightgmb: model.name: there is no model `lightgmb`")


def test_what_a_plugin_cannot_do_is_said_with_what_it_can(project):
    assert project.faults(model="ridge") == [
        "toy.yaml:8: model.name: `ridge` cannot do the task binary, only regression"
    ]
    told = {"metric": "rmse", "metrics": ["r2"], "gates": {"mean_absolute_error": {"max": 1}}}
    assert project.faults(evaluation=told) == [
        f"toy.yaml:{line}: evaluation.{path}: the metric `{name}` is for regression, the task is binary"
        for line, path, name in (
            (11, "metrics", "r2"),
            (14, "gates.mean_absolute_error", "mean_absolute_error"),
            (10, "metric", "rmse"),
        )
    ]


def test_early_stopping_needs_rounds(project):
    (fault,) = project.faults(model={"name": "logistic_regression", "early_stopping": {"rounds": 7}})
    assert fault == (
        "toy.yaml:10: model.early_stopping: `logistic_regression` has no rounds, so this has no effect (remove it)"
    )
    for said in ("none", {"rounds": 50}):  # switched off, or the default written out
        project.plan(model={"name": "logistic_regression", "early_stopping": said})
    project.plan(model={"name": "lightgbm", "early_stopping": {"rounds": 7}})


def test_a_transform_takes_its_kinds_only(project):
    kinds = {"numeric": ["one_hot"], "categorical": ["standard_scale"], "timestamp": ["date_parts"]}
    numeric, categorical = project.faults(features={"kinds": kinds})
    assert (
        numeric
        == "toy.yaml:9: features.kinds.numeric.one_hot: `one_hot` does not take numeric columns, only categorical"
    )
    assert categorical.startswith(
        "toy.yaml:11: features.kinds.categorical.standard_scale: `standard_scale` does not take"
    )
    assert categorical.endswith("categorical columns, only boolean, numeric")
    assert project.faults(features={"columns": {"x0": {"kind": "numeric", "transforms": ["one_hot"]}}}) == [
        "toy.yaml:11: features.columns.x0.transforms.one_hot: `one_hot` does not take numeric columns, only categorical"
    ]


def test_a_chain_goes_on_with_what_a_transform_gives(project):
    project.plan(features={"kinds": {"categorical": {"ordinal": {}, "standard_scale": {}}}})
    (fault,) = project.faults(features={"kinds": {"categorical": {"ordinal": {}, "one_hot": {}}}})
    assert "`one_hot` does not take numeric columns" in fault


def test_gates_carry_their_units(project):
    gates = {"size": {"max": "5 bananas"}, "latency_p99": {"max": 5}, "roc_auc": {"min": "0.8"}}
    assert project.faults(evaluation={"gates": gates}) == [
        "toy.yaml:12: evaluation.gates.size.max: `5 bananas` is no size; write 64KiB 1MiB 8GiB",
        "toy.yaml:14: evaluation.gates.latency_p99.max: a duration is a number with its unit: 250ms 30s 5m 1h 7d",
        "toy.yaml:16: evaluation.gates.roc_auc.min: `0.8` is no number",
    ]
    project.plan(
        evaluation={"gates": {"size": {"max": "5MiB"}, "latency_p99": {"max": "5ms"}, "roc_auc": {"min": 0.8}}}
    )


def test_triggers_need_monitoring(project):
    (fault,) = project.faults("monitoring=none", retraining={"when": ["lasting_drift"]})
    assert fault == (
        "toy.yaml:10: retraining.when.lasting_drift: reads monitoring's verdicts, and monitoring is `none` "
        "(switch monitoring on, or use `schedule`)"
    )


TRIGGER = """
from mlconfig.contracts import Trigger, TriggerTags


class Mood(Trigger):
    tags = TriggerTags(needs_monitoring=True)

    def fires(self, view):
        return None
"""


def test_a_strangers_trigger_needs_monitoring_too_when_it_says_so(project):
    (project.folder / "plugins").mkdir()
    (project.folder / "plugins" / "mood.py").write_text(TRIGGER)
    (fault,) = project.faults("monitoring=none", plugins=["mood"], retraining={"when": ["mood"]})
    assert fault.endswith("retraining.when.mood: `mood` reads monitoring's verdicts, and monitoring is switched off")
    assert project.plan(plugins=["mood"], retraining={"when": ["mood"]}).steps[-1].kind == "retrain"


def test_a_file_that_cannot_be_loaded_is_told_once(project):
    (project.folder / "plugins").mkdir()
    (project.folder / "plugins" / "broken.py").write_text("import nothing_of_that_name\n")
    missing, broken, model = project.faults(plugins=["absent", "broken"], model="lightgmb")
    assert missing == f"toy.yaml:10: plugins.0: there is no file `plugins/absent.py` in {project.folder}"
    assert broken.startswith("toy.yaml:11: plugins.1: ")
    assert "No module named 'nothing_of_that_name'" in broken
    assert "there is no model `lightgmb`" in model


def test_all_problems_come_at_once(project):
    faults = project.faults(
        data={"source": "nope", "target": "t"},
        model={"name": "lightgbm", "params": {"leaves": 3}},
        features={"kinds": {"numeric": ["nope"]}},
        evaluation={"metrics": ["nope"], "gates": {"size": {"max": 1.5}}},
        packaging={"exporter": "nope"},
        tuning={"searcher": "nope", "space": {"model.params.num_leaves": {"int": [2, 3]}}},
        monitoring={"signals": {"input_drift": "nope"}},
        alerts={"sinks": {"chat": "nope"}},
        retraining={"when": ["nope"]},
    )
    paths = [fault.split(": ")[1] for fault in faults]
    assert sorted(paths) == sorted([
        "data.source.name", "model.params.leaves", "features.kinds.numeric.nope", "evaluation.metrics",
        "evaluation.gates.size.max", "packaging.exporter.name", "tuning.searcher.name",
        "monitoring.signals.input_drift.name", "alerts.sinks.chat.name", "retraining.when.nope",
    ])  # fmt: skip
    assert all(fault.startswith("toy.yaml:") for fault in faults)

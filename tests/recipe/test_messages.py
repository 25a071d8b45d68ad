"""What a user reads: the place, the key, the reason, the nearest valid key; all at once, in plain words."""

import re

import pytest

from mlconfig.recipe.sentences import sentence

JARGON = re.compile(r"pydantic|https?://errors|Input should|valid dictionary|type=|_type\b|Traceback")

WRONG = [
    ("tuning.trils=5", "override tuning.trils=5: tuning.trils: unknown key (did you mean `trials`?)"),
    ("tunning.trials=5", "override tunning.trials=5: tunning: unknown key (did you mean `tuning`?)"),
    ("tuning.trials=five", 'tuning.trials: must be a whole number; got "five"'),
    ("tuning.trials=5.5", "tuning.trials: must be a whole number; got 5.5"),
    ("tuning.trials=true", "tuning.trials: must be a whole number; got true"),
    ("tuning.trials=0", "tuning.trials: must be at least 1; got 0"),
    ("tuning=7", "tuning: must be a mapping; got 7 (its keys: space, searcher"),
    ("data.source=7", "data.source: must be a mapping; got 7 (a plugin's name, or {name: …, params: {…}})"),
    ("task=binry", 'task: must be binary, multiclass or regression; got "binry" (did you mean `binary`?)'),
    ("name=Churn", 'name: must be lower-case letters, digits and _, beginning with a letter; got "Churn"'),
    ("owner=[a]", "owner: must be text; got a list"),
    ("features.exclude=a", 'features.exclude: must be a list; got "a"'),
    ("monitoring.every=5", "monitoring.every: a duration is a number with its unit"),
    ("monitoring.every=0s", "monitoring.every: must be more than 0 seconds; got 0s"),
    ("serving.limits.receive=2h", "serving.limits.receive: must be at most 1 hour; got 2h"),
    (
        "serving.autoscaling_config={policy: {policy_function: f}}",
        'serving.autoscaling_config.policy.policy_function: must be `module:function`; got "f"',
    ),
    ("monitoring.signals.domain.every=0s", 'monitoring.signals.domain.every: must be more than 0 seconds; got "0s"'),
    (
        "monitoring.signals.input_drift.colums=[a]",
        "monitoring.signals.input_drift.colums: unknown key (did you mean `columns`?)",
    ),
    (
        "monitoring.signals.input_drift.columns.tpo=3",
        "monitoring.signals.input_drift.columns.tpo: unknown key (did you mean `top`?)",
    ),
    (
        "monitoring.signals.input_drift.report=[emd]",
        'monitoring.signals.input_drift.report.0: must be ks, js, kl, chi2 or wasserstein; got "emd"',
    ),
    (
        "monitoring.signals.input_drfit.params.tolerance=0.1",
        (
            "monitoring.signals.input_drfit.name: is missing "
            "(did you mean the signal `input_drift`? one of your own needs its detector's name)"
        ),
    ),
    (
        "monitoring.signals.of_us.min_rows=5",
        "monitoring.signals.of_us.name: is missing (The plugin's name, as `mlconfig plugins list` shows it.)",
    ),
    (
        "monitoring.signals.input_drfit=none",
        "monitoring.signals: there is no signal `input_drfit` to remove; did you mean `input_drift`?",
    ),
    (
        "monitoring.signals={}",
        "monitoring.signals: {} removes nothing; write auto for all that apply, or `none` under each that is not wanted",
    ),
    (
        "monitoring.false_alarms_per_month=1e9",
        "monitoring.false_alarms_per_month: must be at most 1000.0; got 1000000000.0",
    ),
    (
        "monitoring.signals=none",
        "(`monitoring: none` switches all of it off, `none` under a signal's name that signal)",
    ),
    (
        "alerts.sinks=none",
        "(write {} to tell nobody; `none` under a sink's name leaves that one out)",
    ),
    (
        "retraining.when=none",
        'retraining.when: must be a mapping; got "none" (`retraining: none` leaves it to `mlconfig retrain`)',
    ),
    ("alerts.rules=none", 'alerts.rules: must be a mapping; got "none" (write {} for none of them)'),
    ("evaluation.gates=none", 'evaluation.gates: must be a mapping; got "none" (write {} for none of them)'),
    ("evaluation.gates.auc.min=true", "evaluation.gates.auc.min: must be a number or text; got true"),
    ("evaluation.gates.auc={mode: report}", "evaluation.gates.auc: a gate needs `min`, `max`, `not_worse_by`"),
    ("data.split.test_fraction=1.5", "data.split.test_fraction: must be"),
    ("time_zone=Berlin", "time_zone: `Berlin` is no time zone"),
    ("time_zone=../../etc/passwd", "is no time zone"),
    ("plugins=[a/b.py]", "plugins.0: must be a bare name"),
    ("rollout.bake=5m", "rollout: unknown key"),
    ("data.period.since=yesterday", "data.period.since: `yesterday` is no date or time"),
    ("tags.a=5", "tags.a: must be text; got 5"),
]


@pytest.mark.parametrize(("override", "what"), WRONG, ids=[override for override, _ in WRONG])
def test_a_wrong_override_says_what_is_wrong(project, bare, override, what):
    faults = project.faults(bare, override)
    assert any(what in fault for fault in faults), faults
    assert all(fault.startswith(f"override {override}") for fault in faults)
    assert not any(JARGON.search(fault) for fault in faults)


@pytest.mark.parametrize("value", ["s3://b?x=1", "url#y", "f(x", "~x", "a)b"])
def test_what_the_grammar_refuses_is_shown_quoted(project, bare, value):
    (fault,) = project.faults(bare, f"data.source.params.path={value}")
    assert "this is no override" in fault
    assert f"quote it: 'data.source.params.path=\"{value}\"'" in fault
    quoted = project.load(bare, f'data.source.params.path="{value}"')
    assert quoted.data.source.params["path"] == value


def test_all_problems_come_at_once(project):
    text = "name: Churn\ndata:\n  sorce: csv\n  target: y\n  key: y\nfeatures: auto\nmodel: ridge\non: 1\n"
    faults = project.faults(text, "a=1,2", "tuning.trials=x")
    assert len(faults) == 7
    assert "recipes/churn.yaml:1: task: is missing (binary, multiclass or regression.)" in faults
    assert "recipes/churn.yaml:3: data.sorce: unknown key (did you mean `source`?)" in faults
    assert any(fault.startswith("recipes/churn.yaml:2: data.source: is missing") for fault in faults)


def test_rules_speak_beside_broken_sections(project, bare):
    faults = project.faults(bare.replace("model: lightgbm", "model: 5"), "data.split.by=time")
    assert [fault.split(": ")[1] for fault in faults] == ["model", "data.split.by"]


def test_there_is_no_such_recipe(project):
    from mlconfig.errors import RecipeError
    from mlconfig.recipe.load import load_recipe

    project.write("recipes/churn.yaml", "")
    with pytest.raises(
        RecipeError, match=r"recipes/chrn.yaml: there is no such recipe; did you mean `recipes/churn.yaml`"
    ):
        load_recipe("recipes/chrn.yaml")


def test_an_empty_recipe_misses_all_that_is_required(project):
    assert [fault.split(": ")[1] for fault in project.faults("")] == ["name", "task", "data", "features", "model"]


def test_a_duration_is_written_as_in_a_recipe():
    context = {"ge": "datetime.timedelta(seconds=10)"}
    assert sentence("greater_than_equal", "", context, "0s") == ('must be at least 10s; got "0s"', "")

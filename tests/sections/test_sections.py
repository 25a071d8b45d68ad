"""The section models: their own rules, their shorthand, and that each reads back what it writes."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mlconfig import sections
from mlconfig.sections import (
    AlertRule,
    Alerts,
    Autoscaling,
    Columns,
    Data,
    Dimension,
    Evaluation,
    EventTime,
    Fairness,
    Features,
    Gate,
    Model,
    Monitoring,
    Persistence,
    Reference,
    RetrainData,
    Retraining,
    Signal,
    Split,
    Tuning,
)

SMALLEST = {
    "Data": '{"source": "csv", "target": "y"}',
    "Model": '{"name": "ridge"}',
    "Retraining": '{"when": ["schedule"]}',
    "Gate": '{"min": 0.5}',
    "Dimension": '{"int": [1, 2]}',
    "EventTime": '{"columns": ["ts"]}',
    "Signal": '{"name": "psi"}',
    "Columns": '{"top": 10}',
    "AlertRule": '{"signal": "input_drift"}',
    "Sink": '{"name": "log"}',
    "Batch": '{"input": "parquet", "output": "csv", "cron": "0 2 * * *"}',
}


@pytest.mark.parametrize("name", sections.__all__)
def test_a_section_reads_back_what_it_writes(name):
    model = getattr(sections, name)
    section = model.model_validate_json(SMALLEST.get(name, "{}"), strict=True)
    assert model.model_validate_json(section.model_dump_json(by_alias=True), strict=True) == section


@pytest.mark.parametrize("name", sections.__all__)
def test_a_section_refuses_what_it_does_not_know(name):
    with pytest.raises(ValidationError, match="Extra inputs"):
        getattr(sections, name).model_validate({"no_such_key": 1})


@pytest.mark.parametrize("name", sections.__all__)
def test_every_key_says_what_it_is(name):
    fields = getattr(sections, name).model_fields
    assert [key for key, field in fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("model", "text", "fault"),
    [
        (EventTime, '{"columns": ["y", "m"]}', "need a `format`"),
        (EventTime, '{"row_every": "30m"}', "go together"),
        (EventTime, "{}", "either `columns`"),
        (Split, '{"test_fraction": 0.6, "validation_fraction": 0.4}', "no rows to train"),
        (Split, '{"by": "group"}', "needs `column`"),
        (Dimension, '{"int": [1, 2], "choice": [1]}', "exactly one"),
        (Dimension, '{"int": [2, 1]}', "low ≤ high"),
        (Dimension, '{"float": [0, 1], "log": true}', "above 0"),
        (Gate, '{"judge": "point"}', "needs `min`"),
        (Persistence, '{"alert": [4, 3]}', "m ≤ n"),
        (Columns, '{"names": ["a"], "top": 2}', "either names or `top`"),
        (Columns, '{"top": 0}', "greater than or equal to 1"),
        (Signal, '{"name": "psi", "report": ["emd"]}', "'ks', 'js', 'kl', 'chi2' or 'wasserstein'"),
        (Signal, '{"name": "psi", "every": "0s"}', "should be greater than"),
        (
            Reference,
            '{"use": "production", "period": {"since": "2026-01-01"}}',
            "needs a `period` with `since` and `until`",
        ),
        (Reference, '{"period": {"since": "2026-01-01", "until": "2026-02-01"}}', "no effect with `use: training`"),
        (Reference, '{"season": "month"}', "'auto', 'none', 'hour' or 'weekday'"),
        (AlertRule, '{"signal": "input_drift", "normal": [0.1, 0]}', "so low ≤ high"),
        (AlertRule, '{"signal": "input_drift", "normal": [0.1]}', "at least 2 items"),
        (Alerts, '{"repeat": "0s"}', "should be greater than"),
        (Fairness, '{"min_ratio": 0}', "greater than 0"),
        (Fairness, '{"max_gap": 1.0}', "less than 1"),
        (RetrainData, '{"use": "window"}', "needs `length`"),
        (RetrainData, '{"length": "1d"}', "does not take `length`"),
        (Tuning, '{"trials": "5"}', "valid integer"),
        (Tuning, '{"trials": true}', "valid integer"),
        (Autoscaling, '{"min_replicas": 3}', r"max_replicas \(1\) is less than min_replicas \(3\)"),
        (Autoscaling, '{"max_replicas": 3, "initial_replicas": 4}', "not between 1 and 3"),
        (Autoscaling, '{"min_replicas": "x"}', "valid integer"),
        (Autoscaling, '{"min_replica": 1}', "Extra inputs"),
        (Autoscaling, '{"policy": {"policy_fun": "a:b"}}', "Extra inputs"),
        (Autoscaling, '{"policy": {"policy_function": "a"}}', "should match pattern"),
        (Autoscaling, '{"aggregation_function": "median"}', "'mean', 'max' or 'min'"),
        (Data, '{"source": "csv", "target": "y", "period": {"until": "tomorrow"}}', "no date"),
    ],
)
def test_a_rule_of_one_section_is_told_in_words(model, text, fault):
    with pytest.raises(ValidationError, match=fault):
        model.model_validate_json(text, strict=True)


def test_naming_one_signal_changes_that_one():
    text = (
        '{"signals": {"performance": {"params": {"max_drop": 0.1}}, "data_quality": "none", "shift": {"name": "ks"}}}'
    )
    signals = Monitoring.model_validate_json(text, strict=True).signals
    assert {name: signal.name for name, signal in signals.items()} == {
        "input_drift": "psi", "multivariate_drift": "correlation", "domain": "domain_classifier",
        "prediction_drift": "psi", "confidence": "confidence", "performance": "performance",
        "estimated_performance": "cbpe", "fairness": "fairness", "service": "service", "shift": "ks",
    }  # fmt: skip
    assert signals["performance"].params == {"max_drop": 0.1}
    assert signals["domain"].every == timedelta(days=1)


def test_another_detector_takes_over_none_of_our_settings():
    text = '{"signals": {"domain": "alibi.classifier", "input_drift": {"params": {"bins": 8}}}}'
    signals = Monitoring.model_validate_json(text, strict=True).signals
    assert (signals["domain"].name, signals["domain"].every) == ("alibi.classifier", None)
    assert (signals["input_drift"].name, signals["input_drift"].params) == ("psi", {"bins": 8})


@pytest.mark.parametrize(
    ("said", "names", "top"),
    [('["a", "b"]', ("a", "b"), None), ('{"names": ["a"]}', ("a",), None), ('{"top": 3}', None, 3)],
)
def test_columns_are_named_or_counted(said, names, top):
    columns = Signal.model_validate_json(f'{{"name": "psi", "columns": {said}}}', strict=True).columns
    assert (columns.names, columns.top) == (names, top)


def test_a_removed_signal_stays_removed_when_read_back():
    monitoring = Monitoring.model_validate_json('{"signals": {"domain": "none"}}', strict=True)
    assert monitoring.model_dump(mode="json")["signals"]["domain"] == "none"
    assert "domain" not in Monitoring.model_validate_json(monitoring.model_dump_json(), strict=True).signals


def test_naming_one_kind_of_features_keeps_the_others():
    features = Features.model_validate_json('{"kinds": {"numeric": ["standard_scale"]}}', strict=True)
    assert features.kinds["numeric"] == {"standard_scale": {}}
    assert "one_hot" in features.kinds["categorical"]


def test_lists_of_plugins_are_short_for_mappings():
    assert Retraining.model_validate_json('{"when": ["schedule"]}', strict=True).when == {"schedule": {}}
    sinks = Alerts.model_validate_json('{"sinks": {"ops": {"name": "webhook"}, "log": {}}}', strict=True).sinks
    assert {name: sink.name for name, sink in sinks.items()} == {"ops": "webhook", "log": "log"}


def test_a_plugins_own_keys_stand_beside_ours():
    model = Model.model_validate_json(
        '{"name": "lightgbm", "params": {"num_leaves": 3}, "early_stopping": "none"}', strict=True
    )
    assert (model.name, model.params, model.early_stopping) == ("lightgbm", {"num_leaves": 3}, "none")
    assert Evaluation().metric == "auto"

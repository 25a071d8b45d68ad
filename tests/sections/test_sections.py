"""The section models: their own rules, their shorthand, and that each reads back what it writes."""

import pytest
from pydantic import ValidationError

from mlconfig import sections
from mlconfig.sections import (
    Alerts,
    Data,
    Dimension,
    Evaluation,
    EventTime,
    Features,
    Gate,
    Model,
    Monitoring,
    Persistence,
    RetrainData,
    Retraining,
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
    "Sink": '{"name": "log"}',
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
        (RetrainData, '{"use": "window"}', "needs `length`"),
        (RetrainData, '{"length": "1d"}', "does not take `length`"),
        (Tuning, '{"trials": "5"}', "valid integer"),
        (Tuning, '{"trials": true}', "valid integer"),
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
        "input_drift": "psi", "performance": "performance", "shift": "ks",
    }  # fmt: skip
    assert signals["performance"].params == {"max_drop": 0.1}


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

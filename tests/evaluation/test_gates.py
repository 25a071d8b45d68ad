"""Gates: which end must pass, in which unit, and what is said."""

import pytest

from mlconfig.evaluation.compare import PairedDifference
from mlconfig.evaluation.gates import judge
from mlconfig.records.version import MetricValue
from mlconfig.sections.evaluation import Gate

VALUES = {"roc_auc": MetricValue(value=0.82, low=0.79, high=0.85, rows=400)}
WORSE = {"roc_auc": PairedDifference(champion=0.823, better_by=-0.003, low=-0.01, high=0.004, rows=400)}


def verdict(gates, values=VALUES, differences=WORSE, champion="3", **more):
    facts = {"size": 3 << 20, "latency_p99": 0.0015, "artifact_sha256": "a" * 64}
    return judge(
        {name: Gate(**gate) for name, gate in gates.items()}, values, differences, champion=champion, **facts, **more
    )


@pytest.mark.parametrize(
    ("gate", "passed", "words"),
    [
        ({"min": 0.80}, False, "the interval's low end 0.79 is under 0.8"),
        ({"min": 0.80, "judge": "point"}, True, "the value 0.82 is not under 0.8"),
        ({"min": 0.79}, True, "0.79 is not under 0.79"),
        ({"max": 0.84}, False, "the interval's high end 0.85 is over 0.84"),
        ({"max": 0.84, "judge": "point"}, True, "not over"),
        ({"not_worse_by": 0.005}, False, "0.003 worse than version 3 on the same 400 rows, at worst 0.01 worse"),
        ({"not_worse_by": 0.005, "judge": "point"}, True, "at most 0.005 worse is asked"),
        ({"not_worse_by": 0.01}, True, "at worst 0.01 worse"),
        ({"better_by": 0.0, "judge": "point"}, False, "at least 0.0 better is asked"),
    ],
)
def test_which_end_must_pass(gate, passed, words):
    found = verdict({"roc_auc": gate})
    assert found.passed == passed
    assert words in found.results[0].reason
    assert found.results[0].champion == 0.823


@pytest.mark.parametrize(
    ("name", "gate", "passed", "words"),
    [
        ("size", {"max": "20MiB"}, True, "3.00MiB is not over 20MiB"),
        ("size", {"max": "1MiB"}, False, "3.00MiB is over 1MiB"),
        ("latency_p99", {"max": "2ms"}, True, "1.5ms is not over 2ms"),
        ("latency_p99", {"max": "1ms"}, False, "1.5ms is over 1ms"),
    ],
)
def test_size_and_latency_are_read_with_their_units(name, gate, passed, words):
    found = verdict({name: gate})
    assert found.passed == passed
    assert words in found.results[0].reason


def test_without_a_champion_a_comparison_passes():
    found = verdict({"roc_auc": {"min": 0.7, "not_worse_by": 0.0}}, differences={}, champion=None)
    assert found.passed
    assert "no champion yet" in found.results[0].reason
    assert not verdict({"roc_auc": {"min": 0.8, "not_worse_by": 0.0}}, differences={}, champion=None).passed


def test_a_comparison_that_could_not_be_made_does_not_pass():
    found = verdict({"roc_auc": {"not_worse_by": 0.1}}, differences={}, refused="it was trained on some of these rows")
    assert not found.passed
    assert found.results[0].reason == "not compared with version 3: it was trained on some of these rows"


def test_an_undefined_metric_does_not_pass():
    found = verdict({"roc_auc": {"min": 0.1}}, values={})
    assert not found.passed
    assert found.results[0].reason == "undefined on the held-out rows, so it cannot pass"


def test_only_enforced_gates_decide():
    gates = {"roc_auc": {"min": 0.9, "mode": "report"}, "size": {"max": "1B", "mode": "disabled"}}
    found = verdict(gates)
    assert found.passed
    assert [(result.passed, result.mode) for result in found.results] == [(False, "report"), (True, "disabled")]
    assert verdict({}).passed

"""What /openapi.json says and what the endpoint does are one, tried by schemathesis with all its checks.

https://schemathesis.readthedocs.io
"""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from mlconfig.serving.app import App

EXAMPLES = 15 * int(os.environ.get("MLCONFIG_FAULT_ROUNDS", "1"))
quick = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_endpoint_keeps_its_word(make_service, record_property, task, mode):
    document = schemathesis.openapi.from_asgi("/openapi.json", App(make_service(task)))
    tried, asked = 0, []
    for found in document.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not list(operation.body):
            continue

        @quick
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_as_it_says(case):
            case.call_and_validate()
            asked.append(case)

        answers_as_it_says()
        tried += 1
    record_property("requests", len(asked))
    assert tried >= (2 if mode is GenerationMode.NEGATIVE else 6)

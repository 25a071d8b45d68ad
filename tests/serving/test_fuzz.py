"""Nothing a client sends makes a 5xx."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlconfig.serving.app import App

VALID = b'{"age": 30, "hours-per-week": 40.5, "plan": "pro", "customer": 7, "ts": "2026-01-02T03:04:05Z"}'
LABEL = b'{"prediction_id": "p1", "label": "yes", "label_version": 1}'
TOKENS = [
    b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"-0", b'"\\ud800"', b"\xff\xfe", b"[" * 3000, b'{"a":' * 3000, b"null",
    b"true", b'"0001-01-01T00:00:00+14:00"', b'"9999-12-31T23:59:59-14:00"', b'"\\u0000"',
    b"1e400", b"3.4e38", b"-9.3e18", b'{"rows":',
    b'"rows":[', b'"key":', b'{"customer":1e308}', b"0.1", b"1e-400", b'""',
]  # fmt: skip
scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
fields = st.dictionaries(
    st.sampled_from([
        "age", "hours-per-week", "plan", "customer", "ts", "rows", "key", "label", "prediction_id", "label_version",
    ]),
    values,
)  # fmt: skip


@st.composite
def mutants(draw):
    """A valid body with bytes taken out and other ones put in."""
    body = draw(st.sampled_from([VALID, LABEL, b'{"rows": [' + VALID + b"]}", b'{"rows": [' + LABEL + b"]}"]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 20)))
        body = body[:start] + draw(st.sampled_from(TOKENS) | st.binary(max_size=4)) + body[end:]
    return body


bodies = mutants() | st.binary(max_size=200) | fields.map(lambda row: json.dumps(row).encode())


def call(app, path, body):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.fixture(params=["binary", "regression", "escaped"])
def app(request, make_service):
    if request.param == "escaped":  # a name that JSON escapes goes another way
        return App(make_service("regression", unused=['"']))
    return App(make_service(request.param))


@given(body=bodies)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_a_5xx(app, body):
    for path in ("/v1/churn/predict", "/v1/churn/feedback"):
        status, answer = call(app, path, body)
        assert status in (200, 400, 422), answer
        assert json.loads(answer)

"""The OpenAPI document says what the decoder does."""

import json

import httpx
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.serving.decode import RowDecoder
from mlconfig.serving.openapi import openapi

ROW = {"age": 30, "hours-per-week": 40, "plan": "pro", "customer": 7, "ts": "2026-01-02T03:04:05"}


def validator(document, name):
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


@pytest.fixture(params=["binary", "multiclass", "regression"])
def document(request, make_signature):
    return openapi("churn", make_signature(request.param), "1")


def test_every_schema_is_one(document):
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/v1/churn/predict",
        "/v1/churn/feedback",
        "/v1/churn",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert validator(document, name)
    references = set(json.dumps(document).split('"#/components/schemas/')[1:])
    assert {text.split('"')[0] for text in references} <= set(document["components"]["schemas"])
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["responses"]["200"]["description"]


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True), ({"age": None}, True), ({"age": "x"}, False), ({"plan": None}, True), ({"plan": 3}, False),
        ({"hours-per-week": None}, False), ({"hours-per-week": 1e39}, False), ({"customer": 1.5}, False),
        ({"customer": 2.0}, True),
        ({"ts": 5}, True), ({"ts": True}, False), ({"more": 1}, False), ({"plan": "x" * 1025}, False),
        ({"hours-per-week": True}, False),
    ],
)  # fmt: skip
def test_document_and_decoder_agree(make_signature, change, good):
    signature = make_signature()
    row = {**ROW, **change}
    document = openapi("churn", signature, "1")
    assert validator(document, "Row").is_valid(row) is good
    assert validator(document, "Rows").is_valid({"rows": [row]}) is good
    try:
        RowDecoder(signature).from_json(json.dumps(row).encode())
    except RequestRefusedError:
        assert not good
    else:
        assert good


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_real_answers_fit_their_schema(make_service, task):
    import asyncio

    from mlconfig.serving.app import App

    async def ask():
        transport = httpx.ASGITransport(app=App(make_service(task)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (
                (await client.get("/openapi.json")).json(),
                (await client.post("/v1/churn/predict", json=ROW)).json(),
                (await client.post("/v1/churn/predict", json={"rows": [ROW, ROW]})).json(),
                (await client.post("/v1/churn/predict", json={})).json(),
            )

    document, one, many, refused = asyncio.run(ask())
    validator(document, "Answer").validate(one)
    validator(document, "Answer").validate(many)
    validator(document, "Error").validate(refused)
    with pytest.raises(ValidationError):
        validator(document, "Answer").validate({**one, "prediction": "maybe"})

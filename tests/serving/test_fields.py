"""Fields of requests: any name that a column may have, and columns of the data that the model does not take."""

import asyncio
import json

import httpx
import pytest
from jsonschema import Draft202012Validator

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.serving.app import App
from mlconfig.serving.decode import RowDecoder
from mlconfig.serving.openapi import openapi
from mlconfig.serving.pack import RowPacker

ROW = {"age": 30, "hours-per-week": 40, "plan": "pro"}
NAMES = ['say "hi"', "a\nb", "back\\slash", "", "größe", "tab\t", "a%22b", 'a"b', "\u2028", "rows", "f0"]


def ask(service, *rows):
    async def post():
        transport = httpx.ASGITransport(app=App(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.post("/v1/churn/predict", json=row) for row in rows]

    return asyncio.run(post())


def test_columns_that_the_model_does_not_take_are_passed_over(make_service, tmp_path):
    service = make_service(unused=["constant", "nested", 'an "id"'])
    more = {**ROW, "constant": 1, "nested": {"a": [None, {}]}, 'an "id"': "x"}
    plain, carried, listed, unknown = ask(service, ROW, more, {"rows": [more]}, {**more, "constnat": 1})
    assert carried.json()["probability"] == plain.json()["probability"]
    assert listed.json()["predictions"][0]["probability"] == plain.json()["probability"]
    assert (unknown.status_code, unknown.json()["error"]["where"]) == (422, "constnat")
    service.close()
    inputs = PredictionLog(tmp_path / "predictions" / "churn").predictions().column("inputs")
    assert len(inputs) == 3
    assert {"constant", "nested"}.isdisjoint(inputs.to_pylist()[0])
    assert b"nested" not in b"".join(f.read_bytes() for f in tmp_path.rglob("segments/*")).split(b'"inputs":', 1)[1]


def test_the_document_names_what_is_passed_over(make_signature):
    signature = make_signature(unused=["constant"])
    document = openapi("churn", signature, "1")
    row = Draft202012Validator({"$ref": "#/components/schemas/Row", "components": document["components"]})
    assert row.is_valid({**ROW, "constant": [1]})
    assert not row.is_valid({**ROW, "other": 1})
    assert "constant" not in document["components"]["schemas"]["Row"]["required"]


@pytest.fixture
def named(make_signature):
    columns = [{"name": name, "kind": "numeric", "nullable": name != ""} for name in NAMES]
    return make_signature(columns=columns, key=[], event_time=None, example={})


@pytest.mark.parametrize("ascii_only", [True, False])
def test_any_name_is_a_field(named, ascii_only):
    row = {name: float(i) for i, name in enumerate(NAMES)}
    decoder = RowDecoder(named)
    for body, count in ((row, 1), ({"rows": [row, row]}, 2)):
        request = decoder.from_json(json.dumps(body, ensure_ascii=ascii_only).encode())
        packed = RowPacker(named).pack(request.rows, request.times)["num"]
        assert packed.tolist() == [[float(i) for i in range(len(NAMES))]] * count


@pytest.mark.parametrize("change", [{'a"b': "x"}, {"": None}, {"a\nb": True}, {"largest": 1}, {"back%5cslash": 1}])
def test_a_fault_has_the_columns_own_name(named, change):
    row = dict.fromkeys(NAMES, 1) | change
    (wrong,) = change
    for body, where in ((row, wrong), ({"rows": [row]}, f"rows[0].{wrong}")):
        with pytest.raises(RequestRefusedError) as refused:
            RowDecoder(named).from_json(json.dumps(body).encode())
        assert refused.value.status == 422
        assert refused.value.where.strip() == (where or "body")
    for name in NAMES:
        with pytest.raises(RequestRefusedError) as refused:
            RowDecoder(named).from_json(json.dumps({k: v for k, v in row.items() if k != name and k in NAMES}).encode())
        assert refused.value.where in (name, wrong, "body")


def test_what_is_no_object_is_refused(named):
    for body in (b"[]", b"1", b'{"rows":[1]}', b'{"rows":[[]]}', b'{"rows":[]}', b'{"rows":[{}', b'"\\ud800"'):
        with pytest.raises(RequestRefusedError):
            RowDecoder(named).from_json(body)


def test_any_name_is_logged(make_service, tmp_path):
    columns = [
        {"name": 'a"b', "kind": "numeric"},
        {"name": "c\\d", "kind": "numeric"},
        {"name": "a%22b", "kind": "categorical"},
    ]
    service = make_service(columns=columns, key=[], event_time=None, example={})
    (answer,) = ask(service, {'a"b': 30, "c\\d": 4.5, "a%22b": "pro"})
    assert answer.status_code == 200
    service.close()
    inputs = PredictionLog(tmp_path / "predictions" / "churn").predictions().column("inputs").to_pylist()
    assert inputs == [{'a"b': 30.0, "c\\d": 4.5, "a%22b": "pro"}]

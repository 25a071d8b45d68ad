"""Faults that parsers pass over or tell no place of: refused by the place, in both protocols, and never with the value."""

import asyncio
import json
from functools import partial

import httpx
import pytest

from mlconfig.builtin import oip_rest
from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.builtin.protocol_oip import OipProtocol
from mlconfig.contracts.json_form import refuse_repeated
from mlconfig.contracts.json_place import first_fault, malformed
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.serving.app import App

PREDICT, FEEDBACK, INFER = "/v1/churn/predict", "/v1/churn/feedback", "/v2/models/churn/infer"
SECRET = b"4111"
NUMBER = b'{"name":"hours-per-week","shape":[1],"datatype":"FP64","data":[1.5]}'
PLAN = b'{"name":"plan","shape":[1],"datatype":"BYTES","data":["a:b"]}'
DEEP = b"[" * 900 + b"]" * 900


def short(value):
    """A name of a case, since some bodies are long."""
    return repr(value)[:70]


@pytest.fixture
def post(make_service):
    """Ask a service that speaks both protocols."""
    make = partial(make_service, protocols={"mlconfig": MlconfigProtocol(), "oip": OipProtocol()})

    def ask(path, body, **changes):
        async def run():
            transport = httpx.ASGITransport(app=App(make(**changes)))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(path, content=body, headers={"content-type": "application/json"})

        return asyncio.run(run())

    return ask


def infer(*inputs, rest=b""):
    return b'{"inputs":[' + b",".join(inputs) + b"]" + rest + b"}"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"inputs":[],"inputs":[' + NUMBER + b"," + PLAN + b"]}", "inputs"),
        (infer(NUMBER, PLAN[:-1] + b',"data":["4111"]}'), "inputs[1].data"),
        (infer(NUMBER, PLAN[:-1] + b',"d\\u0061ta" :["4111"]}'), "inputs[1].data"),
        (infer(NUMBER, PLAN[:-1] + b',"parameters":{"x":4111,"x":1}}'), "inputs[1].parameters.x"),
        (infer(NUMBER, PLAN, rest=b',"id":"4111","id":"b"'), "id"),
        (infer(NUMBER, PLAN, rest=b',"outputs":[{"name":"version","name":"version"}]'), "outputs[0].name"),
        (infer(NUMBER, PLAN, rest=b',"unknown":[[{"x":1,"x":4111}]]'), "unknown[0][0].x"),
        (infer(NUMBER, PLAN, rest=b',"unknown":{"n":' + b"9" * 5000 + b',"x":1,"x":2}'), "unknown.x"),
    ],
    ids=short,
)
def test_a_tensors_field_that_is_there_twice_is_refused_by_its_place(post, body, where):
    answer = post(INFER, body)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        f"{where}: the field is there twice; send each field once",
    )
    assert SECRET not in answer.content


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b',"id":null,"outputs":[],"parameters":{}',
        b',"id":"a","outputs":[{"name":"version","parameters":{"binary_data":false}}]',
        b',"parameters":{"binary_data_output":false}',
    ],
    ids=short,
)
def test_a_good_request_is_parsed_once(post, monkeypatch, rest):
    parsed = []
    monkeypatch.setattr(oip_rest, "refuse_repeated", parsed.append)
    assert post(INFER, infer(NUMBER[:-1] + b',"parameters":{}}', PLAN, rest=rest)).status_code == 200
    assert not parsed


def test_what_cannot_be_counted_is_parsed_and_taken(post):
    quoted = PLAN.replace(b"a:b", b'a\\":\\"b')
    assert post(INFER, infer(NUMBER, quoted, rest=b',"unknown":{"a":1}')).status_code == 200


def test_nesting_does_not_hide_a_field(post):
    answer = post(INFER, infer(NUMBER, PLAN, rest=b',"x":' + DEEP + b',"x":' + DEEP))
    assert answer.status_code == 400


ROW = b'{"hours-per-week":%b,"plan":%b}'
LABEL = b'{"prediction_id":%b,"label":"yes"}'
GOOD = ROW % (b"1", b'"pro"')


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        (PREDICT, ROW % (b"NaN", b'"pro"'), "hours-per-week"),
        (PREDICT, ROW % (b"-Infinity", b'"4111"'), "hours-per-week"),
        (PREDICT, b'{"rows":[%b,%b]}' % (GOOD, ROW % (b"Infinity", b"null")), "rows[1].hours-per-week"),
        (PREDICT, b'{"rows":[%b,%b]}' % (GOOD, ROW % (b"1", b'"4111\\udfff"')), "rows[1].plan"),
        (PREDICT, ROW % (b"1", b'"4111\\ud800"'), "plan"),
        (PREDICT, ROW % (b"1", b'"4111\xff"'), "plan"),
        (PREDICT, b'{"plan":"\xed\xa0\x80","hours-per-week":%b}' % (b"9" * 5000), "plan"),
        (PREDICT, b'{"a\\ud800":1}', "a\ufffd"),
        (PREDICT, b"NaN", "body"),
        (PREDICT, b'{"rows":[{"hours-per-week":1,"plan":"a","plan":"4111"}]}', "rows[0].plan"),
        (FEEDBACK, LABEL % b'"4111\\ud800"', "prediction_id"),
        (FEEDBACK, b'{"rows":[%b,%b]}' % (LABEL % b'"p"', LABEL % b"NaN"), "rows[1].prediction_id"),
        (FEEDBACK, b'{"key":{"customer":NaN},"label":"yes"}', "key.customer"),
        (FEEDBACK, b'{"\\ud800":1,"\\ud800":4111}', "\ufffd"),
        (FEEDBACK, b'{"key":{"\\ud800":1,"\\ud800":4111}}', "key.\ufffd"),
    ],
    ids=short,
)  # fmt: skip
def test_what_is_no_json_is_refused_by_its_field(post, path, body, where):
    answer = post(path, body)
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, where)
    assert SECRET not in answer.content


def test_a_field_that_json_escapes_is_named_as_it_is(post):
    answer = post(PREDICT, b'{"a\\"b":NaN}', unused=['a"b'])
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, 'a"b')


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (infer(PLAN, NUMBER.replace(b"1.5", b"NaN")), "inputs[1].data[0]: NaN and infinities are no JSON; send null"),
        (infer(PLAN.replace(b"a:b", b"4111\\ud800"), NUMBER), "inputs[0].data[0]: the text is not valid Unicode"),
        (infer(NUMBER, PLAN, rest=b',"id":"4111\xff"'), "id: the text is not valid Unicode"),
        (infer(NUMBER, PLAN, rest=b',"id":4111'), "id: expected"),
        (infer(NUMBER, PLAN)[:-1], "the body is not valid JSON"),
    ],
    ids=short,
)
def test_tensors_that_are_no_json_are_refused_by_their_place(post, body, said):
    answer = post(INFER, body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)
    assert SECRET not in answer.content


@pytest.mark.parametrize(
    ("inputs", "rest", "said"),
    [
        ([NUMBER.replace(b"FP64", b"FP16").replace(b"1.5", b"1e30")], b"", "hours-per-week: a value is out of the range of F"),
        ([NUMBER.replace(b"FP64", b"FP16").replace(b"1.5", b"-65505")], b"", "hours-per-week: a value is out of the range"),
        ([NUMBER.replace(b"FP64", b"FP16").replace(b"1.5", b"9" * 5000)], b"", ""),
        ([NUMBER.replace(b"FP64", b"FP32").replace(b"1.5", b"1e39")], b"", "rows[0].hours-per-week: expected"),
        ([NUMBER[:-1] + b',"parameters":{"binary_data":"4111"}}'], b"", "hours-per-week: the parameter `binary_data` is"),
        ([NUMBER], b',"outputs":[{"name":"version","parameters":{"binary_data":"4111"}}]', "version: the parameter `binary_d"),
        ([NUMBER], b',"outputs":[{"name":"version","parameters":{"binary_data":1}}]', "version: the parameter `binary_data`"),
        ([NUMBER], b',"parameters":{"binary_data_output":"4111"}', "parameters: the parameter `binary_data_output` is"),
        ([NUMBER], b',"parameters":{"binary_data_output":null}', "parameters: the parameter `binary_data_output` is"),
    ],
    ids=short,
)  # fmt: skip
def test_values_that_a_datatype_or_a_parameter_cannot_have(post, inputs, rest, said):
    answer = post(INFER, infer(*inputs, PLAN, rest=rest))
    assert answer.status_code in (400, 422)
    assert answer.json()["error"].startswith(said)
    assert SECRET not in answer.content


@pytest.mark.parametrize("value", [b"65504", b"-65504.0", b"1e-30", b"0"])
def test_what_fits_into_two_bytes_is_taken(post, value):
    given = NUMBER.replace(b"FP64", b"FP16").replace(b"1.5", value)
    assert post(INFER, infer(given, PLAN)).status_code == 200


def test_a_place_is_short_whatever_is_sent():
    deep = b'{"%b":' % (b"k" * 5000) * 100 + b"NaN" + b"}" * 100
    where = malformed(deep, "").where
    assert len(where) == 200
    assert where.startswith("k" * 64 + ".k")


def test_a_body_that_no_parser_takes_has_no_place():
    for body in (
        b"",
        b"{",
        b'{"a":NaN',
        DEEP * 2,
        b"[" * 200_000,
        b"\xff\xfe{\x00}\x00",
        json.dumps({"a": 1}).encode(),
    ):
        assert first_fault(body) is None


def test_a_field_is_seen_twice_beside_a_number_that_python_does_not_read():
    with pytest.raises(RequestRefusedError, match="a: the field is there twice"):
        refuse_repeated(b'{"n":' + b"9" * 5000 + b',"a":1,"a":2}')
    refuse_repeated(b'{"n":' + b"9" * 5000 + b"}")

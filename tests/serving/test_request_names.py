"""Rows are named by what the ingress calls their request, so that a request that is sent again has the same ids."""

import asyncio
import json
import uuid

import httpx
import pytest

from mlconfig.builtin.oip_messages import MESSAGES
from mlconfig.builtin.protocol_oip import OipProtocol
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.sections.serving import Serving
from mlconfig.serving.app import App
from mlconfig.serving.calls import Calls
from mlconfig.serving.service import Service
from tests.serving.conftest import PROTOCOLS

HEADER = "x-mlconfig-secret"
SECRET = HEADER.encode()
ROW = {"age": 30, "hours-per-week": 40, "plan": "pro", "customer": 7}


@pytest.fixture
def replica(tmp_path, make_version, make_route_table):
    """Replicas of one endpoint, by name."""
    made, table = {}, make_route_table(make_version(tmp_path))

    def make(name, named_by=SECRET, settings=None):
        service = Service(
            "churn",
            tmp_path,
            settings or Serving(),
            PROTOCOLS | {"oip": OipProtocol()},
            replica=name,
            boot=name,
            named_by=named_by,
        )
        assert service.swap(table), service.problem
        made[name] = service
        return service

    yield make
    for service in made.values():
        service.close()


def ask(service, name, body=ROW, media="application/json", header=HEADER):
    async def once():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(App(service)), base_url="http://x") as client:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"content-type": media} | ({header: name} if name else {})
            reply = await client.post("/v1/churn/predict", content=content, headers=headers)
        assert reply.status_code == 200, reply.text
        if media != "application/json":
            return [json.loads(line)["prediction_id"] for line in reply.text.splitlines()]
        answer = reply.json()
        return [row["prediction_id"] for row in answer.get("predictions", [answer])]

    return asyncio.run(once())


def ids_in(log):
    return log.predictions().column("prediction_id").to_pylist()


def test_a_request_that_is_sent_again_is_answered_under_the_ids_it_had_and_logged_once(replica, tmp_path):
    first, second = replica("r1"), replica("r2")
    name, log = str(uuid.uuid4()), PredictionLog(log_folder(tmp_path, "churn"))
    assert ask(first, name, {"rows": [ROW] * 11})[-1] == f"{name}-b"
    again = ask(second, name, {"rows": [ROW] * 11})
    other = ask(second, str(uuid.uuid4()))
    first.close()
    assert sorted(ids_in(log)) == sorted([*again, *other])


def test_requests_that_share_a_batch_have_their_own_names(replica, tmp_path):
    service, names = replica("r1"), [str(uuid.uuid4()), None, str(uuid.uuid4())]

    async def all_at_once():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(App(service)), base_url="http://x") as client:
            return await asyncio.gather(
                *(
                    client.post("/v1/churn/predict", json={"rows": [ROW] * 2}, headers={HEADER: name} if name else {})
                    for name in names
                )
            )

    said = [[row["prediction_id"] for row in reply.json()["predictions"]] for reply in asyncio.run(all_at_once())]
    assert said == [[f"{name or 'r1'}-1", f"{name or 'r1'}-2"] for name in names]
    assert sorted(ids_in(PredictionLog(log_folder(tmp_path, "churn")))) == sorted(each for one in said for each in one)


def test_lines_are_named_by_their_place(replica, tmp_path):
    name, body = str(uuid.uuid4()), b"\n".join([json.dumps(ROW).encode()] * 3)
    media = "application/x-ndjson"
    first, second = replica("r1"), replica("r2")
    said = ask(first, name, body, media)
    assert said == [f"{name}-{place}-1" for place in (1, 2, 3)]
    ask(second, name, body, media)
    first.close()
    assert sorted(ids_in(PredictionLog(log_folder(tmp_path, "churn")))) == said


def test_a_name_that_a_client_gives_is_none(replica):
    """Only the ingress knows the header, and without an ingress there is none."""
    name = str(uuid.uuid4())
    assert ask(replica("r1"), name, header="x-request-id") == ["r1-1"]
    assert ask(replica("r2", named_by=None), name) == ["r2-1"]


def test_calls_are_named_as_http_is(replica):
    service, name, message = replica("r1"), str(uuid.uuid4()), MESSAGES["ModelInferRequest"](model_name="churn")
    for column, datatype, field, value in (
        ("hours-per-week", "FP64", "fp64_contents", 1.5),
        ("plan", "BYTES", "bytes_contents", b"pro"),
    ):
        tensor = message.inputs.add(name=column, datatype=datatype, shape=[1])
        getattr(tensor.contents, field).append(value)
    reply = asyncio.run(Calls(service).answer("ModelInfer", message.SerializeToString(), [(HEADER, name)]))
    assert reply.code == "OK", reply
    answer = MESSAGES["ModelInferResponse"].FromString(reply.body)
    (ids,) = [each.contents.bytes_contents for each in answer.outputs if each.name == "prediction_id"]
    assert list(ids) == [f"{name}-1".encode()]


def test_what_a_sample_keeps_of_a_request_is_the_same_again(replica, tmp_path):
    settings = Serving.model_validate({"log": {"sample_fraction": 0.5}})
    first, second = replica("r1", settings=settings), replica("r2", settings=settings)
    names = [str(uuid.uuid4()) for _ in range(40)]
    for service in (first, second):
        for name in names:
            ask(service, name)
    first.close()
    logged = ids_in(PredictionLog(log_folder(tmp_path, "churn")))
    assert 0 < len(logged) < 40
    assert len(logged) == len(set(logged))

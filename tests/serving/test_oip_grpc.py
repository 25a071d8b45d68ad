"""The Open Inference Protocol over gRPC, with Triton's own client, unchanged, before a server of gRPC's in this process."""

import asyncio
import threading
from contextlib import contextmanager
from functools import partial

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from mlconfig.builtin.oip_messages import MESSAGES
from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.builtin.protocol_oip import OipProtocol
from mlconfig.contracts.authenticator import Caller, Guard, bearer, unknown_caller
from mlconfig.errors import ServingError
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.sections.serving import Constant, Limits, RateLimit, Serving
from mlconfig.serving.access import Access
from mlconfig.serving.calls import Calls
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol(), "oip": OipProtocol()}
COLUMNS = {
    "age": ("FP32", np.array([30.0, np.nan], np.float32)),
    "hours-per-week": ("FP64", np.array([40.5, 1.0])),
    "plan": ("BYTES", np.array(["pro", "naïve"], object)),
    "customer": ("INT32", np.array([7, 8], np.int32)),
}


@pytest.fixture
def service_of(make_service):
    """A service that speaks the protocol; closed at the end."""
    return partial(make_service, protocols=PROTOCOLS)


class Handler(grpc.GenericRpcHandler):
    """Gives each call to `Calls`, as the engine does."""

    def __init__(self, calls):
        self.calls = calls

    def service(self, details):
        method = details.method.rpartition("/")[2]
        if self.calls.paths.get(method) != details.method:
            return None

        async def answer(request, context):
            reply = await self.calls.answer(method, request, tuple(context.invocation_metadata()))
            if reply.code != "OK":
                await context.abort(grpc.StatusCode[reply.code], reply.details)
            return reply.body

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def serve(service):
    """A server in a thread, on a port that the system chose; yields its address."""
    ready, address, loop = threading.Event(), [], asyncio.new_event_loop()
    over = asyncio.Event()

    async def run():
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Handler(Calls(service)),))
        address.append(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        await server.start()
        ready.set()
        await over.wait()
        await server.stop(0)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield address[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def tensors(columns=COLUMNS):
    found = []
    for name, (datatype, values) in columns.items():
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        found.append(tensor)
    return found


def test_everything_that_a_client_asks_before_it_predicts(service_of):
    with serve(service_of()) as url, triton.InferenceServerClient(url) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("churn")
        assert client.is_model_ready("churn", "1")
        about = client.get_server_metadata(as_json=True)
        assert (about["name"], "model_repository" in about["extensions"]) == ("mlconfig", True)
        about = client.get_model_metadata("churn")
        assert [(each.name, each.datatype, list(each.shape)) for each in about.inputs][:3] == [
            ("age", "FP64", [-1]), ("hours-per-week", "FP64", [-1]), ("plan", "BYTES", [-1])
        ]  # fmt: skip
        config = client.get_model_config("churn", as_json=True)["config"]
        assert config["input"][0] == {"name": "age", "data_type": "TYPE_FP64", "dims": ["-1"], "optional": True}
        assert client.get_model_repository_index(as_json=True)["models"][0]["state"] == "READY"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_raw_tensors_are_answered_and_logged(service_of, task):
    service = service_of(task)
    with serve(service) as url, triton.InferenceServerClient(url) as client:
        result = client.infer("churn", tensors(), request_id="r-1", model_version="1")
        wanted = client.infer("churn", tensors(), outputs=[triton.InferRequestedOutput("prediction_id")])
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("r-1", "churn", "1")
    assert [each.name for each in wanted.get_response().outputs] == ["prediction_id"]
    said = result.as_numpy("prediction").tolist()
    log = PredictionLog(log_folder(service.storage, "churn")).predictions().to_pylist()
    by_id = {row["prediction_id"]: row for row in log}
    first = [by_id[each.decode()] for each in result.as_numpy("prediction_id").tolist()]
    assert [row["inputs"]["age"] for row in first] == [30.0, None]
    assert [row["inputs"]["plan"] for row in first] == ["pro", "naïve"]
    if task == "binary":
        assert [each.decode() for each in said] == [row["prediction"].strip('"') for row in first]
        assert result.as_numpy("probability").tolist() == pytest.approx([row["score"] for row in first])
    elif task == "multiclass":
        assert said == [int(row["prediction"]) for row in first]
        assert result.as_numpy("probabilities").shape == (2, 3)
    else:
        assert said == pytest.approx([row["score"] for row in first])


def typed(*raw):
    """A request with typed contents, as other clients than Triton's send it."""
    request = service_pb2.ModelInferRequest(model_name="churn", id="t")
    for name, datatype, field, values in (
        ("age", "FP32", "fp32_contents", [30.0]), ("hours-per-week", "FP64", "fp64_contents", [1.5]),
        ("plan", "BYTES", "bytes_contents", [b"pro"]), ("customer", "INT16", "int_contents", [7]),
    ):  # fmt: skip
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[1])
        getattr(tensor.contents, field).extend(values)
    request.raw_input_contents.extend(raw)
    return request


def test_typed_contents_are_answered_typed(service_of):
    with serve(service_of()) as url, grpc.insecure_channel(url) as channel:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(typed())
    contents = {each.name: each.contents for each in answer.outputs}
    assert contents["prediction"].bytes_contents[0] in (b"no", b"yes")
    assert 0 < contents["probability"].fp64_contents[0] < 1
    assert not answer.raw_output_contents


def test_a_fallback_is_marked(service_of, monkeypatch):
    service = service_of(settings=Serving(fallback=Constant(constant=0.25)))
    monkeypatch.setattr(type(service.state), "answer", lambda *_: 1 / 0)
    with serve(service) as url, triton.InferenceServerClient(url) as client:
        response = client.infer("churn", tensors()).get_response()
    assert response.parameters["fallback"].bool_param
    assert response.model_version == "constant"


def refused(client, code, said, columns=COLUMNS, model="churn", **options):
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, tensors(columns), **options)
    assert caught.value.status() == f"StatusCode.{code}"
    assert caught.value.message().startswith(said)


def test_what_does_not_fit_is_a_status_that_names_the_tensor(service_of):
    service = service_of(settings=Serving(limits=Limits(body=1024)))
    with serve(service) as url, triton.InferenceServerClient(url) as client:
        refused(client, "NOT_FOUND", "model: there is no such model here; ask for churn", model="other")
        refused(client, "NOT_FOUND", "version: this version is not served", model_version="9")
        wrong = {**COLUMNS, "plan": ("FP64", np.array([1.0, 2.0]))}
        refused(client, "INVALID_ARGUMENT", "rows[0].plan: expected text", wrong)
        wrong = {**COLUMNS, "age": ("BOOL", np.array([True, False]))}
        refused(client, "INVALID_ARGUMENT", "age: the datatype is not taken; send FP64", wrong)
        wrong = {**COLUMNS, "what": ("FP64", np.array([1.0, 2.0]))}
        refused(client, "INVALID_ARGUMENT", "what: the tensor is unknown", wrong)
        wrong = {**COLUMNS, "age": ("FP64", np.zeros(200))}
        refused(client, "RESOURCE_EXHAUSTED", "body: the body is larger than 1024 bytes", wrong)
        assert service.counters.requests == {
            ("predict", 404): 2,
            ("predict", 400): 2,
            ("predict", 422): 1,
            ("predict", 413): 1,
        }


def test_lies_in_a_message_are_refused(service_of):
    calls = Calls(service_of())

    def said(request):
        reply = asyncio.run(calls.answer("ModelInfer", request.SerializeToString()))
        assert reply.code == "INVALID_ARGUMENT"
        return reply.details

    assert said(typed(b"")).startswith("raw_input_contents: they are more or fewer")
    request = typed()
    request.inputs[3].contents.int_contents[0] = 70000
    assert said(request).startswith("customer: a value is out of the range of INT16")
    request = typed()
    request.inputs[1].shape[0] = 2
    assert "more or fewer" in said(request)
    request = typed()
    request.inputs[2].contents.bytes_contents[0] = b"\xff"
    assert said(request).startswith("plan: an element is not text")
    request = typed()
    request.inputs[0].datatype = "FP16"
    assert said(request).startswith("age: FP16 has no typed contents")
    request = typed()
    request.inputs[0].parameters["shared_memory_region"].string_param = "x"
    assert said(request).startswith("age: the parameter `shared_memory_region` is not supported")
    request = typed()
    del request.inputs[1]
    assert said(request).startswith("hours-per-week: the tensor is required")


def test_a_tensor_whose_values_come_twice_is_refused(service_of):
    calls = Calls(service_of())

    def said(request):
        reply = asyncio.run(calls.answer("ModelInfer", request.SerializeToString()))
        return reply.code, reply.details

    request = typed()
    request.inputs[1].contents.int_contents.append(41111111)
    assert said(request) == (
        "INVALID_ARGUMENT", "hours-per-week: its values come more than once; send fp64_contents alone"
    )  # fmt: skip
    raw = [np.float32(30).tobytes(), np.float64(1.5).tobytes(), b"\3\0\0\0pro", np.int16(7).tobytes()]
    code, details = said(typed(*raw))
    assert (code, details) == (
        "INVALID_ARGUMENT", "age: its values come more than once; send raw_input_contents alone"
    )  # fmt: skip
    request = typed(*raw)
    for each in request.inputs:
        each.ClearField("contents")
    assert said(request)[0] == "OK"


def test_a_process_without_a_version_lives_and_is_not_ready(tmp_path):
    service = Service("churn", tmp_path, Serving(), PROTOCOLS, replica="r0")
    with serve(service) as url, triton.InferenceServerClient(url) as client:
        assert client.is_server_live()
        assert not client.is_server_ready()
        refused(client, "UNAVAILABLE", "no version is loaded yet")
    service.close()


class OnlyAda(Guard):
    """Knows one caller, who may do some things."""

    def __init__(self, *scopes):
        self.scopes = frozenset(scopes)

    def admit(self, headers, now):
        if bearer(headers) != b"ada":
            raise unknown_caller()
        return Caller("ada", "k1", self.scopes)


def test_the_door_is_https(service_of):
    """A call passes what a request passes: the same guard, scopes and limits, before its message is read."""
    service = service_of()
    with serve(service) as url, triton.InferenceServerClient(url) as client:
        ada = {"authorization": "Bearer ada"}
        service.access = Access(OnlyAda("predict"))
        assert client.is_server_live()
        assert client.is_model_ready("churn")
        refused(client, "UNAUTHENTICATED", "authorization: this needs a credential")
        refused(client, "UNAUTHENTICATED", "authorization: this needs", headers={"authorization": "Bearer bob"})
        assert client.get_model_metadata("churn", headers=ada).name == "churn"
        assert client.infer("churn", tensors(), headers=ada).as_numpy("version").tolist() == [b"1", b"1"]
        service.access = Access(OnlyAda("predict"), RateLimit(per_day=1))
        client.infer("churn", tensors(), headers=ada)
        refused(client, "RESOURCE_EXHAUSTED", "this key may make 1 requests a day", headers=ada)
        service.access = Access(OnlyAda("feedback"))
        refused(client, "PERMISSION_DENIED", "authorization: the credential lacks", headers=ada)
    calls = Calls(service)
    service.access = Access(OnlyAda())
    reply = asyncio.run(calls.answer("ModelInfer", b"\xff"))
    assert (reply.code, dict(reply.trailing)) == ("UNAUTHENTICATED", {"www-authenticate": 'Bearer realm="mlconfig"'})


def test_two_protocols_with_one_method_are_refused(tmp_path):
    service = Service("churn", tmp_path, Serving(), {"a": OipProtocol(), "b": OipProtocol()}, replica="r0")
    with pytest.raises(ServingError, match="`a` and `b` both have a method ServerLive"):
        Calls(service)
    service.close()


def test_our_messages_are_the_clients(service_of):
    for name in ("ModelInferRequest", "ModelInferResponse", "ModelMetadataResponse", "RepositoryIndexResponse"):
        ours, theirs = MESSAGES[name].DESCRIPTOR, getattr(service_pb2, name).DESCRIPTOR
        assert {(f.name, f.number, f.type) for f in ours.fields} == {(f.name, f.number, f.type) for f in theirs.fields}
    sent = typed().SerializeToString(deterministic=True)
    assert MESSAGES["ModelInferRequest"].FromString(sent).SerializeToString(deterministic=True) == sent


CALLS = {}


@given(message=st.binary(max_size=200), place=st.integers(0, 150), put_in=st.binary(max_size=6))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_is_a_fault_of_the_server(service_of, message, place, put_in):
    if service_of not in CALLS:
        CALLS.clear()
        CALLS[service_of] = Calls(service_of())
    valid = typed().SerializeToString()
    for body in (message, valid[:place] + put_in + valid[place + len(put_in) :]):
        for method in CALLS[service_of].paths:
            reply = asyncio.run(CALLS[service_of].answer(method, body))
            assert reply.code in ("OK", "INVALID_ARGUMENT", "NOT_FOUND"), reply

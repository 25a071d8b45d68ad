"""The Open Inference Protocol through Ray Serve and HAProxy, over HTTP and gRPC, with Triton's own clients."""

import json

import grpc
import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from tritonclient.utils import InferenceServerException

from mlconfig.engine.apply import apply_plan
from mlconfig.engine.head import listening
from mlconfig.engine.status import status_of
from mlconfig.plan.steps import DeployStep
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.records.resent import request_of

pytestmark = pytest.mark.ray

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4, every: 1h}}, target: target, event_time: ts}
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}}
serving: {protocols: [mlconfig, oip], limits: {body: 64KiB}}
monitoring: none
retraining: none
"""


@pytest.fixture(scope="module")
def shop(ray_session, mlflow_uri, tmp_path_factory, make_project):
    """An endpoint with both protocols, and one beside it; what is left of them goes with the session's head."""
    ray_session.connect()
    folder = tmp_path_factory.mktemp("oip")
    made = [make_project(folder, mlflow_uri, ray_session.storage).write(RECIPE) for _ in range(2)]
    plans = [each.plan() for each in made]
    reports = [apply_plan(plan, folder) for plan in plans]
    yield made[0], made[1], plans[0], reports[0]
    from mlconfig.engine.controller import stop_controller
    from mlconfig.engine.endpoints import remove

    stop_controller(made[0].workspace(plans[0]))
    for each, plan in zip(made, plans, strict=True):
        remove(each.workspace(plan), each.name)
        each.workspace(plan).plan_file(each.name).unlink(missing_ok=True)


def tensors(client, example, rows=2):
    found = []
    for name, value in example.items():
        number = not isinstance(value, str)
        values = np.array([value] * rows, np.float64 if number else object)
        tensor = client.InferInput(name, [rows], "FP64" if number else "BYTES")
        tensor.set_data_from_numpy(values)
        found.append(tensor)
    return found


def test_tritons_clients_are_answered_over_http_and_grpc_alike(shop):
    project, other, plan, report = shop
    workspace, name = project.workspace(plan), project.name
    host = report.url.removeprefix("http://")
    kept = json.loads((workspace.storage / "serve.json").read_text())
    status = status_of(workspace, plan)
    assert status.grpc == kept["grpc"]
    assert status.grpc.startswith("127.0.0.1:")

    web = over_http.InferenceServerClient(host)
    assert web.is_server_live()
    assert web.is_server_ready()
    assert web.is_model_ready(name, "1")
    by_http = web.infer(name, tensors(over_http, report.example), request_id="a")
    assert by_http.get_response()["id"] == "a"
    below = over_http.InferenceServerClient(f"{host}/v1/{other.name}")
    assert below.get_model_metadata(other.name)["versions"] == ["1"]
    assert below.infer(other.name, tensors(over_http, report.example)).as_numpy("version").tolist() == [b"1", b"1"]

    to = {"application": name}
    with over_grpc.InferenceServerClient(status.grpc) as client:
        assert client.is_server_live(headers=to)
        assert client.is_server_ready(headers=to)
        assert client.is_model_ready(name, headers=to)
        assert client.get_server_metadata(headers=to).name == "mlconfig"
        assert client.get_model_metadata(name, headers=to).versions == ["1"]
        by_grpc = client.infer(name, tensors(over_grpc, report.example), headers=to)
        assert by_grpc.as_numpy("probability").tolist() == by_http.as_numpy("probability").tolist()
        beside = client.infer(other.name, tensors(over_grpc, report.example), headers={"application": other.name})
        assert beside.get_response().model_name == other.name
        _is_refused(client, "NOT_FOUND", name, report.example, {})
        _is_refused(client, "NOT_FOUND", "nobody", report.example, to)
        _is_refused(client, "INVALID_ARGUMENT", name, {"what": 1.0}, to)
        _is_refused(client, "RESOURCE_EXHAUSTED", name, report.example, to, rows=9000)
        _is_refused(client, "RESOURCE_EXHAUSTED", name, report.example, to, rows=900_000)
    written = log_folder(workspace.storage, name)
    ids = {row["prediction_id"] for row in PredictionLog(written).predictions().to_pylist()}
    assert {each.decode() for each in by_grpc.as_numpy("prediction_id")} < ids
    assert None not in map(request_of, ids), "the ingress named all of them, over HTTP and gRPC"


def _is_refused(client, code, model, example, headers, rows=1):
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, tensors(over_grpc, example, rows), headers=headers)
    assert caught.value.status() == f"StatusCode.{code}", caught.value


def test_no_reflection_and_nothing_but_loopback(shop, ray_session):
    status = status_of(shop[0].workspace(shop[2]), shop[2])
    with grpc.insecure_channel(status.grpc) as channel:
        ask = channel.unary_unary("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        with pytest.raises(grpc.RpcError) as caught:
            ask(b"", metadata=[("application", shop[0].name)], timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    bound = listening(ray_session.head)
    assert [each for each in bound if not each.is_loopback] == []
    assert any(str(ray_session.head.ports.grpc) in str(each) for each in bound)
    assert shop[2].step(DeployStep).serving.protocols[1].name == "oip"

"""The Open Inference Protocol over HTTP, with Triton's own client, unchanged."""

import json
import threading
from contextlib import contextmanager
from functools import partial

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.utils import InferenceServerException

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.builtin.protocol_oip import OipProtocol
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.sections.serving import Constant, Serving
from mlconfig.serving.app import App
from mlconfig.serving.openapi import openapi
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol(), "oip": OipProtocol()}
COLUMNS = {
    "age": ("FP64", np.array([30.0, np.nan, 61.0])),
    "hours-per-week": ("FP32", np.array([40.5, 1.0, 3.25], np.float32)),
    "plan": ("BYTES", np.array(["pro", "basic", "unseen"], object)),
    "customer": ("INT64", np.array([7, 8, 9])),
    "ts": ("BYTES", np.array(["2026-01-02T03:04:05Z"] * 3, object)),
}
ROWS = [
    {"age": None if np.isnan(age) else age, "hours-per-week": float(hours), "plan": plan}
    for age, hours, plan in zip(*(COLUMNS[name][1] for name in ("age", "hours-per-week", "plan")), strict=True)
]


@contextmanager
def serve(service):
    """A real server on a port that the system chose."""
    started = threading.Event()

    class Started(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            started.set()

    server = Started(uvicorn.Config(App(service), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(20)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def oip_service(make_service):
    """A service that speaks the protocol; closed at the end."""
    return partial(make_service, protocols=PROTOCOLS)


def tensors(columns=COLUMNS, *, binary=True, two_dimensional=False):
    found = []
    for name, (datatype, values) in columns.items():
        shaped = values.reshape(-1, 1) if two_dimensional else values
        tensor = triton.InferInput(name, list(shaped.shape), datatype)
        tensor.set_data_from_numpy(shaped, binary_data=binary)
        found.append(tensor)
    return found


def house(url, rows):
    """What our own protocol says of the same rows."""
    said = httpx.post(f"http://{url}/v1/churn/predict", json={"rows": rows}).json()
    return said["predictions"]


def logged(service, name):
    """What the log has of a column, in order."""
    rows = PredictionLog(log_folder(service.storage, "churn")).predictions().to_pylist()
    return [row[name] if name in row else row["inputs"][name] for row in rows]


def test_everything_that_a_client_asks_before_it_predicts(oip_service):
    with serve(oip_service()) as url:
        client = triton.InferenceServerClient(url)
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("churn")
        assert client.is_model_ready("churn", "1")
        assert not client.is_model_ready("churn", "2")
        assert not client.is_model_ready("other")
        assert client.get_server_metadata()["name"] == "mlconfig"
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        about = client.get_model_metadata("churn")
        assert (about["name"], about["versions"]) == ("churn", ["1"])
        assert {each["name"]: (each["datatype"], each["shape"]) for each in about["inputs"]} == {
            "age": ("FP64", [-1]), "hours-per-week": ("FP64", [-1]), "plan": ("BYTES", [-1]), "customer": ("INT64", [-1]),
            "ts": ("BYTES", [-1]),
        }  # fmt: skip
        assert {each["name"]: each["datatype"] for each in about["outputs"]} == {
            "prediction": "BYTES", "probability": "FP64", "prediction_id": "BYTES", "version": "BYTES"
        }  # fmt: skip
        config = client.get_model_config("churn", "1")
        assert config["input"][2] == {"name": "plan", "data_type": "TYPE_STRING", "dims": [-1], "optional": False}
        assert client.get_model_repository_index() == [
            {"name": "churn", "version": "1", "state": "READY", "reason": ""}
        ]


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("two_dimensional", [True, False])
def test_binary_tensors_answer_as_rows_do(oip_service, two_dimensional, binary_out):
    service = oip_service()
    with serve(service) as url:
        client = triton.InferenceServerClient(url)
        wanted = [
            triton.InferRequestedOutput(name, binary_data=binary_out)
            for name in ("prediction", "probability", "prediction_id")
        ]
        result = client.infer(
            "churn", tensors(two_dimensional=two_dimensional), request_id="r-7", outputs=wanted, model_version="1"
        )
        told = house(url, ROWS)
    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("r-7", "churn", "1")
    assert [each["name"] for each in answer["outputs"]] == ["prediction", "probability", "prediction_id"]
    labels = [each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("prediction")]
    assert labels == [each["prediction"] for each in told]
    assert result.as_numpy("probability") == pytest.approx([each["probability"] for each in told])
    ids = [each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("prediction_id")]
    assert logged(service, "prediction_id")[:3] == ids
    assert logged(service, "age")[:3] == [30.0, None, 61.0]
    assert logged(service, "customer")[:3] == [7, 8, 9]


def test_json_tensors_with_nulls_flat_or_nested(oip_service):
    with serve(oip_service()) as url:
        told = [each["probability"] for each in house(url, ROWS)]
        for nested in (False, True):
            inputs = [
                {
                    "name": name,
                    "shape": [3, 1] if nested else [3],
                    "datatype": "BYTES" if name == "plan" else "FP64",
                    "data": [[row[name]] if nested else row[name] for row in ROWS],
                }
                for name in ROWS[0]
            ]
            answer = httpx.post(f"http://{url}/v2/models/churn/infer", json={"inputs": inputs}).json()
            said = {each["name"]: each["data"] for each in answer["outputs"]}
            assert said["probability"] == pytest.approx(told)
            assert said["version"] == ["1"] * 3
            assert "id" not in answer
            assert "parameters" not in answer


def test_tritons_json_form_and_all_outputs_in_bytes(oip_service):
    columns = {**COLUMNS, "age": ("FP64", np.array([30.0, 2.0, 61.0]))}
    with serve(oip_service()) as url:
        client = triton.InferenceServerClient(url)
        result = client.infer("churn", tensors(columns, binary=False))
        assert result.as_numpy("version").tolist() == [b"1"] * 3
        with pytest.raises(InferenceServerException, match="compressed bodies are not taken"):
            client.infer("churn", tensors(columns), request_compression_algorithm="gzip")


@pytest.mark.parametrize(
    ("datatype", "code"),
    [("FP16", "f2"), ("FP32", "f4"), ("FP64", "f8"), *((f"INT{bits}", f"i{bits // 8}") for bits in (8, 16, 32, 64)),
     *((f"UINT{bits}", f"u{bits // 8}") for bits in (8, 16, 32, 64))],
)  # fmt: skip
@pytest.mark.parametrize("column", ["hours-per-week", "customer"])
def test_every_datatype_of_a_number(oip_service, datatype, code, column):
    service = oip_service()
    columns = {"hours-per-week": ("FP64", np.array([1.0, 2.0])), "plan": ("BYTES", np.array(["pro", "pro"], object))}
    with serve(service) as url:
        client = triton.InferenceServerClient(url)
        for binary in (True, False) if datatype != "FP16" else (True,):
            given = tensors({**columns, column: (datatype, np.array([3, 100], code))}, binary=binary)
            assert client.infer("churn", given).as_numpy("prediction").shape == (2,)
    assert set(logged(service, column)) == {3, 100}


def test_booleans_and_categories_that_are_numbers(oip_service):
    columns = [
        {"name": "age", "kind": "numeric"},
        {"name": "hours-per-week", "kind": "boolean"},
        {"name": "plan", "kind": "categorical", "integer": True},
    ]
    service = oip_service(columns=columns, key=[], event_time=None, example={"age": 1.0, "plan": 3})
    given = {
        "age": ("FP32", np.array([1, 2], np.float32)),
        "hours-per-week": ("BOOL", np.array([True, False])),
        "plan": ("INT32", np.array([3, 4], np.int32)),
    }
    with serve(service) as url:
        client = triton.InferenceServerClient(url)
        assert client.get_model_metadata("churn")["inputs"][2]["datatype"] == "INT64"
        for binary in (True, False):
            client.infer("churn", tensors(given, binary=binary))
    assert logged(service, "hours-per-week") == [True, False] * 2


@pytest.mark.parametrize(
    ("task", "classes", "datatype"),
    [("multiclass", [1, 2, 3], "INT64"), ("multiclass", [0.5, 1, 2], "FP64"), ("multiclass", ["a", "b", "c"], "BYTES"),
     ("binary", [False, True], "BOOL"), ("multiclass", [1, "b", True], "BYTES"), ("regression", [], "FP64")],
)  # fmt: skip
def test_predictions_are_of_the_classes_datatype(oip_service, task, classes, datatype):
    with serve(oip_service(task, classes=classes)) as url:
        client = triton.InferenceServerClient(url)
        told = house(url, ROWS)
        about = {each["name"]: each for each in client.get_model_metadata("churn")["outputs"]}
        assert about["prediction"]["datatype"] == datatype
        result = client.infer("churn", tensors())
        said = result.as_numpy("prediction").tolist()
        spelled = [str(each["prediction"]).encode() for each in told]
        assert said == (spelled if datatype == "BYTES" else pytest.approx([each["prediction"] for each in told]))
        assert ("probability" in about) == (task == "binary")
        if task == "multiclass":
            assert about["probabilities"]["shape"] == [-1, 3]
            several = result.as_numpy("probabilities")
            assert several == pytest.approx(np.array([each["probabilities"] for each in told]))


def test_a_fallback_is_marked(oip_service, monkeypatch):
    service = oip_service(settings=Serving(fallback=Constant(constant=0.25)))
    monkeypatch.setattr(type(service.state), "answer", lambda *_: 1 / 0)
    with serve(service) as url:
        result = triton.InferenceServerClient(url).infer("churn", tensors())
    assert result.get_response()["parameters"] == {"fallback": True}
    assert result.get_response()["model_version"] == "constant"
    assert result.as_numpy("probability").tolist() == [0.25] * 3


SECRET = "4111-1111"


def change(**changes):
    """A valid request of one row, with some of its first input's fields changed."""
    inputs = [
        {"name": "hours-per-week", "shape": [1], "datatype": "FP64", "data": [1.0]},
        {"name": "plan", "shape": [1], "datatype": "BYTES", "data": ["pro"]},
    ]
    inputs[0] |= changes
    return {"inputs": inputs}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (change(datatype=SECRET), 400, "hours-per-week: the datatype is not taken"),
        (change(datatype="BOOL", data=[True]), 400, "hours-per-week: the datatype is not taken; send FP64"),
        (change(data=[SECRET]), 400, "hours-per-week: the data are not FP64"),
        (change(datatype="INT8", data=[300]), 400, "hours-per-week: a value is out of the range of INT8"),
        (change(datatype="INT8", data=[1.5]), 400, "hours-per-week: the data are not INT8"),
        (change(shape=[2]), 400, "hours-per-week: the data are more or fewer"),
        (change(shape=[-1]), 400, "hours-per-week: the shape is no column's"),
        (change(shape=[1, 2]), 400, "hours-per-week: the shape is no column's"),
        (change(shape=[]), 400, "hours-per-week: the shape is no column's"),
        (change(shape=[0], data=[]), 422, "hours-per-week: it has no row"),
        (change(shape=[10**30]), 422, "hours-per-week: it has more than 1000 rows"),
        (change(shape=[1, 1], data=[[1.0, 2.0]]), 400, "hours-per-week: the data are not nested"),
        (change(shape=[2], data=[1.0, 2.0]), 400, "plan: it has more or fewer rows"),
        (change(data=None), 400, "hours-per-week: it has no list of data"),
        (change(data=[None]), 422, "rows[0].hours-per-week: expected a number, got null"),
        (change(parameters={"binary_data_size": 8}), 400, "hours-per-week: the size of its binary data"),
        (change(parameters={"binary_data_size": SECRET}), 400, "hours-per-week: the size of its binary data"),
        (change(parameters={"shared_memory_region": SECRET}), 400, "hours-per-week: the parameter `shared_memory_region`"),
        (change(name="hours-per-wek"), 400, "hours-per-wek: the tensor is unknown; did you mean `hours-per-week`?"),
        (change(name="plan", datatype="BYTES", data=["pro"]), 400, "plan: the tensor is there twice"),
        ({"inputs": []}, 400, "hours-per-week: the tensor is required"),
        ({"inputs": [{"name": "plan"}]}, 400, "inputs[0]: object missing required field `shape`"),
        ({**change(), "outputs": [{"name": "odds"}]}, 400, "odds: there is no such output; ask for prediction"),
        ({**change(), "outputs": [{"name": "version"}] * 2}, 400, "version: the output is asked for twice"),
        ({**change(), "outputs": [{"name": "version", "parameters": {"classification": 1}}]}, 400, "version: the param"),
        ({**change(), "id": 7}, 400, "id: expected"),
        ([], 400, "body: expected"),
    ],
)  # fmt: skip
def test_what_does_not_fit_names_the_tensor_and_never_the_value(oip_service, body, status, said):
    with httpx_client(oip_service()) as client:
        answer = client.post("/v2/models/churn/infer", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.text
    assert answer.json()["error"].startswith(said)
    assert SECRET not in answer.text


@contextmanager
def httpx_client(service):
    with serve(service) as url, httpx.Client(base_url=f"http://{url}") as client:
        yield client


BYTES = {"name": "plan", "shape": [1], "datatype": "BYTES"}


@pytest.mark.parametrize(
    ("inputs", "rest", "said"),
    [
        ([{**BYTES, "parameters": {"binary_data_size": 3}}], b"\x00\x00\x00", "plan: the binary data end within"),
        ([{**BYTES, "parameters": {"binary_data_size": 6}}], b"\xff\xff\xff\xffab", "plan: the binary data end within"),
        ([{**BYTES, "parameters": {"binary_data_size": 6}}], b"\x01\x00\x00\x00ab", "plan: the binary data are longer"),
        ([{**BYTES, "parameters": {"binary_data_size": 5}}], b"\x01\x00\x00\x00\xff", "plan: an element is not text"),
        ([{**BYTES, "parameters": {"binary_data_size": 4}}], b"\x00" * 5, "body: there are more binary data"),
        ([{"name": "age", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 8}}], b"\x00" * 8,
         "age: the binary data are longer or shorter"),
        ([{**BYTES, "data": ["pro"], "parameters": {"binary_data_size": 7}}], b"\x03\x00\x00\x00pro",
         "plan: its values come more than once"),
    ],
)  # fmt: skip
def test_sizes_that_lie(oip_service, inputs, rest, said):
    head = json.dumps({"inputs": inputs}).encode()
    with httpx_client(oip_service()) as client:
        headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
        answer = client.post("/v2/models/churn/infer", content=head + rest, headers=headers)
        assert (answer.status_code, answer.json()["error"][: len(said)]) == (400, said)
        for told in ("x", "-1", str(len(head + rest) + 1), "9" * 30):
            wrong = headers | {"inference-header-content-length": told}
            answer = client.post("/v2/models/churn/infer", content=head + rest, headers=wrong)
            assert answer.json()["error"].startswith("inference-header-content-length: it is no length")


def test_other_models_and_versions_are_refused_in_the_protocols_words(oip_service):
    with httpx_client(oip_service()) as client:
        for path in ("other", "other/versions/1", "churn/versions/2"):
            assert client.get(f"/v2/models/{path}").status_code == 404
            answer = client.post(f"/v2/models/{path}/infer", json=change())
            assert (answer.status_code, list(answer.json())) == (404, ["error"])
            assert answer.json()["error"].startswith(("model: there is no such", "version: this version is not"))
        answer = client.post("/v1/churn/v2/models/churn/infer", json=change())
        assert answer.status_code == 200, "below the endpoint's own path too"
        answer = client.put("/v2/models/churn/infer", json=change())
        assert (answer.status_code, list(answer.json())) == (405, ["error"])


def test_a_process_without_a_version_lives_and_is_not_ready(tmp_path):
    service = Service("churn", tmp_path, Serving(), PROTOCOLS, replica="r0")
    with serve(service) as url:
        client = triton.InferenceServerClient(url)
        assert client.is_server_live()
        assert not client.is_server_ready()
        assert not client.is_model_ready("churn")
        assert httpx.get(f"http://{url}/v2/models/churn").json()["error"].startswith("no version is loaded yet")
    service.close()


def test_the_openapi_document_has_its_paths(oip_service):
    state = oip_service().state
    paths = json.loads(state.openapi)["paths"]
    assert {"/v2", "/v2/models/churn", "/v2/models/churn/infer", "/v1/churn/predict"} <= set(paths)
    assert openapi("churn", state.signature, "1", 10, state.codecs["oip"].schema())["openapi"] == "3.1.0"


VALID = json.dumps({**change(), "id": "a", "outputs": [{"name": "prediction", "parameters": {"binary_data": True}}]})
scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
tensor = st.fixed_dictionaries(
    {"name": st.sampled_from(["age", "hours-per-week", "plan", "customer", "ts", "?"])},
    optional={
        "shape": st.lists(st.integers(-1, 3), max_size=3) | anything,
        "datatype": st.sampled_from(["FP32", "FP64", "INT8", "INT64", "UINT64", "BOOL", "BYTES", "BF16"]) | anything,
        "data": st.lists(anything, max_size=3) | anything,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), st.integers(-1, 40) | anything),
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensor, max_size=5)},
    optional={
        "outputs": anything | st.lists(st.fixed_dictionaries({"name": st.sampled_from(["prediction", "x"])})),
        "parameters": anything,
        "id": anything,
    },
)


@st.composite
def mutants(draw):
    """A valid body with bytes taken out and other ones put in."""
    body = VALID.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        put_in = draw(
            st.binary(max_size=4) | st.sampled_from([b"1e999", b"9" * 400, b"[" * 3000, b"NaN", b"null", b"-0"])
        )
        body = body[:start] + put_in + body[start + draw(st.integers(0, 20)) :]
    return body


bodies = mutants() | st.binary(max_size=200) | requests.map(lambda each: json.dumps(each).encode())


@given(body=bodies, rest=st.binary(max_size=40), length=st.none() | st.integers(-3, 3))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_a_5xx(oip_service, body, rest, length):
    app = oip_app(oip_service)
    headers = [] if length is None else [(b"inference-header-content-length", b"%d" % (len(body) + length))]
    status, answer = call(app, "/v2/models/churn/infer", body + rest, headers)
    assert status in (200, 400, 422), answer


APPS = {}


def oip_app(make):
    """One application for all examples of a test."""
    if make not in APPS:
        APPS.clear()
        APPS[make] = App(make())
    return APPS[make]


def call(app, path, body, headers):
    import asyncio

    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send))
    return sent[0]["status"], sent[1]["body"]

"""Versions of a small model, made by hand as ONNX: two numbers, one category, one moment (context)."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts.protocol import Protocol
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.records.signature import Signature
from mlconfig.sections.serving import Serving
from mlconfig.serving.batch.inputs import FileInput
from mlconfig.serving.batch.outputs import output_of
from mlconfig.serving.batch.run import Here, Settings, run_batch
from mlconfig.serving.batch.unit import Model
from mlconfig.serving.predictor import read_signature
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

CLASSES = {"binary": ["no", "yes"], "multiclass": [1, 2, 3], "regression": []}
LEVELS = ["basic", "pro", "team"]


def graph(task: str, weight: float) -> bytes:
    """A linear model over (age, income / 1000, one-hot plan); ``weight`` scales it, so that versions differ."""
    outputs = max(1, len(CLASSES[task]))
    weights = [[weight * 0.02, weight * 0.01, 0.5, -0.5, 0.1], [0.01, -0.01, 0.0, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1, 0.1]]
    if task == "binary":
        weights[0] = [-value for value in weights[1]]
        weights[1] = [weight * 0.02, weight * 0.01, 0.5, -0.5, 0.1]
    flat = [value for row in weights[:outputs] for value in row]
    nodes = [
        helper.make_node(
            "Imputer",
            ["num"],
            ["filled"],
            domain="ai.onnx.ml",
            imputed_value_floats=[40.0, 30.0],
            replaced_value_float=float("nan"),
        ),
        helper.make_node("OneHotEncoder", ["cat"], ["hot"], domain="ai.onnx.ml", cats_strings=LEVELS, zeros=1),
        helper.make_node("Flatten", ["hot"], ["flat"], axis=1),
        helper.make_node("Concat", ["filled", "flat"], ["x"], axis=1),
    ]
    if task == "regression":
        nodes.append(
            helper.make_node(
                "LinearRegressor", ["x"], ["value"], domain="ai.onnx.ml", coefficients=flat, intercepts=[0.5], targets=1
            )
        )
        outs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])]
    else:
        nodes.append(
            helper.make_node(
                "LinearClassifier",
                ["x"],
                ["label", "scores"],
                domain="ai.onnx.ml",
                classlabels_ints=list(range(outputs)),
                coefficients=flat,
                intercepts=[0.0] * outputs,
                multi_class=1,
                post_transform="NONE",
            )
        )
        nodes.append(helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1))
        outs = [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, outputs]),
        ]
    ins = [
        helper.make_tensor_value_info("num", TensorProto.FLOAT, [None, 2]),
        helper.make_tensor_value_info("cat", TensorProto.STRING, [None, 1]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", ins, outs),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def signature(task: str = "binary", **changes: object) -> Signature:
    fields = {
        "name": "churn",
        "task": task,
        "target": "churned",
        "classes": CLASSES[task],
        "key": ["customer"],
        "columns": [
            {"name": "age", "kind": "numeric", "nullable": True, "required": False},
            {"name": "hours-per-week", "kind": "numeric"},
            {"name": "plan", "kind": "categorical", "nullable": True},
            {"name": "customer", "kind": "numeric", "integer": True, "role": "context", "required": False},
            {"name": "ts", "kind": "timestamp", "role": "context", "required": False, "nullable": True},
        ],
        "event_time": "ts",
        "time_zone": "Europe/Berlin",
        "example": {"age": 30, "hours-per-week": 40, "plan": "pro", "customer": 7, "ts": "2026-01-02T03:04:05"},
    }
    return Signature.model_validate_json(json.dumps({**fields, **changes}))


@pytest.fixture
def make_signature():
    return signature


@pytest.fixture
def make_version():
    """Write a version's folder below ``storage``; returns its row of the route table."""

    def make(
        storage: Path, version: str = "1", task: str = "binary", weight: float = 1.0, **changes: object
    ) -> RouteVersion:
        folder = storage / "versions" / version
        folder.mkdir(parents=True)
        data = graph(task, weight)
        (folder / "model.onnx").write_bytes(data)
        (folder / "signature.json").write_text(signature(task, **changes).model_dump_json())
        return RouteVersion(
            version=version, artifact_sha256=hashlib.sha256(data).hexdigest(), folder=f"versions/{version}"
        )

    return make


@pytest.fixture
def make_route_table():
    def make(champion: RouteVersion, generation: int = 1, epoch: int = 0, endpoint: str = "churn") -> RouteTable:
        return RouteTable(endpoint=endpoint, generation=generation, epoch=epoch, champion=champion, created_at=1.0)

    return make


@pytest.fixture
def make_service(tmp_path, make_version, make_route_table):
    """A service that is ready, on ``tmp_path``; closed at the end."""
    made = []

    def make(
        task: str = "binary",
        settings: Serving | None = None,
        protocols: dict[str, Protocol] = PROTOCOLS,
        **changes: object,
    ) -> Service:
        service = Service("churn", tmp_path, settings or Serving(), protocols, replica="r0", boot=f"b{len(made)}")
        made.append(service)
        assert service.swap(make_route_table(make_version(tmp_path, f"{len(made)}", task, **changes))), service.problem
        return service

    yield make
    for service in made:
        service.close()


@pytest.fixture
def promtool() -> str:
    """Prometheus' own checker, installed or beside Python."""
    found = shutil.which("promtool") or shutil.which("promtool", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("promtool is missing (Debian: package prometheus; `make setup` fetches it)")
    return found


@pytest.fixture
def make_model(tmp_path, make_version):
    """A version as a batch takes it."""

    def make(task: str = "binary", version: str = "1", **changes: object) -> Model:
        made = make_version(tmp_path, version, task, **changes)
        return Model(tmp_path / made.folder, made.artifact_sha256, version)

    return make


@pytest.fixture
def score():
    """A batch of files, in this process unless another runner is given."""

    def run(model, source, target, runner=None, form=None, watcher=None, **settings):
        given = FileInput(Path(source), read_signature(model.folder))
        return run_batch(model, given, output_of(Path(target), form), runner or Here(), Settings(**settings), watcher)

    return run

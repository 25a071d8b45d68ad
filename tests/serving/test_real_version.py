"""A version that the other rooms made: HTTP answers as its scikit-learn pipeline does, and the log replays it."""

import asyncio
import json

import httpx
import numpy as np
import pyarrow as pa
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.data.schema import infer_schema
from mlconfig.features.pipeline import build_preprocessor
from mlconfig.features.resolve import resolve_features
from mlconfig.packaging.export import export_model
from mlconfig.packaging.package import Package, write_package
from mlconfig.packaging.signature import json_value, make_signature
from mlconfig.records.dataset import DatasetCard
from mlconfig.records.packing import Packing, frame_of, pack_table
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.records.route import RouteVersion
from mlconfig.sections.features import Features
from mlconfig.sections.serving import Serving
from mlconfig.serving.app import App
from mlconfig.serving.service import Service
from mlconfig.training.fit import FitSettings, Rows, fit_pipeline
from mlconfig.training.target import learn_target

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

ZONE = "Europe/Berlin"


def make_table(rows=400):
    rng = np.random.default_rng(5)
    x, flag = rng.normal(size=rows), rng.random(rows) < 0.4
    plan = rng.choice(["basic", "pro", "team"], rows).astype(object)
    moment = np.datetime64("2026-03-01") + rng.integers(0, 60 * 86400, rows).astype("timedelta64[s]")
    raw = x + flag + (plan == "pro") + 0.1 * rng.normal(size=rows)
    return pa.table({
        "x": pa.array(x, mask=rng.random(rows) < 0.1),
        "plan": pa.array(plan, mask=rng.random(rows) < 0.1),
        "flag": pa.array(flag),
        "n": pa.array(rng.integers(0, 9, rows)),
        "moment": pa.array(moment, mask=rng.random(rows) < 0.1),
        "y": pa.array(np.digitize(raw, [0, 1.3])),
    })  # fmt: skip


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """The storage, the fitted pipeline, the signature, the table, and the version's row of the route."""
    storage, table, catalog = tmp_path_factory.mktemp("storage"), make_table(), Catalog()
    schema = infer_schema(table, target="y")
    resolved = resolve_features(Features(), schema, lambda name: catalog.load("transform", name).tags, target="y")
    packing, target = Packing.of(resolved), learn_target(table["y"], "y", "multiclass")
    feeds, y = pack_table(table, packing, ZONE), target.encode(table["y"])
    make = lambda wanted: catalog.create("transform", wanted.name, wanted.params, Context(time_zone=ZONE))  # noqa: E731
    plugin = catalog.create("model", "lightgbm", {"n_estimators": 10}, Context())
    fitted = fit_pipeline(
        build_preprocessor(resolved, make), plugin, Rows(feeds, y), None, FitSettings(packing, target)
    )
    model = export_model(
        catalog.create("exporter", "onnx", {}, Context()), fitted.pipeline, packing, "multiclass", "float32"
    )
    signature = make_signature(
        resolved, schema, name="m", task="multiclass", target="y", classes=target.classes, time_zone=ZONE,
        example=table.slice(0, 1).to_pylist()[0],
    )  # fmt: skip
    package = Package(model, signature, resolved, DatasetCard(fingerprint="f", rows=len(table), table_schema=schema))
    digest = write_package(storage / "versions" / "1", package)
    route = RouteVersion(version="1", artifact_sha256=digest, folder="versions/1")
    return storage, fitted.pipeline, signature, table.drop_columns(["y"]), route


def test_http_answers_as_the_pipeline_and_the_log_replays(version, make_route_table):
    storage, pipeline, signature, table, route = version
    service = Service("m", storage, Serving(), PROTOCOLS, replica="r0")
    assert service.swap(make_route_table(route, endpoint="m")), service.problem
    rows = [{name: json_value(value) for name, value in row.items()} for row in table.to_pylist()]

    async def ask():
        transport = httpx.ASGITransport(app=App(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            example = await client.post("/v1/m/predict", json=json.loads(signature.model_dump_json())["example"])
            assert example.status_code == 200, example.text
            return (await client.post("/v1/m/predict", json={"rows": rows})).json()

    answers = asyncio.run(ask())["predictions"]
    packing = Packing.of(signature)
    expected = pipeline.predict_proba(frame_of(pack_table(table, packing, ZONE), packing))
    np.testing.assert_allclose([answer["probabilities"] for answer in answers], expected, atol=1e-6)
    assert [answer["prediction"] for answer in answers] == [signature.classes[code] for code in expected.argmax(axis=1)]

    logged = PredictionLog(log_folder(storage, "m")).predictions().slice(1)
    inputs = pa.Table.from_struct_array(logged.column("inputs"))
    for name, matrix in pack_table(inputs, packing, ZONE).items():
        np.testing.assert_array_equal(matrix, pack_table(table, packing, ZONE)[name])
    assert [json.loads(text) for text in logged.column("prediction").to_pylist()] == [a["prediction"] for a in answers]
    service.close()

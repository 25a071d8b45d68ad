"""A table with every kind of column, nulls in most, and a target for each task; and the whole way from it to bytes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.data.schema import infer_schema
from mlconfig.features.pipeline import build_preprocessor
from mlconfig.features.resolve import resolve_features
from mlconfig.packaging.export import export_model
from mlconfig.packaging.hard_rows import make_hard_rows
from mlconfig.packaging.runtime import PackagedModel
from mlconfig.packaging.thresholds import thresholds_of
from mlconfig.records.packing import Packing, pack_table, take_rows
from mlconfig.sections.features import Features
from mlconfig.training.fit import FitSettings, Rows, fit_pipeline
from mlconfig.training.target import learn_target

ROWS = 1200
CATALOG, CONTEXT = Catalog(), Context()
ALL_TRANSFORMS = {
    "columns": {
        "price": {
            "transforms": {"impute": {"strategy": "mean"}, "clip": {"low": -1.5, "high": 2.0}, "standard_scale": {}}
        },
        "amount": {"transforms": {"log1p": {}, "impute": {"value": 1.5}, "standard_scale": {}}},
        "city": {"transforms": {"impute": {}, "ordinal": {}}},
        "moment": {
            "transforms": {
                "date_parts": {
                    "parts": ["hour", "minute", "day_of_week", "is_weekend", "day", "month", "quarter", "year"]
                },
                "impute": {"strategy": "most_frequent"},
                "standard_scale": {},
            }
        },
    }
}


def make_table(task, rows=ROWS, seed=3):
    rng = np.random.default_rng(seed)
    price, amount = np.round(rng.normal(size=rows), 2), np.round(rng.normal(size=rows) * 1000)
    plan = rng.choice(["basic", "pro", "team", "rare 1", "rare 2"], rows, p=[0.5, 0.3, 0.19, 0.005, 0.005]).astype(
        object
    )
    flag = rng.random(rows) < 0.4
    moment = np.datetime64("2019-12-01") + rng.integers(0, 900 * 86400, rows).astype("timedelta64[s]")
    raw = price + amount / 900 + (plan == "basic") + 0.6 * flag + 0.4 * rng.normal(size=rows)
    y = {"binary": raw > 0.5, "multiclass": np.digitize(raw, [0, 1.3]), "regression": raw * 40 + 500}[task]
    holes = [rng.random(rows) < 0.08 for _ in range(4)]
    return pa.table(
        {
            "price": pa.array(price, mask=holes[0]),
            "amount": pa.array(amount.astype(np.int64), mask=holes[1]),
            "plan": pa.array(plan, mask=holes[2]),
            "city": pa.array(rng.choice(["a", "b", "ü"], rows).astype(object)),
            "flag": pa.array(flag),
            "moment": pa.array(moment, mask=holes[3]),
            "y": pa.array(y),
        }
    )


@dataclass
class Built:
    table: pa.Table
    resolved: object
    schema: object
    packing: Packing
    feeds: dict
    y: np.ndarray
    fitted: object
    model: bytes
    packaged: PackagedModel

    @property
    def holdout(self):
        return take_rows(self.feeds, slice(900, None))

    def hard(self):
        packing, fitted = self.packing, self.fitted
        thresholds = thresholds_of(self.model, fitted.pipeline.named_steps["features"], packing)
        names = {"num": packing.numeric, "cat": packing.categorical, "time": packing.timestamp}
        nullable = frozenset(column.name for column in self.resolved.columns if column.nullable)
        return make_hard_rows(self.holdout, names, thresholds, nullable), thresholds


def build(task, model, params, *, precision="float32", features=ALL_TRANSFORMS, table=None):
    table = make_table(task) if table is None else table
    schema = infer_schema(table, target="y")
    section = Features.model_validate(features)
    resolved = resolve_features(section, schema, lambda name: CATALOG.load("transform", name).tags, target="y")
    packing, target = Packing.of(resolved), learn_target(table["y"], "y", task)
    feeds, y = pack_table(table, packing, "UTC", precision), target.encode(table["y"])
    make = lambda wanted: CATALOG.create("transform", wanted.name, wanted.params, CONTEXT)  # noqa: E731
    train, held = (Rows(take_rows(feeds, rows), y[rows]) for rows in (slice(0, 700), slice(700, 900)))
    plugin = CATALOG.create("model", model, params, CONTEXT)
    fitted = fit_pipeline(build_preprocessor(resolved, make), plugin, train, held, FitSettings(packing, target, 10))
    exporter = CATALOG.create("exporter", "onnx", {}, CONTEXT)
    data = export_model(exporter, fitted.pipeline, packing, task, precision)
    return Built(table, resolved, schema, packing, feeds, y, fitted, data, PackagedModel(data))


@pytest.fixture(scope="session")
def build_version():
    return build


@pytest.fixture(scope="session")
def lightgbm_version():
    return build("binary", "lightgbm", {"n_estimators": 40})

"""A watched version, and rows as its prediction log would hold them."""

import json

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.builtin.metrics_classification import Accuracy
from mlconfig.contracts import Context
from mlconfig.contracts.catalog import Catalog
from mlconfig.monitoring.baseline import Baseline
from mlconfig.monitoring.reference import feature_kinds, reference_profile
from mlconfig.monitoring.run import PassInput, run_pass
from mlconfig.monitoring.watch import Watch
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.monitoring import STANDARD_SIGNALS, Monitoring

HOUR = 3600.0
BEGIN = 473_000 * HOUR
SIGNATURE = Signature(
    name="demo",
    task="binary",
    target="y",
    classes=("no", "yes"),
    key=("customer",),
    columns=(
        SignatureColumn(name="x", kind="numeric"),
        SignatureColumn(name="z", kind="numeric"),
        SignatureColumn(name="plan", kind="categorical"),
        SignatureColumn(name="customer", kind="categorical", role="context"),
    ),
)


def inputs(rng, n, shift=0.0):
    return {
        "x": rng.normal(shift, 1, n),
        "z": rng.lognormal(0, 1, n),
        "plan": rng.choice(np.array(["basic", "pro", "team"], object), n),
        "customer": np.array([f"c{i}" for i in rng.integers(0, 10**9, n)], object),
    }


FEW = {name: "none" for name in STANDARD_SIGNALS if name not in ("data_quality", "input_drift", "performance")}
"""A test that is about windows, votes or labels looks at three signals, and at others where it names them."""


def make_watch(version="1", reference_rows=20_000, metric_reference=0.9, signals=None, **monitoring):
    section = Monitoring.model_validate({"scales": [], "signals": {**FEW, **(signals or {})}, **monitoring})
    catalog = Catalog()
    made = {
        name: catalog.create("detector", signal.name, signal.params, Context())
        for name, signal in section.signals.items()
    }
    rows = inputs(np.random.default_rng(0), reference_rows)
    reference = reference_profile(rows, feature_kinds(SIGNATURE))
    return Watch("demo", version, section, SIGNATURE, Baseline(reference), Accuracy(), metric_reference, made)


class Log:
    """Predictions and labels of an endpoint, hour by hour; read as a pass reads them."""

    def __init__(self, seed=1):
        self.rng = np.random.default_rng(seed)
        self._predictions, self._labels = [], []
        self._next = 0
        self._now = np.inf

    def hour(
        self, number, rows=600, *, shift=0.0, version="1", accuracy=0.9, label_delay=None, labelled=1.0, **columns
    ):
        """Rows that arrive evenly over an hour; their labels ``label_delay`` seconds later, a share of them."""
        arrived = BEGIN + (number + np.arange(rows) / rows) * HOUR
        given = {**inputs(self.rng, rows, shift), **columns}
        truth = self.rng.random(rows) < 0.5
        right = self.rng.random(rows) < accuracy
        answered = np.where(right, truth, ~truth)
        ids = [f"p{self._next + i}" for i in range(rows)]
        self._next += rows
        block = pa.table(
            {
                "prediction_id": ids,
                "arrived": arrived,
                "event_time": arrived - 30_000 * HOUR,
                "version": [version] * rows,
                "prediction": [json.dumps("yes" if answer else "no") for answer in answered],
                "score": np.where(answered, 0.8, 0.2),
                "probabilities": [[0.2, 0.8] if answer else [0.8, 0.2] for answer in answered],
                "inputs": pa.StructArray.from_arrays([pa.array(values) for values in given.values()], list(given)),
            }
        )
        self._predictions.append(block)
        if label_delay is not None:
            count = int(rows * labelled)
            self.label(ids[:count], truth[:count], arrived[:count] + label_delay)
        return ids, truth, given["customer"]

    def label(self, ids, truth, arrived, keys=None, label_version=1):
        self._labels.append(
            pa.table(
                {
                    "prediction_id": pa.array([None] * len(truth) if keys is not None else list(ids), pa.string()),
                    "key": pa.array([None] * len(truth) if keys is None else list(keys), pa.string()),
                    "label": [json.dumps("yes" if yes else "no") for yes in truth],
                    "label_version": pa.array([label_version] * len(truth), pa.int64()),
                    "arrived": np.broadcast_to(np.asarray(arrived, float), len(truth)),
                }
            )
        )

    @property
    def predictions(self):
        return pa.concat_tables(self._predictions)

    def blocks(self, since=None, until=None, time="arrival", version=None, columns=()):
        moment = "arrived" if time == "arrival" else "event_time"
        for block in self._predictions:
            moments = block.column(moment).to_numpy()
            keep = np.ones(len(block), bool)
            keep &= ~(moments < since) if since is not None else keep
            keep &= ~(moments >= until) if until is not None else keep
            keep &= np.array([each == version for each in block.column("version").to_pylist()])
            if keep.any():
                yield block.filter(pa.array(keep)).select(list(columns))

    def label_blocks(self, since=None):
        empty = pa.schema(
            [("prediction_id", pa.string()), ("key", pa.string()), ("label", pa.string()), ("label_version", pa.int64()),
             ("arrived", pa.float64())]
        ).empty_table()  # fmt: skip
        for block in (empty, *self._labels):
            arrived = block.column("arrived").to_numpy()
            yield block.filter(pa.array((arrived <= self._now) & (arrived >= (-np.inf if since is None else since))))

    def passed(self, watched, hour, verdicts=(), **more):
        """A pass when that hour begins."""
        self._now = BEGIN + hour * HOUR
        return run_pass(PassInput(watched, self, tuple(verdicts), BEGIN + hour * HOUR, **more))


@pytest.fixture
def watch():
    """Makes a watched version; keywords are of the ``monitoring`` section."""
    return make_watch


@pytest.fixture
def new_log():
    """Makes an empty log."""
    return Log

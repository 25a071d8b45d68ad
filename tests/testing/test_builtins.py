"""Everything we ship goes through the kit that we ship."""

import atexit
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from mlconfig.contracts import Context
from mlconfig.contracts.catalog import CONTRACTS, Catalog
from mlconfig.testing import parametrize_with_checks

FOLDER = tempfile.TemporaryDirectory(prefix="mlconfig-builtins-")
atexit.register(FOLDER.cleanup)
PROJECT = Path(FOLDER.name)
CONTEXT = Context(PROJECT, random_state=4)

# Plugins whose settings have no default, or whose default asks for too much work; and second ones worth asking.
SETTINGS = {
    ("source", "csv"): [{"path": "rows.csv"}],
    ("source", "parquet"): [{"path": "rows.parquet"}],
    ("source", "sklearn_dataset"): [{"name": "iris"}, {"name": "diabetes"}],
    ("source", "synthetic"): [{"rows": 50}, {"rows": 60, "task": "multiclass", "drift": {"kind": "step"}}],
    ("transform", "impute"): [{}, {"strategy": "most_frequent"}, {"strategy": "constant"}],
    ("transform", "one_hot"): [{}, {"min_count": 40}, {"min_count": 1000}],
    ("transform", "clip"): [{"low": -5.0}, {"low": 0.0, "high": 4.0}],
    ("transform", "date_parts"): [
        {},
        {"parts": ["hour", "minute", "day_of_week", "is_weekend", "day", "month", "quarter", "year"]},
    ],
    ("model", "lightgbm"): [{"n_estimators": 25}, {"n_estimators": 25, "subsample": 0.7, "colsample_bytree": 0.7}],
    ("model", "random_forest"): [{"n_estimators": 12}],
    ("model", "hist_gradient_boosting"): [{"max_iter": 25}],
    ("detector", "chi2"): [{}, {"tolerance": 0.2, "bins": 8}],
    ("detector", "domain_classifier"): [{"rows": 2000}],
    ("trigger", "schedule"): [{"cron": "0 3 * * 1"}],
    ("sink", "log"): [{"path": "alerts/log.jsonl"}],
    ("sink", "webhook"): [{"url": "http://127.0.0.1:9/hook", "secret": "s"}],
    ("authenticator", "jwt"): [{"issuer": "https://id.example.org", "audience": "shop", "jwks": "jwks.json"}],
    ("sink", "slack"): [{"url": "http://127.0.0.1:9/hook"}],
    ("sink", "pagerduty"): [{"routing_key": "k", "url": "http://127.0.0.1:9/enqueue"}],
    ("sink", "alertmanager"): [{"url": "http://127.0.0.1:9"}],
    ("sink", "email"): [{"host": "127.0.0.1", "sender": "a@example.org", "recipients": ["b@example.org"]}],
}


def shipped():
    """Our plugins, and no others that happen to be installed; what needs a package that is not here has a file of its own."""
    listings = [one for kind in CONTRACTS for one in Catalog().list(kind) if one.distribution == "mlconfig"]
    return [
        Catalog().create(one.kind, one.name, params, CONTEXT)
        for one in listings
        if not Catalog().load(one.kind, one.name).missing()
        for params in SETTINGS.get((one.kind, one.name), [{}])
    ]


@pytest.fixture(scope="module", autouse=True)
def files():
    table = pa.table({"a": [1, 2, None], "b": ["x", None, "ß"], "c": [0.5, float("nan"), 2.0]})
    pyarrow.csv.write_csv(table, PROJECT / "rows.csv")
    pyarrow.parquet.write_table(table, PROJECT / "rows.parquet")


@parametrize_with_checks(shipped())
def test_built_ins_keep_the_laws_of_their_kind(check):
    check()


def test_every_kind_is_among_them():
    assert {kind for kind in CONTRACTS if any(isinstance(plugin, CONTRACTS[kind]) for plugin in shipped())} == set(
        CONTRACTS
    )

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlconfig.builtin.source_parquet import ParquetSource
from mlconfig.builtin.source_sklearn_dataset import SklearnDatasetSource
from mlconfig.builtin.source_synthetic import SyntheticSource
from mlconfig.contracts.plugin import Context
from mlconfig.errors import DataError


def synthetic(**params):
    return SyntheticSource(SyntheticSource.Params.model_validate(params))


def numbers(table):
    return np.column_stack([table[name].to_numpy() for name in table.column_names if name.startswith("x")])


def test_parquet_reads_a_folder_and_fills_a_column_that_only_some_files_have(tmp_path):
    pq.write_table(pa.table({"x": [1], "y": ["a"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": [2]}), tmp_path / "2.parquet")
    source = ParquetSource(ParquetSource.Params(path="."), Context(project=tmp_path))
    assert source.read().to_pydict() == {"x": [1, 2], "y": ["a", None]}


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "the file is empty"), (b"a,b\n1,2\n", "is it a Parquet file?")]
)
def test_what_is_no_parquet_is_told(tmp_path, content, expected):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet") as caught:
        ParquetSource(ParquetSource.Params(path="a.parquet"), Context(project=tmp_path)).read()
    assert expected in str(caught.value)


def test_a_folder_without_parquet_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(DataError, match=r"holds no \.parquet or \.pq file"):
        ParquetSource(ParquetSource.Params(path="."), Context(project=tmp_path)).fingerprint()


@pytest.mark.parametrize(("name", "rows"), [("breast_cancer", 569), ("iris", 150), ("wine", 178), ("diabetes", 442)])
def test_bundled_data_has_plain_names_and_a_target(name, rows):
    source = SklearnDatasetSource(SklearnDatasetSource.Params(name=name))
    table = source.read()
    assert table.num_rows == rows
    assert table.column_names[-1] == "target"
    assert all(column.replace("_", "").isalnum() for column in table.column_names)
    assert table.schema.field("target").type == (pa.float64() if name == "diabetes" else pa.int64())


def test_synthetic_rows_are_the_same_each_time_and_others_with_another_seed():
    assert synthetic(seed=3).read().equals(synthetic(seed=3).read())
    assert not synthetic(seed=3).read().equals(synthetic(seed=4).read())
    assert synthetic(seed=3).fingerprint() == synthetic(seed=3).fingerprint() != synthetic(seed=4).fingerprint()


def test_synthetic_classes_can_be_learned():
    table = synthetic(rows=4000, noise=0.3, seed=1).read()
    X, y = numbers(table), table["target"].to_numpy()
    assert LogisticRegression().fit(X[:3000], y[:3000]).score(X[3000:], y[3000:]) > 0.75
    assert set(synthetic(task="multiclass", seed=1).read()["target"].to_pylist()) == {"low", "middle", "high"}


def test_synthetic_times_are_even():
    seconds = synthetic(rows=10, every="30s").read()["ts"].cast(pa.int64()).to_numpy() / 1e6
    assert np.array_equal(np.diff(seconds), np.full(9, 30.0))


MEANS = {
    "step": ({"kind": "step", "size": 3, "at": 0.5}, [0, 0, 3, 3]),
    "ramp": ({"kind": "ramp", "size": 4, "at": 0.0, "until": 1.0}, [0.5, 1.5, 2.5, 3.5]),
    "spike": ({"kind": "spike", "size": 3, "at": 0.25, "until": 0.5}, [0, 3, 0, 0]),
    "season": ({"kind": "season", "size": np.pi / 2, "at": 0.0, "period": "8000s"}, [1, -1, 1, -1]),
}


@pytest.mark.parametrize("kind", MEANS)
def test_a_declared_drift_has_its_kind_place_and_size(kind):
    drift, expected = MEANS[kind]
    table = synthetic(rows=16_000, every="1s", drift={**drift, "affects": "inputs"}).read()
    quarters = table["x0"].to_numpy().reshape(4, 4000).mean(axis=1)
    assert np.allclose(quarters, expected, atol=0.1)
    assert np.allclose(table["x3"].to_numpy().reshape(4, 4000).mean(axis=1), 0, atol=0.1)


def test_a_drift_of_the_signal_leaves_the_inputs_and_spoils_a_frozen_model():
    drift = {"kind": "step", "size": 2, "affects": "signal"}
    table = synthetic(task="regression", rows=8000, noise=0.1, drift=drift).read()
    X, y = numbers(table), table["target"].to_numpy()
    assert abs(X[:4000].mean() - X[4000:].mean()) < 0.05
    frozen = LinearRegression().fit(X[:3000], y[:3000])
    assert frozen.score(X[3000:4000], y[3000:4000]) > frozen.score(X[4000:], y[4000:]) + 0.3


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        ({"kind": "ramp"}, "`until` belongs to"),
        ({"kind": "step", "until": 0.9}, "`until` belongs to"),
        ({"kind": "season"}, "`period` belongs to"),
        ({"kind": "spike", "at": 0.5, "until": 0.4}, "must come after `at`"),
    ],
)
def test_keys_that_do_not_belong_to_the_kind_are_refused(drift, expected):
    with pytest.raises(ValidationError, match=expected):
        synthetic(drift=drift)

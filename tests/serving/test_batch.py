"""Scoring files."""

import datetime as dt
import re

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from mlconfig.errors import DataError
from mlconfig.serving.batch import predict_file
from mlconfig.serving.predictor import Predictor

TABLE = pa.table({
    "id": ["007", "008", "009", "010"],
    "age": pa.array([30, None, 41, 50], pa.int64()),
    "hours-per-week": [40.5, 20.0, 10.0, 0.0],
    "plan": ["pro", None, "unseen", "basic"],
    "day": [dt.date(2026, 1, 1)] * 4,
})  # fmt: skip


@pytest.fixture
def load(tmp_path, make_version):
    def make(task="binary"):
        version = make_version(tmp_path, task, task)
        return Predictor.load(tmp_path / version.folder, version.artifact_sha256)

    return make


def score(predictor, tmp_path, table, source="in.parquet", target="out.parquet", **options):
    file = tmp_path / source
    pq.write_table(table, file) if file.suffix == ".parquet" else pc.write_csv(table, file)
    return predict_file(predictor, predictor.signature, file, tmp_path / target, **options)


def test_parquet_keeps_its_columns_and_gets_answers(tmp_path, load):
    predictor = load()
    result = score(predictor, tmp_path, TABLE, block_rows=3)
    out = pq.read_table(result.output)
    assert (result.rows, out.column_names) == (4, [*TABLE.column_names, "prediction", "probability"])
    assert out.select(TABLE.column_names).equals(TABLE)
    import numpy as np

    feeds = {"num": np.array([[30, 40.5], [np.nan, 20], [41, 10], [50, 0]]),
             "cat": np.array([["pro"], ["__null__"], ["unseen"], ["basic"]], object)}  # fmt: skip
    expected = predictor.run(feeds)
    assert out.column("prediction").to_pylist() == expected.labels
    assert out.column("probability").to_pylist() == expected.scores.tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet", "versions"]


def test_csv_in_and_out_is_the_same_and_keeps_other_columns_verbatim(tmp_path, load):
    predictor = load()
    expected = pq.read_table(score(predictor, tmp_path, TABLE).output)
    out = pc.read_csv(
        score(predictor, tmp_path, TABLE, "in.csv", "out.csv").output,
        convert_options=pc.ConvertOptions(column_types={"id": pa.string()}),
    )
    assert out.column("id").to_pylist() == ["007", "008", "009", "010"]
    assert out.column("day").to_pylist() == TABLE.column("day").to_pylist()
    for name in ("prediction", "probability"):
        assert out.column(name).to_pylist() == expected.column(name).to_pylist()


def test_blocks_do_not_matter(tmp_path, load):
    predictor = load("multiclass")
    table = pa.concat_tables([TABLE] * 50)
    whole = pq.read_table(score(predictor, tmp_path, table).output)
    blocks = pq.read_table(score(predictor, tmp_path, table, target="b.parquet", block_rows=7).output)
    assert blocks.equals(whole)
    assert whole.schema.field("prediction").type == pa.int64()


def test_a_regression_has_no_probability(tmp_path, load):
    out = pq.read_table(score(load("regression"), tmp_path, TABLE).output)
    assert out.column_names == [*TABLE.column_names, "prediction"]
    assert out.schema.field("prediction").type == pa.float64()


def test_no_rows(tmp_path, load):
    result = score(load(), tmp_path, TABLE.slice(0, 0))
    assert (result.rows, pq.read_table(result.output).num_rows) == (0, 0)


@pytest.mark.parametrize(
    ("table", "source", "target", "says"),
    [
        (TABLE.drop_columns(["plan", "age"]), "in.parquet", "o.parquet", "the file lacks `age`, `plan`"),
        (
            TABLE.append_column("prediction", TABLE["age"]),
            "in.parquet",
            "o.parquet",
            "has a column `prediction` already",
        ),
        (TABLE.set_column(1, "age", [[1e39, 0, 0, 0]]), "in.parquet", "o.csv", "column `age`: a value is infinite"),
        (TABLE.set_column(1, "age", [["x"] * 4]), "in.csv", "o.csv", "CSV conversion error"),
        (
            TABLE.set_column(1, "age", [["x"] * 4]),
            "in.parquet",
            "o.csv",
            "column `age`: the text in row 1 is no number",
        ),
        (TABLE, "in.parquet", "o.xlsx", "`.xlsx` is no kind of file that can be scored"),
        (TABLE, "in.parquet", "no/o.csv", "the result cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_scored_leaves_no_file(tmp_path, load, table, source, target, says):
    predictor = load()
    with pytest.raises(DataError, match=re.escape(says)):
        score(predictor, tmp_path, table, source, target, block_rows=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [source, "versions"]

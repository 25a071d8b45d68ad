"""Reading the log: types, windows, one row a prediction, labels, exact loss."""

import datetime as dt
import json

import msgspec
import pyarrow as pa
import pytest

from mlconfig.errors import DataError
from mlconfig.records.feedback import encode_feedback, key_text
from mlconfig.records.prediction import encode_prediction, log_meta
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.segments import segment_files
from mlconfig.records.signature import Signature

SIGNATURE = {
    "name": "m", "task": "binary", "target": "y", "classes": [False, True], "time_zone": "Europe/Berlin",
    "columns": [
        {"name": "x", "kind": "numeric"},
        {"name": "n", "kind": "numeric", "integer": True},
        {"name": "c", "kind": "categorical"},
        {"name": "b", "kind": "boolean"},
        {"name": "t", "kind": "timestamp"},
    ],
}  # fmt: skip
T0 = 1_800_000_000.0
COLUMNS = {
    "prediction_id": pa.string(), "arrived": pa.float64(), "event_time": pa.float64(), "version": pa.string(),
    "generation": pa.int64(), "prediction": pa.string(), "score": pa.float64(), "probabilities": pa.list_(pa.float64()),
}  # fmt: skip


def sign(**changes):
    return Signature.model_validate_json(json.dumps({**SIGNATURE, **changes}))


def record(number, arrived=T0, event_time=None, version="1", **inputs):
    row = msgspec.json.encode(inputs)
    return encode_prediction(
        b"p%d" % number, arrived, event_time, json.dumps(version).encode(), 3, b"true", 0.75, [0.25, 0.75], row
    )


@pytest.fixture
def folder(tmp_path):
    return log_folder(tmp_path, "churn")


@pytest.fixture
def writer(folder):
    made = SegmentWriter(folder / "segments", "r0", "b0", meta=log_meta(sign()))
    yield made
    made.close()


def test_the_columns_are_these(folder, writer):
    writer.append([record(1, T0, T0 - 5, x=1, n=2.0, c=3, b=True, t="2027-01-15T08:00:00Z"), record(2, x=0.5, t=1e9)])
    table = PredictionLog(folder).predictions()
    assert {field.name: field.type for field in table.schema if field.name != "inputs"} == COLUMNS
    assert table.column_names == [*COLUMNS, "inputs"]
    types = [pa.float64(), pa.int64(), pa.string(), pa.bool_(), pa.timestamp("us")]
    assert table.schema.field("inputs").type == pa.struct(list(zip("xncbt", types, strict=True)))
    first, second = table.to_pylist()
    assert first["inputs"] == {"x": 1.0, "n": 2, "c": "3", "b": True, "t": dt.datetime(2027, 1, 15, 9)}  # noqa: DTZ001 — the wall clock of Berlin
    assert second["inputs"]["t"] == dt.datetime(2001, 9, 9, 3, 46, 40)  # noqa: DTZ001 — the wall clock of Berlin
    assert second["inputs"]["c"] is None
    first.pop("inputs")
    assert first == {
        "prediction_id": "p1", "arrived": T0, "event_time": T0 - 5, "version": "1", "generation": 3, "prediction": "true",
        "score": 0.75, "probabilities": [0.25, 0.75],
    }  # fmt: skip


def test_an_empty_log_has_the_columns(folder):
    table = PredictionLog(folder).predictions()
    assert (table.num_rows, table.column_names) == (0, [*COLUMNS, "inputs"])
    assert PredictionLog(folder).labels().num_rows == 0
    assert PredictionLog(folder).lost() == {}


def ids(table):
    return table.column("prediction_id").to_pylist()


def test_windows_by_arrival_and_by_event_time(folder, writer):
    writer.append([record(n, T0 + n, T0 - 10 * n if n else None, x=1) for n in range(5)])
    log = PredictionLog(folder)
    assert ids(log.predictions(since=T0 + 1, until=T0 + 3)) == ["p1", "p2"]
    assert ids(log.predictions(since=T0 - 30, until=T0, time="event")) == ["p1", "p2", "p3"]
    assert ids(log.predictions(time="event")) == ["p0", "p1", "p2", "p3", "p4"]
    with pytest.raises(DataError, match="`noon` is no time of a prediction"):
        log.predictions(time="noon")


def test_by_version_with_other_columns(folder, writer):
    writer.append([record(1, T0, version="1", x=1, n=5)])
    columns = [
        {"name": "x", "kind": "categorical"},
        {"name": "n", "kind": "numeric"},
        {"name": "new", "kind": "boolean"},
    ]
    writer.describe(log_meta(sign(columns=columns)))
    writer.append([record(2, T0 + 1, version="2", x="a", n=0.5, new=True)])
    log = PredictionLog(folder)
    assert ids(log.predictions(version="2")) == ["p2"]
    assert log.predictions(version="1").schema.field("inputs").type.field("x").type == pa.float64()
    both = log.predictions()
    assert [row["inputs"]["x"] for row in both.to_pylist()] == ["1", "a"]
    assert [row["inputs"]["n"] for row in both.to_pylist()] == [5.0, 0.5]
    assert [row["inputs"]["new"] for row in both.to_pylist()] == [None, True]


def test_a_record_of_a_newer_program_is_refused(folder, writer):
    writer.append([record(1, x=1).replace(b'{"v":1', b'{"v":2')])
    with pytest.raises(DataError, match="newer than this program reads"):
        PredictionLog(folder).predictions()


def test_loss_is_counted_exactly(folder, writer):
    writer.append([record(n, x=1) for n in range(10)])
    other = SegmentWriter(folder / "segments", "r1", "b7", meta=log_meta(sign()), rotate_bytes=600)
    for n in range(10, 20):
        other.append([record(n, x=1)])
    other.close()
    log = PredictionLog(folder)
    assert log.lost() == {}
    gone = segment_files(folder / "segments")[2]  # not the newest of r1
    count = len(log_records(gone))
    gone.unlink()
    assert log.lost() == {("r1", "b7"): count}
    mine = segment_files(folder / "segments")[0]
    mine.write_bytes(mine.read_bytes().replace(b'"id":"p3"', b'"id":"pX"').replace(b'"id":"p4"', b'"id":"pY"'))
    assert log.lost() == {("r0", "b0"): 2, ("r1", "b7"): count}
    assert "p3" not in ids(log.predictions())


def log_records(file):
    from mlconfig.records.segments import read_segment

    return read_segment(file).records


def test_labels_are_idempotent_and_the_newest_version_wins(folder):
    writer = SegmentWriter(folder / "feedback", "r0", "b0")
    late = SegmentWriter(folder / "feedback", "r1", "b1")
    late.append([encode_feedback("p1", None, b"false", 2, T0 + 9)])
    writer.append([
        encode_feedback("p1", None, b"true", 1, T0),
        encode_feedback("p1", None, b"true", 1, T0 + 1),  # sent again
        encode_feedback("p1", None, b"true", 1, T0 + 20),  # and again, behind the correction
        encode_feedback("p2", None, b"true", 1, T0 + 3),
        encode_feedback("p2", None, b"false", 1, T0 + 4),  # the same version says something else: the first stands
        encode_feedback(None, key_text([7, "a"]), b"true", 1, T0 + 5),  # before any prediction of it
    ])  # fmt: skip
    labels = PredictionLog(folder).labels()
    assert labels.schema == pa.schema({
        "prediction_id": pa.string(), "key": pa.string(), "label": pa.string(), "label_version": pa.int64(),
        "arrived": pa.float64(),
    })  # fmt: skip
    assert [tuple(row.values()) for row in labels.to_pylist()] == [
        ("p2", None, "true", 1, T0 + 3),
        (None, '[7,"a"]', "true", 1, T0 + 5),
        ("p1", None, "false", 2, T0 + 9),
    ]
    writer.close()
    late.close()

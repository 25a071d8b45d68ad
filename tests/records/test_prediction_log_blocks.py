"""The log a file at a time: what the blocks hold is what the whole table holds, and what is outside is not read."""

import json

import msgspec
import pyarrow.parquet as pq
import pytest

from mlconfig.records.feedback import encode_feedback
from mlconfig.records.prediction import encode_prediction, log_meta
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.signature import Signature
from mlconfig.serving.compaction import FileManifest, compact

T0 = 1_800_000_000.0
DAY = 86_400.0
SIGNATURE = Signature(name="m", task="regression", target="y", columns=({"name": "x", "kind": "numeric"},))


def write(folder, writer, numbers, at, version="1"):
    """A closed or open segment of predictions, one a second."""
    writer.append([
        encode_prediction(
            b"p%d" % number, at(number), at(number) - 5 if number % 7 else None, json.dumps(version).encode(), 1, b"1", b"1",
            b"null", msgspec.json.encode({"x": number}),
        )
        for number in numbers
    ])  # fmt: skip


def writer_of(folder, name):
    return SegmentWriter(folder / "segments", name, "b0", meta=log_meta(SIGNATURE))


@pytest.fixture
def log(tmp_path):
    """Two compacted days, of two versions, and a segment that is being written."""
    folder = log_folder(tmp_path, "churn")
    for day, version in ((0, "1"), (1, "2")):
        writer = writer_of(folder, f"r{day}")
        write(folder, writer, range(day * 100, day * 100 + 100), lambda n, day=day: T0 + day * DAY + n % 100, version)
        writer.close()
    compact(folder, FileManifest(folder / "manifest.jsonl"))
    writer = writer_of(folder, "r2")
    write(folder, writer, range(200, 300), lambda n: T0 + 2 * DAY + 4 * (n % 100), "2")
    yield PredictionLog(folder)
    writer.close()


@pytest.mark.parametrize("version", [None, "1", "2"])
@pytest.mark.parametrize(
    ("since", "until"),
    [(None, None), (T0 + 50, None), (None, T0 + DAY + 50), (T0 + DAY, T0 + 2 * DAY + 390), (T0 + 9 * DAY, None)],
)
def test_blocks_hold_what_the_table_holds(log, since, until, version):
    whole = log.predictions(since, until, version=version).column("prediction_id").to_pylist()
    blocks = list(log.blocks(since, until, version=version))
    assert sorted(name for block in blocks for name in block.column("prediction_id").to_pylist()) == sorted(whole)
    assert [block.column_names for block in blocks] == [log.predictions().column_names] * len(blocks)


def test_files_outside_of_the_bounds_are_not_read(log, monkeypatch):
    read = []
    groups = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_groups", lambda self, *a, **k: read.append(a) or groups(self, *a, **k)
    )
    assert sum(map(len, log.blocks(T0 + DAY, T0 + DAY + 10))) == 10
    assert len(read) == 1
    assert sum(map(len, log.blocks(T0 - DAY, T0 - DAY + 1))) == 0
    assert len(read) == 1


def test_only_the_columns_that_are_asked_for_are_given(log):
    blocks = list(log.blocks(T0 + DAY, columns=("prediction_id", "score")))
    assert {tuple(block.column_names) for block in blocks} == {("prediction_id", "score")}
    assert sum(map(len, blocks)) == 200


def test_labels_are_read_again_only_when_they_change(log):
    writer = SegmentWriter(log.folder / "feedback", "r0", "b0")
    writer.append([encode_feedback("p1", None, b"1", 1, T0)])
    first = log.labels()
    assert log.labels() is first
    writer.append([encode_feedback("p2", None, b"1", 1, T0)])
    assert log.labels().column("prediction_id").to_pylist() == ["p1", "p2"]
    writer.close()

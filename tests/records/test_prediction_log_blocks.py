"""The log a file at a time: what the blocks hold is what the whole table holds, and what is outside is not read."""

import json

import msgspec
import pyarrow.parquet as pq
import pytest

from mlconfig.errors import DataError
from mlconfig.records import prediction_log, segments
from mlconfig.records.feedback import encode_feedback
from mlconfig.records.prediction import encode_prediction, log_meta
from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.segments import MAGIC, read_header, read_segment, record_blocks, segment_files
from mlconfig.records.signature import Signature
from mlconfig.serving.compaction import FileManifest, compact, compact_labels

T0 = 1_800_000_000.0
DAY = 86_400.0
SIGNATURE = Signature(name="m", task="regression", target="y", columns=({"name": "x", "kind": "numeric"},))


def write(folder, writer, numbers, at, version="1"):
    """A closed or open segment of predictions, one a second."""
    writer.append([
        encode_prediction(
            b"p%d" % number, at(number), at(number) - 5 if number % 7 else None, json.dumps(version).encode(), 1, b"1", 1.0,
            None, msgspec.json.encode({"x": number}),
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


@pytest.mark.parametrize(
    ("since", "until", "parsed"),
    [
        (None, T0 + 2 * DAY - 60, 0),
        (None, T0 + 2 * DAY - 30, 1),  # within a minute of its first record: what arrived before may stand behind it
        (T0 + 2 * DAY + 50, T0 + 2 * DAY + 50, 0),
        (T0 + 2 * DAY + 90, T0 + 2 * DAY + 50, 0),
        (T0 + 2 * DAY + 10, T0 + 2 * DAY + 50, 1),
    ],
)
def test_a_segment_that_begins_after_the_bounds_is_not_parsed(log, monkeypatch, since, until, parsed):
    seen = []
    parse = prediction_log.parse_segment
    monkeypatch.setattr(prediction_log, "parse_segment", lambda *args: seen.append(args) or parse(*args))
    whole = log.predictions(since, until).column("prediction_id").to_pylist()
    seen.clear()
    blocks = list(log.blocks(since, until))
    assert sorted(name for block in blocks for name in block.column("prediction_id").to_pylist()) == sorted(whole)
    assert len(seen) == parsed


def test_what_arrived_after_the_bounds_is_not_read(log, monkeypatch):
    sizes = []
    table = prediction_log.segment_table
    monkeypatch.setattr(prediction_log, "segment_table", lambda *args: sizes.append(table(*args)) or sizes[-1])
    begin = T0 + 2 * DAY
    assert sum(map(len, log.blocks(begin + 100, begin + 140))) == 10
    assert [len(each) for each in sizes] == [40]  # with a minute before and behind, one in four seconds


def test_only_the_columns_that_are_asked_for_are_given(log):
    blocks = list(log.blocks(T0 + DAY, columns=("prediction_id", "score")))
    assert {tuple(block.column_names) for block in blocks} == {("prediction_id", "score")}
    assert sum(map(len, blocks)) == 200


def labels_at(log, since=None):
    """Ids of the labels that arrived from a moment on, as often as they are read."""
    return sorted(name for block in log.label_blocks(since) for name in block.column("prediction_id").to_pylist())


def test_labels_come_as_they_were_sent_from_parquet_and_from_what_is_being_written(log):
    writer = SegmentWriter(log.folder / "feedback", "r0", "b0")
    writer.append([encode_feedback(f"p{day}", None, b"1", 1, T0 + day * DAY) for day in range(3)])
    writer.close()
    compact_labels(log.folder)
    writer.append([encode_feedback("p1", None, b"2", 2, T0 + 3 * DAY)])
    assert labels_at(log) == ["p0", "p1", "p1", "p2"]
    assert labels_at(log, T0 + DAY) == ["p1", "p1", "p2"]
    assert labels_at(log, T0 + DAY + 1) == ["p1", "p2"]
    assert log.labels().column("label").to_pylist() == ["1", "1", "2"]
    writer.close()


def test_labels_that_ended_before_are_not_read(log, monkeypatch):
    writer = SegmentWriter(log.folder / "feedback", "r0", "b0")
    for day in range(3):
        writer.append([encode_feedback(f"p{day}", None, b"1", 1, T0 + day * DAY)])
    writer.close()
    compact_labels(log.folder)
    read, group = [], pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, *a, **k: read.append(a) or group(self, *a, **k))
    assert labels_at(log, T0 + 2 * DAY) == ["p2"]
    assert len(read) == 1


@pytest.mark.parametrize("size", [16, 50, 1 << 20])
@pytest.mark.parametrize("tail", [b"", b"\0" * 40, b"\xff" * 40, b"\x20\0\0\0torn"])
def test_a_segment_read_piece_by_piece_is_the_same(tmp_path, monkeypatch, size, tail):
    writer = SegmentWriter(tmp_path, "r0", "b0")
    writer.append([b"x" * length for length in range(60)])
    writer.close()
    (file,) = segment_files(tmp_path)
    data = bytearray(file.read_bytes())
    data[400] ^= 1
    file.write_bytes(data + tail)
    monkeypatch.setattr(segments, "STRETCH", size)
    whole = read_segment(file)
    assert whole.damaged
    assert [body for block in record_blocks(file) for body in block] == [body for _, body in whole.records]
    assert read_header(file) == whole.header


@pytest.mark.parametrize("data", [b"", b"junk", MAGIC, MAGIC + b"\0" * 99])
def test_what_is_no_segment_is_told(tmp_path, data):
    file = tmp_path / "a.seg"
    file.write_bytes(data)
    for read in (read_segment, read_header, lambda file: list(record_blocks(file))):
        with pytest.raises(DataError, match="no prediction log segment"):
            read(file)

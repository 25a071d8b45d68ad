"""Segments become Parquet, whatever step the compactor is killed at."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from mlconfig.records.feedback import encode_feedback
from mlconfig.records.prediction import encode_prediction
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.segments import segment_files
from mlconfig.serving.compaction import FileManifest, ManifestRow, compact, compact_labels

MIDNIGHT = 1_799_971_200.0  # 2027-01-15T00:00:00Z
META = {"columns": [{"name": "x", "kind": "numeric"}], "time_zone": "UTC"}

KILLED = """
import os, sys
from pathlib import Path
import pyarrow.compute, pyarrow.parquet
from mlconfig.serving.compaction import FileManifest, compact, compact_labels
root, stop, steps = Path(sys.argv[1]), 0, 0

def counted(call):
    def step(*args, **options):
        global steps
        steps += 1
        if steps == stop:
            os._exit(9)
        return call(*args, **options)
    return step

def forked(number):
    global stop
    if (child := os.fork()) == 0:
        stop, folder = number, root / str(number)
        compact(folder, FileManifest(folder / "manifest.jsonl"))
        compact_labels(folder)
        os._exit(100 + steps)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

os.fsync, Path.rename, Path.unlink = counted(os.fsync), counted(Path.rename), counted(Path.unlink)
FileManifest.add = counted(FileManifest.add)
number = forked(0) - 100
print(number)
assert all(forked(step) == 9 for step in range(1, number + 1))
"""
"""Runs the compactor to its end in folder 0, then kills it before each of its n steps in the folders 1 to n."""

MOST_STEPS = 48


def record(number, arrived):
    return encode_prediction(b"p%d" % number, arrived, None, b'"1"', 1, b"1", 0.5, None, b'{"x":%d}' % number)


def write(folder, rows=6, boot="b0"):
    """Predictions around midnight and their labels, in closed segments."""
    writer = SegmentWriter(folder / "segments", "r0", boot, meta=META)
    writer.append([record(n, MIDNIGHT + n - rows // 2) for n in range(rows)])
    writer.close()
    writer = SegmentWriter(folder / "feedback", "r0", boot)
    writer.append([encode_feedback(f"p{n}", None, b"1", 1, MIDNIGHT + n - 3) for n in range(6)])
    writer.close()


def labelled(folder):
    return PredictionLog(folder).labels().column("prediction_id").to_pylist()


def ids(folder):
    return PredictionLog(folder).predictions().column("prediction_id").to_pylist()


@pytest.fixture
def manifest(tmp_path):
    return FileManifest(tmp_path / "manifest.jsonl")


def test_a_closed_segment_becomes_one_file_a_day(tmp_path, manifest):
    write(tmp_path)
    before = PredictionLog(tmp_path).predictions()
    done = compact(tmp_path, manifest)
    assert (done.segments, done.rows, done.set_aside) == (1, 6, ())
    assert segment_files(tmp_path / "segments") == []
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.glob("parquet/*/*")) == [
        "parquet/day=2027-01-14/r0-b0-000000.parquet",
        "parquet/day=2027-01-15/r0-b0-000000.parquet",
    ]
    log = PredictionLog(tmp_path)
    assert log.predictions().equals(before)
    assert log.predictions(since=MIDNIGHT).num_rows == 3
    assert log.predictions(until=MIDNIGHT).num_rows == 3
    assert log.lost() == {}
    (row,) = manifest.rows()
    assert (row.segment, row.replica, row.boot, row.rows, row.damaged) == ("r0-b0-000000", "r0", "b0", 6, 0)
    assert compact(tmp_path, manifest).segments == 0


def test_live_segments_are_left_alone_and_read_beside_parquet(tmp_path, manifest):
    write(tmp_path)
    writer = SegmentWriter(tmp_path / "segments", "r0", "b1", meta=META)
    writer.append([record(6, MIDNIGHT + 10)])
    assert compact(tmp_path, manifest).segments == 1
    assert len(segment_files(tmp_path / "segments")) == 1
    assert ids(tmp_path) == [f"p{n}" for n in range(7)]
    writer.close()
    assert compact(tmp_path, manifest).segments == 1
    assert ids(tmp_path) == [f"p{n}" for n in range(7)]


def test_killed_at_any_step_and_run_again(tmp_path):
    for number in range(MOST_STEPS + 1):
        write(tmp_path / f"{number}")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=True)
    steps = int(done.stdout)
    assert 10 < steps <= MOST_STEPS
    for number in range(steps + 1):
        folder = tmp_path / f"{number}"
        assert ids(folder) == labelled(folder) == [f"p{n}" for n in range(6)], f"a reader after step {number}"
        manifest = FileManifest(folder / "manifest.jsonl")
        compact(folder, manifest)
        compact_labels(folder)
        assert ids(folder) == labelled(folder) == [f"p{n}" for n in range(6)], f"run again after step {number}"
        assert segment_files(folder / "segments") == segment_files(folder / "feedback") == []
        assert [row.segment for row in manifest.rows()] == ["r0-b0-000000"]
        assert PredictionLog(folder).lost() == {}


def test_loss_is_known_after_compaction_too(tmp_path, manifest):
    write(tmp_path)
    (file,) = segment_files(tmp_path / "segments")
    file.write_bytes(file.read_bytes().replace(b'"id":"p3"', b'"id":"pX"'))
    compact(tmp_path, manifest)
    assert PredictionLog(tmp_path).lost() == {("r0", "b0"): 1}
    assert manifest.rows()[0].damaged == 1


def test_an_unreadable_segment_is_set_aside_and_the_others_move(tmp_path, manifest):
    write(tmp_path)
    (tmp_path / "segments" / "a.seg").write_bytes(b"junk")
    done = compact(tmp_path, manifest)
    assert (done.segments, done.set_aside) == (1, ("a.seg",))
    assert (tmp_path / "segments" / "a.damaged").exists()
    assert ids(tmp_path) == [f"p{n}" for n in range(6)]


def test_labels_become_one_file_a_day_and_live_ones_are_left_alone(tmp_path):
    write(tmp_path)
    writer = SegmentWriter(tmp_path / "feedback", "r0", "b1")
    writer.append([encode_feedback("p6", None, b"1", 1, MIDNIGHT + 9)])
    (tmp_path / "feedback" / "a.seg").write_bytes(b"junk")
    done = compact_labels(tmp_path)
    assert (done.segments, done.rows, done.set_aside) == (1, 6, ("a.seg",))
    assert [file.name for file in segment_files(tmp_path / "feedback")] == ["r0-b1-000000.seg"]
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.glob("labels/*/*")) == [
        "labels/day=2027-01-14/r0-b0-000000.parquet",
        "labels/day=2027-01-15/r0-b0-000000.parquet",
    ]
    assert labelled(tmp_path) == [f"p{n}" for n in range(7)]
    writer.close()


def test_a_torn_manifest_line_is_no_row(tmp_path, manifest):
    row = ManifestRow("s1", "r0", "b0", 1, 0, ("f",))
    manifest.add(row)
    manifest.add(row)
    whole = manifest.file.read_bytes()
    manifest.file.write_bytes(whole + whole[:10])
    assert [row.segment for row in manifest.rows()] == ["s1"]
    manifest.add(ManifestRow("s2", "r0", "b0", 1, 0, ()))
    assert [row.segment for row in manifest.rows()] == ["s1", "s2"]
    assert all(json.loads(line) for line in manifest.file.read_text().splitlines())


def test_a_crowd_of_rows_keeps_its_order_and_number(tmp_path, manifest):
    write(tmp_path, rows=40_000)
    compact(tmp_path, manifest)
    assert ids(tmp_path) == [f"p{n}" for n in range(40_000)]
    files = list(tmp_path.glob("parquet/*/*.parquet"))
    assert sum(pq.read_metadata(file).num_rows for file in files) == 40_000

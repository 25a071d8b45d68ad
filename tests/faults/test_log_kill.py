"""The prediction log under kill -9 and a full disk: no acknowledged row is lost, and what is lost is counted to the row.

No cluster: a process writes as a replica does, and is killed wherever it happens to be.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from mlconfig.records.prediction_log import SEGMENTS, PredictionLog
from mlconfig.serving.compaction import FileManifest, compact

ROUNDS, ROWS = 20, 5000
PER_WRITE = 10

WRITER = """
import os, resource, sys
from pathlib import Path
from mlconfig.records.prediction import encode_prediction
from mlconfig.records.segment_writer import SegmentWriter

folder, boot, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
writer = SegmentWriter(folder, "r0", boot, meta={"columns": [{"name": "age", "kind": "numeric"}]}, rotate_bytes=200_000)
number = 0
while True:
    if limit:  # in turns there is room, and none
        soft = limit if number // 500 % 2 else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
    ids = [f"{boot}-{n:x}" for n in range(number, number + 10)]
    rows = [
        encode_prediction(i.encode(), 1.8e9, None, b'"1"', 1, b"0", 0.5, [0.5, 0.5], b'{"age":%d}' % number)
        for i in ids
    ]
    kept = writer.append(rows)
    os.write(1, f"{number} {int(kept)} {writer.dropped}\\n".encode())
    number += 10
"""


class Writer:
    """One life of a replica's log, and what it was told."""

    def __init__(self, folder, boot, limit=0):
        self.boot, self.kept, self.failed, self.dropped = boot, [], [], 0
        command = [sys.executable, "-c", WRITER, str(folder), boot, str(limit)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def run(self, writes, pause):
        """Let it write so often, then kill it wherever it is."""
        for _ in range(writes):
            self._take(self.process.stdout.readline())
        time.sleep(pause)
        os.kill(self.process.pid, signal.SIGKILL)
        for line in self.process.stdout.read().splitlines(keepends=True):
            if line.endswith(b"\n"):
                self._take(line)
        self.process.wait()
        self.process.stdout.close()

    def _take(self, line):
        number, kept, self.dropped = map(int, line.split())
        ids = [f"{self.boot}-{each:x}" for each in range(number, number + PER_WRITE)]
        (self.kept if kept else self.failed).extend(ids)


def ids_of(log):
    return [each for block in log.blocks(columns=("prediction_id",)) for each in block["prediction_id"].to_pylist()]


def compacted(log):
    compact(log.folder, FileManifest(log.folder / "manifest.jsonl"))
    assert not list((log.folder / SEGMENTS).glob("*.damaged"))


def test_no_acknowledged_row_is_lost_to_kill_9(tmp_path, record_property):
    log, draw = PredictionLog(tmp_path), random.Random(7)
    acknowledged = []
    for turn in range(ROUNDS):
        writer = Writer(tmp_path / SEGMENTS, f"b{turn}")
        writer.run(ROWS // PER_WRITE, draw.uniform(0.0, 0.003))
        assert not writer.failed
        acknowledged += writer.kept
        if turn % 5 == 4:
            compacted(log)
    record_property("rows", len(acknowledged))
    assert len(acknowledged) >= ROUNDS * ROWS
    there = ids_of(log)
    assert len(there) == len(set(there))
    assert set(acknowledged) <= set(there)
    assert len(there) - len(acknowledged) <= ROUNDS * PER_WRITE  # written, and killed before it could be said
    assert log.lost() == {}
    compacted(log)
    assert sorted(ids_of(log)) == sorted(there)
    assert log.lost() == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_a_full_disk_costs_is_counted_to_the_row_through_a_kill(tmp_path, seed):
    log, draw = PredictionLog(tmp_path), random.Random(seed)
    writer = Writer(tmp_path / SEGMENTS, "b0", limit=draw.randrange(1000, 30_000))
    writer.run(draw.randrange(300, 500), draw.uniform(0.0, 0.003))
    there = set(ids_of(log))
    assert writer.failed
    assert writer.dropped == len(writer.failed)
    assert set(writer.kept) <= there
    assert there.isdisjoint(writer.failed)
    last = max(int(each.rpartition("-")[2], 16) for each in there)
    before = [each for each in writer.failed if int(each.rpartition("-")[2], 16) < last]
    assert sum(log.lost().values()) == len(before) == last + 1 - len(there)
    compacted(log)
    assert sum(log.lost().values()) == len(before)

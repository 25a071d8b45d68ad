"""A request that two replicas logged counts once: the record of the one that is gone is passed over, whoever reads."""

import json
import os
import time
import uuid

import pytest

from mlconfig.records.prediction import encode_prediction
from mlconfig.records.prediction_log import PARQUET, SEGMENTS, PredictionLog
from mlconfig.records.resent import SETTLED_S, Resent, find_resent, request_of
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.serving.compaction import FileManifest, compact

T0 = 1_800_000_000.0
META = {"columns": [{"name": "x", "kind": "numeric"}], "time_zone": "UTC"}


def record(name, arrived, x):
    return encode_prediction(name.encode(), arrived, None, b'"1"', 1, b"1", 0.5, None, b'{"x":%d}' % x)


class Replicas:
    """Replicas that log beside each other; ``x`` of a row says whose it is."""

    def __init__(self, folder):
        self.log, self.writers, self.manifest = PredictionLog(folder), {}, FileManifest(folder / "manifest.jsonl")

    def logs(self, replica, request, arrived, rows=1):
        if replica not in self.writers:
            self.writers[replica] = SegmentWriter(self.log.folder / SEGMENTS, f"r{replica}", f"b{replica}", meta=META)
        self.writers[replica].append([record(f"{request}-{row + 1:x}", arrived, replica) for row in range(rows)])

    def ends(self, *replicas):
        for replica in replicas:
            self.writers.pop(replica).close()

    @property
    def rows(self):
        """(request, whose) of all rows, as both ways to read give them."""
        whole = self.log.predictions()
        parts = [
            row
            for block in self.log.blocks(columns=("prediction_id", "inputs", "arrived"))
            for row in block.to_pylist()
        ]
        found = [
            sorted((row["prediction_id"], row["inputs"]["x"]) for row in each) for each in (whole.to_pylist(), parts)
        ]
        assert found[0] == found[1]
        return found[0]

    def compact(self, **options):
        return compact(self.log.folder, self.manifest, **options)


@pytest.fixture
def replicas(tmp_path):
    made = Replicas(tmp_path)
    yield made
    made.ends(*tuple(made.writers))


@pytest.fixture
def request_id():
    return str(uuid.uuid4())


def test_the_record_of_the_replica_that_is_gone_is_passed_over(replicas, request_id):
    replicas.logs(1, request_id, T0, rows=3)
    replicas.logs(2, request_id, T0 + 1, rows=3)
    replicas.logs(1, uuid.UUID(int=5), T0 + 1)
    assert len(replicas.rows) == 7, "while both live nothing was sent again"
    replicas.ends(1)
    counted = [(str(uuid.UUID(int=5)) + "-1", 1), *((f"{request_id}-{row}", 2) for row in (1, 2, 3))]
    assert replicas.rows == sorted(counted)
    assert replicas.log.lost() == {}


def test_compaction_keeps_what_counts_and_notes_the_rest(replicas, request_id):
    replicas.logs(1, request_id, T0, rows=2)
    replicas.logs(1, uuid.UUID(int=5), T0 + 1)
    replicas.logs(2, request_id, T0 + 2, rows=2)
    replicas.ends(1)
    before = replicas.rows
    done = replicas.compact()
    assert (done.segments, done.rows) == (1, 1)
    assert replicas.rows == before
    replicas.ends(2)
    replicas.compact()
    assert replicas.rows == before
    assert replicas.log.lost() == {}
    assert [row.rows for row in replicas.manifest.rows()] == [1, 2]


@pytest.mark.parametrize("compacted_first", [1, 2, None])
def test_of_several_that_are_gone_the_last_to_arrive_counts_unless_another_was_compacted(
    replicas, request_id, compacted_first
):
    replicas.logs(1, request_id, T0)
    if compacted_first == 1:
        replicas.ends(1)
        replicas.compact()
    replicas.logs(2, request_id, T0 + 1)
    if compacted_first == 2:
        replicas.ends(1, 2)
        replicas.compact()
    replicas.logs(3, request_id, T0 + 2)
    replicas.ends(*tuple(replicas.writers))
    counted = [(f"{request_id}-1", compacted_first or 3)]
    assert replicas.rows == counted
    replicas.compact()
    assert replicas.rows == counted
    assert replicas.log.lost() == {}


def test_a_compaction_that_was_stopped_is_done_again_to_the_same_end(replicas, request_id, monkeypatch):
    replicas.logs(1, request_id, T0)
    replicas.logs(2, request_id, T0 + 1)
    replicas.ends(1, 2)
    counted = replicas.rows

    def stop(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # Parquet is there, and the segment as well
        patch.setattr("mlconfig.serving.compaction.Path.unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            replicas.compact()
        assert replicas.rows == counted
    replicas.compact()
    assert replicas.rows == counted


def test_what_was_written_just_now_waits_for_its_request_to_be_asked_again(replicas, request_id):
    replicas.logs(1, request_id, T0)
    replicas.ends(1)
    now = time.time()
    assert replicas.compact(now=now).segments == 0
    replicas.logs(2, request_id, T0 + 1)
    replicas.ends(2)
    (first, _) = sorted((replicas.log.folder / SEGMENTS).iterdir())
    os.utime(first, (now - SETTLED_S, now - SETTLED_S))
    assert (replicas.compact(now=now).segments, len(list(replicas.log.folder.glob(f"{PARQUET}/*/*")))) == (1, 0)
    assert replicas.rows == [(f"{request_id}-1", 2)]


def test_rows_that_a_replica_named_are_never_passed_over(replicas):
    for replica in (1, 2):
        replicas.logs(replica, "fcbee46c2f6ae6a0", T0)
    replicas.ends(1, 2)
    assert len(replicas.rows) == 2


def test_what_is_older_than_any_request_lives_is_no_longer_looked_at(replicas, request_id):
    replicas.logs(1, request_id, T0)
    replicas.logs(1, uuid.UUID(int=5), T0 + 3 * SETTLED_S)
    replicas.logs(2, request_id, T0 + 1)
    replicas.ends(1)
    assert len(replicas.rows) == 3


def test_a_segment_that_is_no_segment_hides_no_other(replicas, request_id):
    replicas.logs(1, request_id, T0)
    replicas.logs(2, request_id, T0 + 1)
    replicas.ends(1)
    segments = replicas.log.folder / SEGMENTS
    (segments / "r0-b0-000000.seg").write_bytes(b"nothing")
    assert len(find_resent(segments, replicas.log.folder / PARQUET).requests["r1-b1"]) == 1
    assert replicas.compact().set_aside == ("r0-b0-000000.seg",)
    assert replicas.rows == [(f"{request_id}-1", 2)]


def test_nothing_is_passed_over_in_a_log_that_is_not_there(tmp_path):
    assert find_resent(tmp_path / "none", tmp_path / "none") == Resent()


@pytest.mark.parametrize(
    ("name", "request_"),
    [("0b5f8e7c-1111-4222-8333-123456789abc-1", "0b5f8e7c-1111-4222-8333-123456789abc"),
     ("0b5f8e7c-1111-4222-8333-123456789abc-a-1", "0b5f8e7c-1111-4222-8333-123456789abc"),
     ("fcbee46c2f6ae6a0-1", None), ("p1", None), (json.dumps("x" * 60), None)],
)  # fmt: skip
def test_a_row_tells_its_request(name, request_):
    assert request_of(name) == request_

"""The service log: each count once, by its interval, whatever happens to writers, files and the compactor."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mlconfig.profiles.histogram import BUCKETS, histogram
from mlconfig.records import service_compaction
from mlconfig.records.service import LATENCY_SCALE, ServiceStats, latency_bucket
from mlconfig.records.service_compaction import KEEP_SECONDS, compact_service_log
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_log import COMPACTED, Header, ServiceLog, log_files
from mlconfig.records.service_totals import ServiceTotals
from mlconfig.records.service_writer import SERVICE, Line, ServiceWriter

T0 = 1_700_000_000 // 3600 * 3600


class Replica:
    """A replica's counts, its clock, and its writer without a thread."""

    def __init__(self, folder: Path, name: str = "r", at: float = T0 + 3) -> None:
        self.now, self.counts = at, ServiceCounts()
        self.writer = ServiceWriter(folder / SERVICE, name, "b", self.read, clock=lambda: self.now)

    def read(self) -> ServiceCounts:
        return msgspec.json.decode(msgspec.json.encode(self.counts), type=ServiceCounts)

    def answer(self, count: int = 1, status: int = 200, seconds: float = 0.01) -> None:
        good = {latency_bucket(seconds): count} if status == 200 else {}
        took = round(seconds * 1e9) * count if good else 0
        self.counts.add(ServiceCounts({"predict": {status: count}}, good, took, rows=count))

    def write(self, count: int, at: float) -> None:
        """Answer, and write at a moment."""
        self.answer(count)
        self.now = at
        self.writer.flush()

    def die(self) -> None:
        """What a kill does: the file is closed, and nothing more is written."""
        self.writer._file.close()


def one_file(folder: Path) -> Path:
    (file,) = log_files(folder / SERVICE)
    return file


def total(folder: Path) -> int:
    return ServiceLog(folder).stats(0, 1e12).answered


def test_a_latency_falls_into_the_bucket_of_the_histogram():
    rng = np.random.default_rng(0)
    latencies = np.concatenate([np.exp(rng.uniform(-14, 5, 20_000)), [0.0, 1e-12, 1e6]])
    mine = np.bincount([latency_bucket(value) for value in latencies.tolist()], minlength=BUCKETS)
    np.testing.assert_array_equal(mine, histogram(latencies, 0.0, LATENCY_SCALE))


def test_intervals_are_aligned_and_summed_over_replicas(tmp_path):
    first, second = Replica(tmp_path, "a"), Replica(tmp_path, "b", T0 + 7)
    first.answer(5, seconds=0.02)
    first.answer(2, status=422)
    first.write(0, T0 + 10.004)
    second.answer(1, status=500)
    second.write(3, T0 + 10.001)
    first.write(7, T0 + 20.01)
    log = ServiceLog(tmp_path)
    stats = log.stats(T0, T0 + 10)
    assert (stats.answered, stats.rejected, stats.errors, stats.fallback) == (8, 2, 1, 0)
    assert stats.latency_seconds == pytest.approx(5 * 0.02 + 3 * 0.01, abs=1e-9)
    assert stats.quantile(0.99) == pytest.approx(0.02, rel=1 / 64)
    assert log.stats(T0 + 10, T0 + 20).answered == 7
    assert log.stats(T0 + 1, T0 + 10).requests == 0
    assert (log.first(), log.last()) == (T0, T0 + 20)


def test_stats_of_parts_merge_to_those_of_the_whole(tmp_path):
    replica, rng = Replica(tmp_path), random.Random(1)
    for number in range(1, 60):
        replica.answer(rng.randrange(9), seconds=rng.expovariate(50))
        replica.answer(rng.randrange(2), status=rng.choice([400, 422, 500, 503]))
        replica.write(0, T0 + 10 * number)
    log, merged = ServiceLog(tmp_path), ServiceStats()
    for start in range(T0, T0 + 600, 50):
        merged = merged.merge(log.stats(start, start + 50))
    whole = log.stats(T0, T0 + 600)
    assert (merged.answered, merged.rejected, merged.errors) == (whole.answered, whole.rejected, whole.errors)
    np.testing.assert_array_equal(merged.latency, whole.latency)
    assert whole.latency.sum() == whole.answered > 100
    assert whole.latency_seconds == pytest.approx(replica.counts.latency_ns / 1e9)


def test_nothing_is_written_where_nothing_happened(tmp_path):
    replica = Replica(tmp_path)
    replica.writer.flush()
    assert not (tmp_path / SERVICE).exists()
    assert (ServiceLog(tmp_path).first(), ServiceLog(tmp_path).last(), total(tmp_path)) == (None, None, 0)
    replica.write(1, T0 + 10)
    for later in range(20, 100, 10):
        replica.now = T0 + later
        replica.writer.flush()
    assert one_file(tmp_path).read_bytes().count(b"\n") == 1


def test_the_thread_writes_by_itself_and_close_writes_the_rest(tmp_path):
    moments, replica = chain([9.99, 10.01], repeat(12.0)), Replica(tmp_path, at=T0)
    replica.writer._clock = lambda: T0 + next(moments)
    wrote, flush = threading.Event(), replica.writer.flush
    replica.writer.flush = lambda: (flush(), wrote.set())
    replica.answer(4)
    replica.writer.start()
    replica.writer.start()  # there is one
    thread = replica.writer._thread
    assert wrote.wait(20)
    assert total(tmp_path) == 4
    replica.answer(2)
    replica.writer.close()
    assert total(tmp_path) == 6
    assert not thread.is_alive()
    assert compact_service_log(tmp_path, T0) == 1  # its lock is free


def test_a_disk_that_refuses_loses_nothing_once_it_takes_it_again(tmp_path):
    replica = Replica(tmp_path)
    (tmp_path / SERVICE).write_text("in the way")
    replica.write(3, T0 + 10)
    assert "File exists" in replica.writer.error
    assert ServiceTotals(tmp_path).read() == ServiceCounts()
    (tmp_path / SERVICE).unlink()
    replica.write(2, T0 + 20)
    assert (total(tmp_path), replica.writer.error) == (5, "")


def test_half_a_line_on_a_full_disk_is_not_counted_and_said_again(tmp_path, monkeypatch):
    replica, real = Replica(tmp_path), os.write
    replica.write(1, T0 + 10)

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 30:
            return real(descriptor, data[:30])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    replica.write(10, T0 + 20)
    monkeypatch.undo()
    assert (total(tmp_path), replica.writer.error) == (1, "[Errno 28] No space left on device")
    replica.write(100, T0 + 30)
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 111
    assert compact_service_log(tmp_path, T0 + 30) == 1  # the file with the half line
    assert total(tmp_path) == 111


def test_torn_and_damaged_lines_are_passed_over(tmp_path):
    replica, totals = Replica(tmp_path), ServiceTotals(tmp_path)
    for number in range(1, 5):
        replica.write(1, T0 + 10 * number)
    file = one_file(tmp_path)
    lines = file.read_bytes().splitlines()
    too_high = lines[1].replace(b'"latency":{"', b'"latency":{"9')
    file.write_bytes(
        b"\n".join([lines[0], too_high, b"\xff\x00[", lines[3].replace(b'"v":1', b'"v":2'), lines[2][:-4]])
    )
    assert total(tmp_path) == totals.read().rows == 1
    with file.open("ab") as more:  # the torn line is made whole
        more.write(lines[2][-4:] + b"\n")
    assert total(tmp_path) == totals.read().rows == 2
    replica.die()
    assert compact_service_log(tmp_path, T0) == 1
    assert total(tmp_path) == totals.read().rows == 2
    assert file.with_suffix(".damaged").read_bytes().count(b"\n") == 5


@pytest.mark.parametrize("thing", ["folder", "loop", "compacted"])
def test_what_cannot_be_read_stops_no_reader(tmp_path, thing):
    replica = Replica(tmp_path)
    replica.write(2, T0 + 10)
    if thing == "folder":
        (tmp_path / SERVICE / "x.jsonl").mkdir()
    elif thing == "loop":
        (tmp_path / SERVICE / "x.jsonl").symlink_to(tmp_path / SERVICE / "x.jsonl")
    else:
        (tmp_path / SERVICE / COMPACTED).write_bytes(b"\x00\x01")
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 2


def test_compaction_leaves_living_writers_alone_and_is_idempotent(tmp_path):
    gone, alive, totals = Replica(tmp_path, "gone"), Replica(tmp_path, "alive"), ServiceTotals(tmp_path)
    gone.write(3, T0 + 10)
    alive.write(4, T0 + 10)
    gone.die()
    before = ServiceLog(tmp_path).stats(T0, T0 + 10)
    assert totals.read().rows == 7
    assert compact_service_log(tmp_path, T0 + 60) == 1
    assert one_file(tmp_path).name.startswith("alive-")
    compacted = (tmp_path / SERVICE / COMPACTED).read_bytes()
    assert compact_service_log(tmp_path, T0 + 60) == 0
    assert (tmp_path / SERVICE / COMPACTED).read_bytes() == compacted
    after = ServiceLog(tmp_path).stats(T0, T0 + 10)
    assert (after.answered, after.latency.tolist()) == (before.answered, before.latency.tolist())
    alive.write(5, T0 + 20)
    assert total(tmp_path) == totals.read().rows == ServiceTotals(tmp_path).read().rows == 12


def test_old_lines_become_hours_and_no_count_is_lost(tmp_path):
    rng, expected = random.Random(2), 0
    for name, start in (("old", T0), ("new", T0 + 6 * 86_400), ("newer", T0 + 7 * 86_400)):
        replica = Replica(tmp_path, name, start)
        for number in range(1, 800):
            count = rng.randrange(4)
            expected += count
            replica.write(count, start + 10 * number)
        replica.writer.close()
    files = log_files(tmp_path / SERVICE)
    size = sum(file.stat().st_size for file in files)
    hour = ServiceLog(tmp_path).stats(T0, T0 + 3600)
    now = T0 + 7 * 86_400 + 8000
    assert compact_service_log(tmp_path, now) == len(files) > 3
    log = ServiceLog(tmp_path)
    assert log.stats(T0, T0 + 3600).answered == hour.answered > 0
    assert log.stats(T0 + 10, T0 + 20).requests == 0  # an hour is counted where it begins
    assert log.stats(T0 + 7 * 86_400, T0 + 7 * 86_400 + 10).requests <= 3  # what is young keeps its ten seconds
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == expected
    lines = (tmp_path / SERVICE / COMPACTED).read_bytes().splitlines()[1:]
    assert [json.loads(line)["seconds"] for line in lines][:4] == [3600, 3600, 3600, 10]
    assert compact_service_log(tmp_path, now) == 0
    compact_service_log(tmp_path, now + KEEP_SECONDS + 7200)
    lines = (tmp_path / SERVICE / COMPACTED).read_bytes().splitlines()[1:]
    assert {json.loads(line)["seconds"] for line in lines} == {3600}
    assert sum(map(len, lines)) < size / 50
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == expected


@pytest.mark.parametrize("step", ["fsync", "rename", "unlink"])
def test_a_compaction_that_is_stopped_counts_nothing_twice(tmp_path, monkeypatch, step):
    for name in ("a", "b"):
        replica = Replica(tmp_path, name)
        replica.write(3, T0 + 10)
        replica.die()
    owner = os if step == "fsync" else Path

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, step, stop)
    with pytest.raises(KeyboardInterrupt):
        compact_service_log(tmp_path, T0 + 60)
    monkeypatch.undo()
    assert len(log_files(tmp_path / SERVICE)) == 2
    assert (tmp_path / SERVICE / COMPACTED).exists() == (step == "unlink")
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 6
    compact_service_log(tmp_path, T0 + 60)
    assert log_files(tmp_path / SERVICE) == []
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 6


def test_a_damaged_first_line_is_made_anew(tmp_path):
    replica, place = Replica(tmp_path), tmp_path / SERVICE / COMPACTED
    replica.write(3, T0 + 10)
    replica.die()
    compact_service_log(tmp_path, T0 + 60)
    place.write_bytes(b"{" + place.read_bytes())
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 3
    compact_service_log(tmp_path, T0 + 60)
    assert json.loads(place.read_bytes().splitlines()[0])["totals"]["rows"] == 3
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 3


def test_of_two_compactors_one_does_nothing(tmp_path):
    replica = Replica(tmp_path)
    replica.write(3, T0 + 10)
    replica.die()
    with service_compaction._alone(tmp_path / SERVICE) as alone:
        assert alone
        assert compact_service_log(tmp_path, T0) == 0
    assert compact_service_log(tmp_path, T0) == 1
    assert compact_service_log(tmp_path / "nowhere", T0) == 0


def until(done: threading.Event, work: Callable[[], object], errors: list[Exception]) -> None:
    """Do something again and again; what it raises is kept."""
    try:
        while not done.is_set():
            work()
    except Exception as error:
        errors.append(error)


def test_totals_never_shrink_beside_writers_and_a_compactor(tmp_path):
    """Writers come and go, two readers look on, and the compactor runs all the while."""
    done, errors, sums = threading.Event(), [], ([], [], [])
    totals, others, log = ServiceTotals(tmp_path), ServiceTotals(tmp_path), ServiceLog(tmp_path)
    work = (
        lambda: sums[0].append(totals.read().rows),
        lambda: sums[1].append(others.read().rows),
        lambda: sums[2].append(log.stats(0, 1e12).answered),
        lambda: compact_service_log(tmp_path, T0 + 1000),
    )
    threads = [threading.Thread(target=until, args=(done, each, errors)) for each in work]
    for thread in threads:
        thread.start()
    for life in range(40):
        replica = Replica(tmp_path, f"r{life}")
        for number in range(1, 11):
            replica.write(1, T0 + 10 * number)
        replica.die()
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    for seen in sums:
        assert seen == sorted(seen)
        assert len(seen) > 3
    assert total(tmp_path) == ServiceTotals(tmp_path).read().rows == 400


KILLED = """
import sys, time
from pathlib import Path
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_writer import ServiceWriter
counts = ServiceCounts({"predict": {200: 5}}, rows=5)
now = [1000.0]
writer = ServiceWriter(Path(sys.argv[1]), "r", "b", lambda: counts, clock=lambda: now[0])
now[0] = 1010.0
writer.flush()
counts = ServiceCounts({"predict": {200: 9}}, rows=9)
print("counted", flush=True)
time.sleep(60)
"""


def test_a_killed_writer_loses_its_last_interval_only_and_frees_its_file(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / SERVICE)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "counted\n"
    assert compact_service_log(tmp_path, 2000.0) == 0  # it lives
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert total(tmp_path) == 5
    assert compact_service_log(tmp_path, 2000.0) == 1
    assert total(tmp_path) == 5


def test_a_file_that_grew_old_is_closed_and_free(tmp_path):
    replica = Replica(tmp_path)
    replica.write(1, T0 + 10)
    replica.write(1, T0 + 3700)
    assert compact_service_log(tmp_path, T0 + 3700) == 1
    replica.write(1, T0 + 3710)
    assert len(log_files(tmp_path / SERVICE)) == 1
    assert total(tmp_path) == 3


def test_the_formats_stay_readable():
    line = b'{"v":1,"start":10,"seconds":10,"counts":{"requests":{"predict":{"200":2}},"latency":{"1600":2},"rows":2}}'
    counts = ServiceCounts({"predict": {200: 2}}, {1600: 2}, rows=2)
    assert msgspec.json.encode(Line(1, 10, 10, counts)) == line
    assert msgspec.json.decode(line, type=Line).counts == counts
    assert msgspec.json.encode(Header(1, ("a.jsonl",), counts, 10)).startswith(b'{"v":1,"merged":["a.jsonl"],"totals":')

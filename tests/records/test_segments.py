"""Segment files: framing, torn tails, rotation, and what a killed writer leaves."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.errors import DataError
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.segments import frame, lock_segment, parse_segment, read_segment, segment_files, write_all

WRITER = """
import sys
from pathlib import Path
from mlconfig.records.segment_writer import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), "r0", sys.argv[2], rotate_bytes=20_000)
number = 0
while True:
    if writer.append([b'{"n":%d,"pad":"%b"}' % (number, b"x" * 100), b'{"n":%d}' % (number + 1)]):
        sys.stdout.write(f"{number + 1}\\n")
        sys.stdout.flush()
    number += 2
"""


def records(folder):
    return [record for file in segment_files(folder) for record in read_segment(file).records]


def test_what_is_appended_is_read_while_the_writer_is_open(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0", meta={"columns": []})
    assert segment_files(tmp_path) == []  # made at the first record
    assert writer.append([b"one", b"two"])
    assert writer.append([b"three"])
    assert records(tmp_path) == [(0, b"one"), (1, b"two"), (2, b"three")]
    header = read_segment(segment_files(tmp_path)[0]).header
    assert (header.segment, header.replica, header.boot, header.first) == ("r0-b0-000000", "r0", "b0", 0)
    assert header.meta == {"columns": []}
    writer.close()


def test_frames_are_length_crc32c_payload():
    assert frame(b"123456789") == (9).to_bytes(4, "little") + 0xE3069283.to_bytes(4, "little") + b"123456789"


@given(cut=st.integers(0, 400))
def test_any_cut_leaves_whole_records_only(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("cut")
    writer = SegmentWriter(folder, "r0", "b0")
    given_records = [b"%d" % n * (n + 1) for n in range(10)]
    writer.append(given_records)
    writer.close()
    data = segment_files(folder)[0].read_bytes()
    cut = min(cut, sum(len(frame(body)) + 8 for body in given_records))
    segment = parse_segment(data[: len(data) - cut], "x")
    assert [body for _, body in segment.records] == given_records[: len(segment.records)]
    assert segment.damaged == 0
    assert (len(segment.records) == 10) == (cut == 0)


def test_a_damaged_frame_is_counted_and_those_behind_it_are_read(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0")
    writer.append([b"aaaa", b"bbbb", b"cccc"])
    writer.close()
    file = segment_files(tmp_path)[0]
    file.write_bytes(file.read_bytes().replace(b"bbbb", b"bxbb"))
    segment = read_segment(file)
    assert (segment.records, segment.damaged) == (((0, b"aaaa"), (2, b"cccc")), 1)


def test_zeros_behind_a_power_cut_are_a_torn_tail(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0")
    writer.append([b"kept"])
    writer.close()
    file = segment_files(tmp_path)[0]
    file.write_bytes(file.read_bytes() + bytes(4096))
    assert read_segment(file).records == ((0, b"kept"),)


def test_a_file_that_is_no_segment(tmp_path):
    (tmp_path / "x.seg").write_bytes(b"hello")
    with pytest.raises(DataError, match=re.escape("no prediction log segment")):
        read_segment(tmp_path / "x.seg")


def test_reopening_cuts_the_torn_tail_and_keeps_the_numbers(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0", meta={"a": 1})
    writer.append([b"one", b"two"])
    writer.close()
    file = segment_files(tmp_path)[0]
    whole = file.read_bytes()
    file.write_bytes(whole + frame(b"torn record")[:-3])
    again = SegmentWriter(tmp_path, "r0", "b0")
    assert file.read_bytes() == whole
    again.append([b"three"])
    again.close()
    assert records(tmp_path) == [(0, b"one"), (1, b"two"), (2, b"three")]


def test_two_writers_of_one_boot_are_refused(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0")
    writer.append([b"one"])
    with pytest.raises(DataError, match="another process writes these segments"):
        SegmentWriter(tmp_path, "r0", "b0")
    writer.close()


def test_rotation_by_size_and_meta_keeps_the_sequence(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0", rotate_bytes=500)
    for n in range(20):
        writer.append([b"%03d" % n * 30])
    writer.describe({"columns": ["new"]})
    writer.append([b"last"])
    writer.close()
    segments = [read_segment(file) for file in segment_files(tmp_path)]
    assert len(segments) > 4
    assert [number for segment in segments for number, _ in segment.records] == list(range(21))
    assert all(segment.header.first == segment.records[0][0] for segment in segments)
    assert segments[-1].header.meta == {"columns": ["new"]}
    assert max(file.stat().st_size for file in segment_files(tmp_path)) <= 500


def test_rotation_by_age(tmp_path):
    now = [0.0]
    writer = SegmentWriter(tmp_path, "r0", "b0", rotate_seconds=60, clock=lambda: now[0])
    writer.append([b"old"])
    now[0] = 61.0
    writer.flush()
    with segment_files(tmp_path)[0].open("rb") as file:
        assert lock_segment(file)  # nobody writes it any more
    writer.append([b"new"])
    assert len(segment_files(tmp_path)) == 2
    writer.close()


def test_an_open_segment_is_locked_and_a_closed_one_is_not(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0")
    writer.append([b"one"])
    with segment_files(tmp_path)[0].open("rb") as file:
        assert not lock_segment(file)
        writer.close()
        assert lock_segment(file)


def test_a_short_write_is_continued(monkeypatch, tmp_path):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:3])))
    with (tmp_path / "x").open("wb", buffering=0) as file:
        write_all(file.fileno(), b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_full_disk_is_counted_and_leaves_no_half_frame(tmp_path):
    """A real refusal by the kernel: the file size limit of a child process (EFBIG)."""
    code = """
import resource, signal, sys
from pathlib import Path
from mlconfig.records.segment_writer import SegmentWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = SegmentWriter(Path(sys.argv[1]), "r0", "b0")
writer.append([b"a" * 1000])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
assert not writer.append([b"b" * 1000, b"b"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert writer.append([b"c"])
print(writer.dropped, writer.error)
writer.close()
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("2 [Errno 27]")
    assert records(tmp_path) == [(0, b"a" * 1000), (3, b"c")]  # the gap tells what is missing


def test_threads_share_a_writer(tmp_path):
    writer = SegmentWriter(tmp_path, "r0", "b0", rotate_bytes=2000)
    threads = [threading.Thread(target=lambda: [writer.append([b"x" * 50]) for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert [number for number, _ in records(tmp_path)] == list(range(400))


def test_kill_9_loses_no_acknowledged_record(tmp_path):
    acknowledged = torn = 0
    for boot in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"b{boot}"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(200 + 170 * boot):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        lines = child.stdout.read().split("\n")[:-1]  # a last line without its end was not acknowledged
        child.wait()
        last = int(lines[-1]) if lines else 2 * (200 + 170 * boot) - 1
        mine = [file for file in segment_files(tmp_path) if f"-b{boot}-" in file.name]
        segments = [read_segment(file) for file in mine]
        numbers = [number for segment in segments for number, _ in segment.records]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= last + 1
        acknowledged += last + 1
        torn += sum(segment.end != file.stat().st_size for segment, file in zip(segments, mine, strict=True))
    assert acknowledged > 5000
    assert torn <= 6

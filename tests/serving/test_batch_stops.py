"""A batch that is ended in the middle: nothing half is seen, and the next run goes on from the parts that are finished."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlconfig.errors import DataError, EngineError
from mlconfig.serving.batch import parquet_units
from mlconfig.serving.batch.pool import Pool
from mlconfig.serving.batch.run import Here

ROWS, UNITS = 3000, 30
ENDED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from mlconfig.serving.batch import parquet_units
parquet_units.UNIT_ROWS = 100
from mlconfig.serving.batch.inputs import FileInput
from mlconfig.serving.batch.outputs import output_of
from mlconfig.serving.batch.pool import Pool
from mlconfig.serving.batch.run import Here, run_batch, Unwatched
from mlconfig.serving.batch.unit import Model
from mlconfig.serving.predictor import read_signature

folder, sha, source, target, processes, ending = sys.argv[1:]
blocks = []

class Watcher(Unwatched):
    def rows(self, count):
        blocks.append(count)
        if len(blocks) == 11:
            os.kill(os.getpid(), int(ending))

class Watched(Here):
    def run(self, work, units, told):
        for done in super().run(work, units, told):
            told(done.rows)
            yield done

model = Model(Path(folder), sha, "1")
given = FileInput(Path(source), read_signature(model.folder))
runner = Pool(int(processes)) if int(processes) > 1 else Watched()
if int(processes) > 1:
    print(*runner.pids, flush=True)
run_batch(model, given, output_of(Path(target), None), runner, None, Watcher())
"""


class Heard:
    """A watcher that keeps what it is told."""

    def __init__(self):
        self.words, self.begun, self.counted = [], None, 0

    def begin(self, total, done):
        self.begun = (total, done)

    def word(self, text):
        self.words.append(text)

    def rows(self, count):
        self.counted += count


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_units, "UNIT_ROWS", 100)
    rng = np.random.default_rng(5)
    table = pa.table({
        "id": np.arange(ROWS), "age": rng.uniform(18, 90, ROWS), "hours-per-week": rng.normal(40, 9, ROWS),
        "plan": [("basic", "pro", "team")[place] for place in rng.integers(0, 3, ROWS)],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=100)
    return tmp_path / "in.parquet"


def interrupted(model, source, target, processes=1, ending=signal.SIGKILL):
    """Run it in another process until that ends itself; returns the pids of its workers."""
    told = (model.folder, model.sha256, source, target, str(processes), str(int(ending)))
    ended = subprocess.run(
        [sys.executable, "-c", ENDED_IN_THE_MIDDLE, *told],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == -ending, ended.stderr
    return [int(pid) for pid in ended.stdout.split()]


def finished(target):
    (listed,) = target.parent.glob(f".{target.name}.parts/*/_done.jsonl")
    return len(listed.read_text().splitlines())


def test_what_a_kill_between_two_names_left_is_removed_by_the_next_run(tmp_path, make_model, score, source):
    model, target = make_model(), tmp_path / "out"
    score(model, source, target)
    for name in (".out.4711.old", ".out.4711", ".out.x.4711.old"):
        (tmp_path / name).mkdir()
    score(model, source, target, overwrite=True)
    assert sorted(entry.name for entry in tmp_path.glob(".out*")) == [".out.4711", ".out.x.4711.old"]


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out"])
def test_killed_in_the_middle_and_called_again(tmp_path, make_model, score, source, target, processes):
    model, target = make_model(), tmp_path / target
    score(model, source, tmp_path / f"whole{target.suffix}")
    interrupted(model, source, target, processes)
    assert not target.exists()
    before, heard = finished(target), Heard()
    assert 5 <= before <= 25
    result = score(model, source, target, watcher=heard)
    assert (result.rows, result.resumed, result.parts) == (ROWS, before * 100, UNITS)
    assert heard.words == [f"going on where an earlier run stopped: {before * 100:,} rows are done"]
    assert heard.begun == (ROWS, before * 100)
    whole = tmp_path / f"whole{target.suffix}"
    if target.is_dir():
        assert pq.read_table(target).equals(pq.read_table(whole))
        for part in whole.glob("part-*"):
            assert (target / part.name).read_bytes() == part.read_bytes()
    else:
        assert target.read_bytes() == whole.read_bytes()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_workers_end_with_their_parent(tmp_path, make_model, source):
    pids = interrupted(make_model(), source, tmp_path / "out", processes=2)
    assert len(pids) == 2
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_another_model_or_input_or_setting_begins_afresh(tmp_path, make_model, score, source):
    model, other = make_model(), make_model(version="2", weight=2.0)
    target = tmp_path / "out.parquet"

    def again(model, **settings):
        interrupted(first, source, target)
        heard = Heard()
        result = score(model, source, target, watcher=heard, overwrite=True, **settings)
        assert result.resumed == 0
        assert pq.read_table(target).num_rows == ROWS
        target.unlink()
        return heard.words

    first = model
    assert again(other) == ["an earlier run was by another version: starting afresh"]
    assert again(model, keep=["id"]) == ["an earlier run was with other settings: starting afresh"]
    assert again(model, resume=False) == []
    interrupted(model, source, target)
    os.utime(source, ns=(1, 1))
    heard = Heard()
    score(model, source, target, watcher=heard)
    assert heard.words == ["an earlier run was of another input, or of one that has changed since: starting afresh"]


def test_a_damaged_part_is_made_anew(tmp_path, make_model, score, source):
    model, target = make_model(), tmp_path / "out.parquet"
    interrupted(model, source, target)
    (folder,) = (path for path in (tmp_path / ".out.parquet.parts").iterdir() if path.is_dir())
    (folder / "part-00003.arrow").write_bytes(b"half")
    with (folder / "_done.jsonl").open("a") as file:
        file.write('{"index": 29, "ro')
    before = finished(target)
    assert score(model, source, target).resumed == (before - 2) * 100
    assert pq.read_table(target).column("id").to_pylist() == list(range(ROWS))


def test_a_worker_that_is_killed_is_told_and_finished_parts_stay(tmp_path, make_model, score, source):
    model, target = make_model(), tmp_path / "out"
    with Pool(2) as pool:

        class Killer(Heard):
            def rows(self, count):
                super().rows(count)
                if self.counted == 300:
                    os.kill(pool.pids[0], signal.SIGKILL)

        with pytest.raises(
            EngineError, match="a process that scored rows died by signal 9\n  hint: it may have run out of memory"
        ):
            score(model, source, target, pool, watcher=Killer())
    assert not target.exists()
    assert score(model, source, target).resumed >= 200
    assert pq.read_table(target).column("id").to_pylist() == list(range(ROWS))


def test_a_fault_in_a_worker_comes_as_it_is(tmp_path, make_model, score, source):
    table = pq.read_table(source)
    ages = table["age"].to_pylist()
    ages[2050] = float("inf")
    pq.write_table(table.set_column(1, "age", [ages]), source, row_group_size=100)
    with Pool(2) as pool, pytest.raises(DataError, match=r"in\.parquet, row 2051, column `age`: a value is infinite"):
        score(make_model(), source, tmp_path / "out", pool)
    assert not (tmp_path / "out").exists()


def test_bytes_of_the_model_that_are_others_are_refused_by_workers(tmp_path, make_model, source, score):
    model = make_model()
    (model.folder / "model.onnx").write_bytes(b"another")
    with Pool(2) as pool, pytest.raises(Exception, match="the bytes are not those that passed the gate"):
        score(model, source, tmp_path / "out", pool)


def test_a_second_run_into_the_same_output_is_refused(tmp_path, make_model, score, source):
    model, target = make_model(), tmp_path / "out.parquet"

    class Second(Heard):
        def begin(self, total, done):
            with pytest.raises(DataError, match="another run is writing this output"):
                score(model, source, target)
            self.words.append("refused")

    heard = Second()
    score(model, source, target, watcher=heard)
    assert heard.words == ["refused"]


def test_ctrl_c_in_this_process_waits_for_the_end_of_a_block(tmp_path, make_model, score, source):
    """ONNX Runtime crashes where a text that it asks for is answered by KeyboardInterrupt."""
    model, target = make_model(), tmp_path / "out.parquet"
    seen = []

    class Presses(Here):
        def run(self, work, units, told):
            def pressed(rows):
                seen.append(rows)
                if len(seen) == 5:
                    signal.raise_signal(signal.SIGINT)
                    seen.append("went on")
                told(rows)

            yield from super().run(work, units, pressed)

    with pytest.raises(KeyboardInterrupt):
        score(model, source, target, Presses())
    assert seen[5:] == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert score(model, source, target).resumed == 400

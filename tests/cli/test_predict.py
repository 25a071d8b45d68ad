"""``mlconfig predict`` as it is called: places, options, exit codes, what a machine and what a terminal sees."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from mlconfig.engine import batch


@pytest.fixture
def folder(applied, tmp_path):
    """Three files of the applied project's rows; what a test writes lies beside them."""
    rows = pc.read_csv(applied.folder / "rows.csv").drop_columns(["target"])
    (tmp_path / "in").mkdir()
    for number in range(3):
        pq.write_table(rows.slice(number * 100, 100), tmp_path / "in" / f"{number}.parquet")
    return tmp_path


@pytest.mark.parametrize(
    "given", ["{source} {target}", "--input {source} --output {target}", "{source} --output {target}"]
)
def test_places_are_arguments_or_options_before_or_behind_overrides(folder, run, local, given):
    source, target = folder / "in", folder / "out.parquet"
    words = given.format(source=source, target=target).split()
    for arguments in ((*words, *local), (*local, *words)):
        ended = run("predict", "toy.yaml", *arguments, "--overwrite")
        assert (ended.code, ended.out, ended.err) == (0, f"300 row(s) scored by version 1: {target}\n", "")
        assert pq.read_table(target).num_rows == 300


def test_for_machines(folder, run, local):
    ended = run(
        "predict", "toy.yaml", folder / "in", folder / "out", *local, "-o", "json", "--keep", "none", "--format", "csv"
    )
    told = ended.json
    assert told.pop("seconds") > 0
    assert told == {"rows": 300, "resumed": 0, "parts": 3, "version": "1", "output": str(folder / "out")}
    assert ended.err == ""
    assert pc.read_csv(folder / "out" / "part-00000.csv").column_names == ["prediction", "probability", "version"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["in"], "INPUT and OUTPUT are needed, and there are 1"),
        (["in/0.parquet", "in/1.parquet", "out"], "INPUT and OUTPUT are needed, and there are 3: quote a glob"),
        (["absent", "out"], "absent: there is no such file or folder"),
        (["in", "in"], "in: the output folder holds the input"),
        (["in", "in/0.parquet"], "in/0.parquet: the output is one of the input's files"),
        (["in", "out", "--keep", "x9"], "there is no column `x9` to keep"),
        (["in", "out.csv", "--format", "parquet"], "the file's name says csv, and parquet is asked for"),
        (["sqlite:///absent.db#t", "out"], "there is no such file or folder"),
        (["in", "sqlite:///out.db"], "no table is named"),
        (["in", "out", "--key", "x0"], "in: --query and --key need a database"),
        (["in", "sqlite:///out.db#t", "--format", "csv"], "--format is of the parts of a folder"),
        (["in", "out", f"description='{'long ' * 900}'", "--version", "9"], "`toy` has no version 9"),
        (["in", "out", "--processes", "0"], "0 is not in the range x>=1"),
        (["in", "out", "--version", "9"], "`toy` has no version 9"),
    ],
)  # fmt: skip
def test_mistakes_exit_with_2(folder, applied, run, local, monkeypatch, arguments, told):
    recipe = applied.folder / "toy.yaml"
    monkeypatch.chdir(folder)
    ended = run("predict", recipe, *arguments, *local)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert sorted(path.name for path in folder.iterdir() if path.name != "out.db") == ["in"]


def test_a_database_in_and_out_with_a_secret_in_its_address(folder, applied, run, local, monkeypatch):
    import sqlalchemy as sa

    rows = pc.read_csv(applied.folder / "rows.csv").drop_columns(["ts"])
    engine = sa.create_engine(f"sqlite:///{folder / 'rows.db'}")
    rows.to_pandas().to_sql("applicants", engine, index=False)
    monkeypatch.setenv("PLACE", f"sqlite:///{folder / 'rows.db'}")
    ended = run("predict", "toy.yaml", "${secret:PLACE}#applicants", "${secret:PLACE}#scored", *local, "--processes", 1)
    assert (ended.code, ended.err) == (0, "")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*), min(version) FROM scored")).fetchone() == (400, "1")
    again = run(
        "predict", "toy.yaml", "${secret:PLACE}#applicants", "${secret:PLACE}#applicants", *local, "--overwrite"
    )
    assert (again.code, "the output is the input's table" in again.err) == (2, True)
    engine.dispose()


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(folder, applied, run, local, monkeypatch):
    def stops(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batch, "run_batch", stops)
        ended = run("predict", "toy.yaml", folder / "in", folder / "out", *local)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "stopped; finished parts are kept, and the same command goes on from there\n"
    assert run("predict", "toy.yaml", folder / "in", folder / "out", *local).code == 0


def test_a_signal_in_the_middle_of_several_processes(folder, applied, local):
    """The processes end with the command, and a second call needs only what was left."""
    rows = pq.read_table(folder / "in" / "0.parquet")
    big = folder / "big"
    big.mkdir()
    for number in range(12):
        import pyarrow as pa

        pq.write_table(pa.concat_tables([rows] * 1500), big / f"{number:02d}.parquet")
    command = [
        sys.executable,
        "-m",
        "mlconfig",
        "predict",
        "toy.yaml",
        str(big),
        str(folder / "out"),
        *local,
        "--processes",
        "2",
    ]
    process = subprocess.Popen(command, cwd=applied.folder, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(folder.glob(".out.parts/*/part-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "the same command goes on from there" in process.stderr.read()
    assert not (folder / "out").exists()
    again = subprocess.run([*command, "-o", "json"], cwd=applied.folder, capture_output=True, text=True, check=True)
    told = json.loads(again.stdout)
    assert (told["rows"], told["parts"]) == (12 * 150_000, 12)
    assert told["resumed"] >= 0
    assert pq.read_table(folder / "out", columns=["version"]).num_rows == 12 * 150_000


def test_a_terminal_sees_a_bar(folder, applied, local):
    command = [sys.executable, "-m", "mlconfig", "predict", "toy.yaml", folder / "in", folder / "out", *local]
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, cwd=applied.folder, stdout=subprocess.PIPE, stderr=follower)
    os.close(follower)
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    os.close(leader)
    assert process.wait(30) == 0
    assert b"rows/s" in seen or b"300/300" in seen
    assert process.stdout.read().decode() == f"300 row(s) scored by version 1: {folder / 'out'}\n"

"""2,000,000 rows × 20 columns (14 numeric, 6 of text with 3 to 50 levels; an id beside them) in 8 Parquet files, scored
into Parquet by LightGBM, 200 trees of 31 leaves.

Ours is `mlconfig predict RECIPE in out` as a person calls it: it reads the recipe, finds the version, checks the bytes,
scores in one process a processor, syncs each part and writes the manifest. Beside it stand two scripts in an environment
of their own: `batch_by_hand.py`, pyarrow and ONNX Runtime in two processes with one thread each, which loads the same ONNX
file and takes half of the files each; and `batch_polars.py`, polars and native LightGBM with two threads, file by file,
with categories as numbers, which LightGBM takes as they are (it has a model of its own, of the same size on the same rows:
the packaged one takes text).

Each is a whole process, timed from its start to its end. Rounds in turn; medians; ratios are medians of ratios within a round.
CPU is the processor time of all its processes. That ours and the script by hand answer the same, row for row, is checked.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.drift_peers import ROOT, Peer
from benchmarks.report import Row, median

FILES, ROWS, ROUNDS = 8, 250_000, 5
LEVELS = (3, 5, 8, 12, 25, 50)
OVERRIDES = ("engine.executor=local", "serving=none", "monitoring=none", "retraining=none")
PEER = Peer(
    "batch",
    ("polars==2.1.0", "lightgbm==4.7.0", "onnxruntime==1.31.1", "pyarrow==25.0.1", "numpy==2.4.6"),
    "batch_by_hand.py",
)
RECIPE = """\
name: scoring
task: binary
data:
  source: {name: parquet, params: {path: train.parquet}}
  target: target
features: auto
model: {name: lightgbm, params: {n_estimators: 200, num_leaves: 31}}
evaluation: {interval: {resamples: 20}, gates: {roc_auc: {min: 0.6}}}
"""


def rows(seed: int, count: int = ROWS) -> pa.Table:
    """Numbers (three columns with nulls), text, and a target that follows from them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 14))
    codes = [rng.integers(0, levels, count) for levels in LEVELS]
    signal = x[:, :6].sum(1) / 2 + np.sin(2 * x[:, 6]) + x[:, 7] * x[:, 8] + sum((each % 3 - 1) * 0.3 for each in codes)
    columns = {"id": pa.array(np.arange(count) + seed * count)}
    x[:, :3][rng.random((count, 3)) < 0.03] = np.nan
    columns |= {f"x{i}": pa.array(x[:, i], from_pandas=True) for i in range(14)}
    for i, levels in enumerate(LEVELS):
        names = pa.array([f"level {level}" for level in range(levels)])
        columns[f"c{i}"] = names.take(pa.array(codes[i]))
    return pa.table({**columns, "target": (signal + 0.7 * rng.normal(size=count) > 0).astype(np.int64)})


def run() -> list[Row]:
    """Rows and a version; then all in turn."""
    python = PEER.python()
    with tempfile.TemporaryDirectory(prefix="mlb-") as name:
        folder = Path(name)
        model = prepare(folder)
        sides = {
            "mlconfig predict": [sys.executable, "-m", "mlconfig", "predict", "r.yaml", "in", "ours", *OVERRIDES],
            "pyarrow and ONNX Runtime by hand, 2 processes": [python, script("batch_by_hand.py"), model, "in", "hand"],
            "polars and native LightGBM, 2 threads": [
                python,
                script("batch_polars.py"),
                "train.parquet",
                "in",
                "polars",
            ],
        }
        done([python, script("batch_polars.py"), "train.parquet"], folder)
        one_round(sides, folder, 0)  # byte code is written, files are in memory
        rounds = [one_round(sides, folder, number) for number in range(ROUNDS)]
        check_agreement(folder)
    return [row(name, rounds) for name in sides]


def script(name: str) -> Path:
    """A peer's file."""
    return ROOT / "benchmarks" / name


def prepare(folder: Path) -> Path:
    """Write the files, train the version; returns its ONNX file."""
    (folder / "in").mkdir()
    (folder / "r.yaml").write_text(RECIPE)
    pq.write_table(rows(99, 40_000).drop_columns(["id"]), folder / "train.parquet")
    for number in range(FILES):
        pq.write_table(rows(number).drop_columns(["target"]), folder / "in" / f"rows-{number}.parquet")
    done([sys.executable, "-m", "mlconfig", "train", "r.yaml", *OVERRIDES], folder)
    (model,) = (folder / ".mlconfig" / "versions").rglob("model.onnx")
    return model


def done(command: list[str | Path], folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of a command and all that it started."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment | {"DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        raise RuntimeError(f"{command[1:4]} ended with {ended.returncode}: {ended.stderr.strip()[-800:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_round(sides: dict[str, list[str | Path]], folder: Path, number: int) -> dict[str, tuple[float, float]]:
    """All sides once, each round beginning with another; outputs of the last round stay."""
    names = [*sides][number % len(sides) :] + [*sides][: number % len(sides)]
    found = {}
    for name in names:
        for output in ("ours", "hand", "polars"):
            if output in sides[name]:
                shutil.rmtree(folder / output, ignore_errors=True)
        found[name] = done(sides[name], folder)
        print(f"  {name}: {found[name][0]:.1f} s, CPU {found[name][1]:.1f} s", flush=True)
    return found


def check_agreement(folder: Path) -> None:
    """Raise RuntimeError unless ours and the script by hand answer the same to the same rows."""
    ours, hand = (
        pq.read_table(folder / name, columns=["id", "prediction", "probability"]) for name in ("ours", "hand")
    )
    for column in ("id", "prediction", "probability"):
        if not ours.column(column).combine_chunks().equals(hand.column(column).combine_chunks()):
            raise RuntimeError(f"`{column}` differs between ours and the script by hand")
    listed = json.loads((folder / "ours" / "_SUCCESS").read_text())
    if sum(part["rows"] for part in listed["parts"]) != FILES * ROWS:
        raise RuntimeError("ours lists another number of rows")


def row(name: str, rounds: list[dict[str, tuple[float, float]]]) -> Row:
    """The figures of one side."""
    wall, cpu = (median(each[name][place] for each in rounds) for place in (0, 1))
    beside = [[each[name][place] / each["mlconfig predict"][place] for each in rounds] for place in (0, 1)]
    return Row(
        name,
        {
            "seconds": wall,
            "rows/s": FILES * ROWS / wall,
            "CPU s": cpu,
            "time beside ours": median(beside[0]),
            "CPU beside ours": median(beside[1]),
        },
    )

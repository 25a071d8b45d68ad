"""Passes over a log of Parquet files as the compactor leaves them: their time, and the memory of a process that makes them.

python -m benchmarks.monitoring_passes fold ROWS            folds a stream of blocks
python -m benchmarks.monitoring_passes pass ROWS FOLDER     a pass an hour over a log of 100,000 rows an hour
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.monitoring_alarms import BEGIN, HOUR, make_watch
from benchmarks.monitoring_worlds import World, make_world
from mlconfig.contracts.detector import WindowFacts
from mlconfig.monitoring.assess import WindowView, assess
from mlconfig.monitoring.baseline import Baseline
from mlconfig.monitoring.fold import fold_windows
from mlconfig.monitoring.log import COUNTED
from mlconfig.monitoring.run import PassInput, run_pass
from mlconfig.monitoring.watch import Watch
from mlconfig.monitoring.window_store import WindowStore
from mlconfig.profiles.profile import RunningProfile
from mlconfig.records.days import day_of
from mlconfig.records.prediction_log import PARQUET, PredictionLog
from mlconfig.vocabulary import Window

BLOCK = 16_384
BLOCKS = 8
HOUR_ROWS = 100_000
SIGNALS = ("data_quality", "input_drift", "multivariate_drift")
_REMOVED = ("domain", "prediction_drift", "confidence", "performance", "estimated_performance", "fairness", "service")


def watched() -> tuple[World, Watch]:
    """The population, and a version that is watched for what needs no label: quality, drift of inputs, correlations."""
    world, reference = make_world(1, 50_000)
    return world, make_watch(Baseline(reference), signals=dict.fromkeys(_REMOVED, "none"))


def write_hour(folder: Path, world: World, hour: int, rows: int = HOUR_ROWS) -> None:
    """An hour of predictions as one compacted file."""
    rng = np.random.default_rng(hour)
    given = world.rows(rng, rows)
    arrived = BEGIN + (hour + np.arange(rows) / rows) * HOUR
    columns = [
        pa.array(values, from_pandas=True) if isinstance(values, np.ndarray) else values for values in given.values()
    ]
    answered = rng.random(rows)
    table = pa.table(
        {
            "prediction_id": [f"{hour:08x}{row:08x}" for row in range(rows)],
            "arrived": arrived,
            "event_time": arrived,
            "version": pa.array(["1"] * rows).dictionary_encode().cast(pa.string()),
            "generation": np.ones(rows, np.int64),
            "prediction": np.where(answered < 0.5, '"no"', '"yes"'),
            "score": answered,
            "probabilities": pa.array(np.stack([1 - answered, answered], axis=1).tolist()),
            "inputs": pa.StructArray.from_arrays(
                [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in columns],
                list(given),
            ),
            "replica": pa.array(["r"] * rows),
            "boot": pa.array(["b"] * rows),
            "seq": np.arange(rows),
        }
    )
    target = folder / PARQUET / f"day={day_of(arrived[0])}" / f"{hour:08d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target, compression="zstd")


def pass_times(folder: Path, world: World, watch: Watch) -> dict[str, float]:
    """Seconds of the parts of judging one hour: decode, decode and fold, detectors; and of the whole pass."""
    write_hour(folder, world, 0)
    log, window = PredictionLog(folder), Window(start=BEGIN, end=BEGIN + HOUR)

    def blocks() -> Iterator[pa.Table]:
        return log.blocks(window.start, window.end, "arrival", "1", COUNTED)

    watch.counter  # noqa: B018 — made once a process
    clock = time.process_time
    marks = [clock()]
    decoded = [len(block) for block in blocks()]
    marks.append(clock())
    (counts,) = fold_windows(blocks(), watch.counter, "arrival", HOUR).values()
    marks.append(clock())
    view = WindowView(window, counts, WindowFacts(counts.rows))
    assert all(assess(watch, view, name).vote is False for name in SIGNALS)
    marks.append(clock())
    found = run_pass(PassInput(watch, log, (), window.end))
    marks.append(clock())
    assert sum(decoded) == counts.rows == found.verdicts[0].rows == HOUR_ROWS
    decode, both, detect, whole = np.diff(marks).tolist()
    return {"decode": decode, "fold": both - decode, "detectors": detect, "pass": whole}


def memory(what: str, rows: int, folder: Path | None = None) -> dict[str, float]:
    """Of a fresh process that sees so many rows: its peak in MiB, for ``fold`` also what of it came after the first ones."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.monitoring_passes",
        what,
        str(rows),
        *([str(folder)] if folder else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return {name: float(value) for name, value in json.loads(done.stdout).items()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fold(rows: int) -> dict[str, float]:
    world, _ = make_world(1, 50_000)
    rng = np.random.default_rng(1)
    blocks = [world.rows(rng, BLOCK) for _ in range(BLOCKS)]
    running = RunningProfile(world.layout)
    for block in blocks:
        running.add(block)
    before, began, done = _peak(), time.process_time(), 0
    while done < rows:
        running.add(blocks[(done // BLOCK) % BLOCKS])
        done += BLOCK
    assert running.profile().rows == done + BLOCKS * BLOCK
    return {"growth": _peak() - before, "peak": _peak(), "seconds": time.process_time() - began}


def _pass(rows: int, folder: Path) -> dict[str, float]:
    _, watch = watched()
    known: dict[Any, Any] = {}
    for hour in range(rows // HOUR_ROWS):
        store = WindowStore(folder, "1", watch.baseline.inputs.layout.digest, HOUR)
        found = run_pass(
            PassInput(watch, PredictionLog(folder), tuple(known.values()), BEGIN + (hour + 1) * HOUR, store)
        )
        known |= {(v.signal, v.scale, v.window.start): v for v in found.verdicts}
    judged = sum(verdict.rows for verdict in known.values() if (verdict.signal, verdict.scale) == ("input_drift", HOUR))
    assert judged == rows
    return {"peak": _peak()}


@contextmanager
def with_log(hours: int) -> Iterator[Path]:
    """A folder with so many hours of the log."""
    world, _ = watched()
    with tempfile.TemporaryDirectory(prefix="mlb-") as folder:
        for hour in range(hours):
            write_hour(Path(folder), world, hour)
        yield Path(folder)


def main(arguments: list[str]) -> None:
    """One measurement as JSON."""
    what, rows = arguments[0], int(arguments[1])
    print(json.dumps(_fold(rows) if what == "fold" else _pass(rows, Path(arguments[2]))))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Our side of the drift benchmark, and scipy's exact tests, in a process of their own as the peers' are."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from benchmarks.drift import KINDS, check_counts, check_rows
from benchmarks.drift_rounds import answer_rounds
from mlconfig.profiles.profile import Layout, fit_layout, fold, profile_of

BLOCKS = (1, 1024, 4096)
_round = itertools.count(1)


def alpha() -> float:
    """A little different each time, so that no threshold is remembered from an earlier window."""
    return 1e-4 * (1 + 1e-9 * next(_round))


def blocks(window: pa.Table, rows: int) -> list[dict[str, Any]]:
    """The window as an endpoint has it: a matrix by rows and codes, some rows at a time; of single rows only 4,096."""
    numbers = [name for name, kind in KINDS.items() if kind == "numeric"]
    matrix = np.column_stack([window.column(name).to_numpy() for name in numbers])
    levels = {name: window.column(name).chunk(0) for name in KINDS if name not in numbers}
    return [
        {
            **{name: matrix[start : start + rows, place] for place, name in enumerate(numbers)},
            **{name: codes.slice(start, rows) for name, codes in levels.items()},
        }
        for start in range(0, len(matrix) if rows > 1 else 4096, rows)
    ]


def decoded(file: Path) -> Iterator[pa.RecordBatch]:
    """Row groups of a Parquet file, text as dictionaries."""
    levels = [name for name, kind in KINDS.items() if kind == "categorical"]
    parquet = pq.ParquetFile(file, read_dictionary=levels)
    for group in range(parquet.num_row_groups):
        yield parquet.read_row_group(group, use_threads=False)


def read_all(file: Path) -> int:
    """Decode only."""
    return sum(len(batch) for batch in decoded(file))


def fold_file(layout: Layout, file: Path) -> int:
    """Decode and fold."""
    return fold(layout, decoded(file)).rows


def main(folder: Path) -> None:
    """Answer rounds."""
    pa.set_cpu_count(1)
    tables = [feather.read_table(path, memory_map=False) for path in sorted(folder.glob("*.arrow"))]
    reference, *windows = tables
    text = [table.cast(pa.schema([(n, pa.string() if n.startswith("c") else pa.float32()) for n in KINDS]))
            for table in windows]  # fmt: skip
    files = [folder / f"{i}.parquet" for i in range(len(windows))]
    for file, window in zip(files, text, strict=True):
        pq.write_table(window, file, row_group_size=len(window) // 4)
    layout = fit_layout(reference, KINDS)
    kept = profile_of(layout, reference)
    profiles = [profile_of(layout, window) for window in windows]
    works = {
        "check": lambda i: check_counts(kept, profile_of(layout, windows[i]), alpha()),
        "check, text": lambda i: check_counts(kept, profile_of(layout, text[i]), alpha()),
        "profile": lambda i: profile_of(layout, windows[i]).rows,
        "compare": lambda i: check_counts(kept, profiles[i], alpha()),
        "scipy": lambda i: check_rows(reference, windows[i]),
        "decode": lambda i: read_all(files[i]),
        "decode and fold": lambda i: fold_file(layout, files[i]),
    }
    for rows in BLOCKS:
        given = blocks(windows[0], rows)
        works[f"fold {rows}"] = lambda _, given=given: fold(layout, given).rows
    answer_rounds(works, ("numpy", "pyarrow", "scipy"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

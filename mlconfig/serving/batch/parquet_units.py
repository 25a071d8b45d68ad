"""Parquet files as units: runs of row groups, or slices of a large one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlconfig.errors import DataError
from mlconfig.serving.batch.columns import Columns
from mlconfig.serving.batch.unit import BLOCK_ROWS

UNIT_ROWS = 131_072
"""Rows of a unit, about: a second of work, so that processes end together and little is done twice after a stop."""
MOST_SLICES = 4
"""Units of one row group: each has to decode the rows before its own, too."""


@dataclass(frozen=True)
class ParquetUnit:
    """``rows`` rows of some row groups of a file, after ``skip``. ``first``: the row of the file that it begins with."""

    index: int
    file: str
    groups: tuple[int, ...]
    skip: int
    rows: int
    first: int
    mark: Any = None

    def blocks(self, columns: Columns) -> Iterator[pa.Table]:
        """Its rows. Text of categories is read as dictionaries, which is how Parquet keeps it."""
        skip, left = self.skip, self.rows
        try:
            with pq.ParquetFile(self.file) as plain:
                schema = plain.schema_arrow
            texts = [name for name in columns.texts if name in schema.names and schema.field(name).type == pa.string()]
            with pq.ParquetFile(self.file, read_dictionary=texts, memory_map=True) as parquet:
                wanted = [name for name in columns.read if name in schema.names]
                for batch in parquet.iter_batches(BLOCK_ROWS, list(self.groups), wanted, use_threads=False):
                    passed = min(skip, len(batch))
                    kept = batch.slice(passed, left)
                    skip, left = skip - passed, left - len(kept)
                    if len(kept):
                        yield pa.Table.from_batches([kept])
                    if not left:
                        return
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"the file cannot be read: {str(error).splitlines()[0]}", self.file) from None

    def row(self, offset: int) -> str:
        """The file and the row in it."""
        return f"{self.file}, row {self.first + offset + 1}"


def schema_of(file: Path) -> pa.Schema:
    """The columns of a file. Raises DataError."""
    _metadata(file)
    return pq.read_schema(file)


def rows_of(file: Path) -> int:
    """How many rows a file has. Raises DataError."""
    return int(_metadata(file).num_rows)


def units_of(files: Sequence[Path]) -> Iterator[ParquetUnit]:
    """All rows of the files in order."""
    numbers = count()
    for file in files:
        yield from _units_of_file(file, numbers)


def _units_of_file(file: Path, numbers: Iterator[int]) -> Iterator[ParquetUnit]:
    metadata, first = _metadata(file), 0
    run: list[int] = []
    rows = 0
    for group in range(metadata.num_row_groups):
        run.append(group)
        rows += metadata.row_group(group).num_rows
        if rows < UNIT_ROWS // 2 and group + 1 < metadata.num_row_groups:
            continue
        parts = min(MOST_SLICES, max(1, rows // UNIT_ROWS))
        bounds = [rows * part // parts for part in range(parts + 1)]
        for start, stop in pairwise(bounds):
            if stop > start:
                yield ParquetUnit(next(numbers), str(file), tuple(run), start, stop - start, first + start)
        first, run, rows = first + rows, [], 0


def _metadata(file: Path) -> Any:
    try:
        if file.stat().st_size == 0:
            raise DataError("the file is empty", str(file))
        return pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"the file cannot be read: {str(error).splitlines()[0]}", str(file)) from None

"""A CSV or Parquet file that a person hands over, as a table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from mlconfig.errors import DataError


def read_rows(file: Path) -> pa.Table:
    """The rows of a file, by its ending. Raises ``DataError`` when it is neither CSV nor Parquet, or cannot be read."""
    readers = {".csv": csv.read_csv, ".parquet": parquet.read_table}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise DataError(f"`{file.suffix}` is neither .csv nor .parquet", where=str(file))
    try:
        return reader(str(file))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot be read: {str(error).splitlines()[0]}", where=str(file)) from None

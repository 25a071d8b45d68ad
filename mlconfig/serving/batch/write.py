"""Parts of a result as files: Parquet or CSV as they are shown, or an Arrow stream that is put together later."""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Iterable
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from pyarrow import compute

from mlconfig.errors import DataError
from mlconfig.serving.batch.columns import Columns

GROUP_ROWS = 131_072
"""Rows of a row group: what a process holds in memory."""
_PROBED = 4096
_REPEATED = 0.25


def cannot_write(error: OSError, where: str) -> DataError:
    """The error for a result that could not be written."""
    reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space; the same command goes on where this one stopped" if full else ""
    return DataError(f"the result cannot be written: {reason}", where, hint)


def write_part(blocks: Iterable[pa.Table], columns: Columns, file: Path, form: str) -> int:
    """Write a unit's answers as they come, some ``GROUP_ROWS`` at a time; returns how many rows there were. Raises OSError."""
    rows, waiting = 0, 0
    group: list[pa.Table] = []
    with pa.OSFile(str(file), "wb") as out, ExitStack() as stack:
        writer: TableWriter | None = None
        for block in chain(blocks, [None]):
            if block is not None:
                group.append(block)
                waiting += block.num_rows
            if waiting >= GROUP_ROWS or block is None:
                table = pa.concat_tables(group) if group else columns.output.empty_table()
                writer = writer or stack.enter_context(closing(TableWriter(out, columns, form, table)))
                writer.write(table)
                rows, waiting, group = rows + waiting, 0, []
    return rows


class TableWriter:
    """Appends tables to one file. ``first`` shows what the rows are like; it is not written.

    ``form``: parquet, csv, or arrow (a stream, in which text may travel as dictionaries).
    """

    def __init__(self, out: Any, columns: Columns, form: str, first: pa.Table) -> None:
        self._output, self._travelling = columns.output, first.schema
        self._form = form
        if form == "csv":
            self._writer = pc.CSVWriter(out, self._output)
        elif form == "arrow":
            self._writer = pa.ipc.new_stream(out, first.schema)
        else:
            # Arrow's own note of the schema is replaced by one that says what was asked for: text that travels as a
            # dictionary is text to whoever reads it.
            self._writer = pq.ParquetWriter(out, first.schema, use_dictionary=_repeating(first), store_schema=False)

    def write(self, table: pa.Table) -> None:
        """Append rows; for Parquet, as row groups."""
        if self._form == "csv":
            self._writer.write_table(table.cast(self._output))
        elif self._form == "arrow":
            self._writer.write_table(table.cast(self._travelling))
        elif table.num_rows:
            self._writer.write_table(table.cast(self._travelling).unify_dictionaries())

    def close(self) -> None:
        """End the file. What was written without it is no Parquet."""
        if self._form == "parquet":
            schema = base64.b64encode(self._output.serialize().to_pybytes()).decode()
            self._writer.add_key_value_metadata({"ARROW:schema": schema})
        self._writer.close()


def _repeating(table: pa.Table) -> list[str]:
    """Columns that gain from a dictionary of Parquet's. For numbers that hardly repeat it costs most of the writing."""
    return [field.name for field in table.schema if _repeats(field.type, table.column(field.name))]


def _repeats(kind: pa.DataType, column: pa.ChunkedArray) -> bool:
    if not (pa.types.is_primitive(kind) and len(column)):
        return True
    probed = column.slice(0, _PROBED)
    return int(compute.count_distinct(probed).as_py()) <= max(1, int(_REPEATED * len(probed)))

"""CSV files as units: stretches of bytes that end where a row ends.

A newline within quotes ends no row. Where each quote stands as RFC 4180 has it (opening after a delimiter or a newline, doubled
inside), the number of quotes before a byte tells whether it lies within quotes; a file with other quotes is one unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from mlconfig.errors import DataError
from mlconfig.records.signature import Signature
from mlconfig.serving.batch.columns import Columns, check_names
from mlconfig.serving.batch.unit import BLOCK_ROWS

UNIT_BYTES = 16 << 20
NULLS = ("", "NULL", "NA", "null", "NaN")
_WINDOW = 1 << 20
_QUOTE, _NEWLINE, _COMMA = 34, 10, 44


@dataclass(frozen=True)
class CsvUnit:
    """The rows between two bytes of a file. ``names`` are its columns, ``types`` those that are no text."""

    index: int
    file: str
    start: int
    stop: int
    names: tuple[str, ...]
    types: dict[str, pa.DataType]
    mark: Any = None

    def blocks(self, columns: Columns) -> Iterator[pa.Table]:
        """Its rows. Numbers of features are read as such and everything else as text, so that it comes out as it went in."""
        wanted = [name for name in columns.read if name in self.names]
        try:
            for batch in self._batches(wanted, self.types):
                for start in range(0, len(batch), BLOCK_ROWS):
                    yield pa.Table.from_batches([batch.slice(start, BLOCK_ROWS)])
        except pa.ArrowInvalid as error:
            raise self._explained(error, wanted) from None
        except OSError as error:
            raise DataError(f"the file cannot be read: {error.strerror or error}", self.file) from None

    def row(self, offset: int) -> str:
        """The file and the row in it, below the header; counted only where a message needs it."""
        return f"{self.file}, row {self._rows_before + offset + 1}"

    @cached_property
    def _rows_before(self) -> int:
        """Rows of the file before this unit."""
        data = np.memmap(self.file, np.uint8, "r")
        begin = _header_end(data)
        rows = odd = 0
        for at in range(begin, self.start, _WINDOW):
            window = data[at : min(at + _WINDOW, self.start)]
            outside, odd = _outside(window, odd)
            rows += int(np.count_nonzero((window == _NEWLINE) & outside))
        return rows

    def _batches(self, wanted: list[str], types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        if self.stop <= self.start:
            return
        with pa.memory_map(self.file) as mapped:
            mapped.seek(self.start)
            text = mapped.read_buffer(self.stop - self.start)
            yield from pc.open_csv(
                pa.BufferReader(text),
                pc.ReadOptions(use_threads=False, column_names=list(self.names), block_size=4 << 20),
                pc.ParseOptions(newlines_in_values=True),
                pc.ConvertOptions(
                    column_types={name: types.get(name, pa.string()) for name in self.names},
                    include_columns=wanted,
                    strings_can_be_null=True,
                    null_values=list(NULLS),
                ),
            )

    def _explained(self, error: Exception, wanted: list[str]) -> DataError:
        """Arrow's words hold values and rows of a block; ours hold the row of the file and the column."""
        expected = {name: self.types.get(name, pa.string()) for name in wanted}
        try:
            found = self._first_fault(wanted, expected)
        except pa.ArrowInvalid as again:
            error, found = again, None
        if found is not None:
            offset, name = found
            word, hint = _WORDS[expected[name]]
            return DataError(f"the text is no {word}", f"{self.row(offset)}, column `{name}`", hint)
        ragged = re.search(r"Row #(\d+): (Expected \d+ columns, got \d+)", str(error))
        if ragged:
            return DataError(
                ragged[2][:1].lower() + ragged[2][1:], self.row(int(ragged[1]) - 1), "check its quotes and commas"
            )
        return DataError(f"the file cannot be read: {str(error).splitlines()[0]}", self.file)

    def _first_fault(self, wanted: list[str], expected: dict[str, pa.DataType]) -> tuple[int, str] | None:
        """The first value that is no number or no text, where all are read as bytes: its row in the unit, its column."""
        rows = 0
        for batch in self._batches(wanted, dict.fromkeys(wanted, pa.binary())):
            faults = [
                (place, name)
                for name, kind in expected.items()
                if (place := _first_not(batch.column(name), kind)) is not None
            ]
            if faults:
                place, name = min(faults)
                return rows + place, name
            rows += len(batch)
        return None


_UTF8 = "save the file as UTF-8"
_WORDS = {pa.int64(): ("whole number", ""), pa.float64(): ("number", ""), pa.string(): ("UTF-8", _UTF8)}


def _first_not(texts: pa.Array, kind: pa.DataType) -> int | None:
    start, stop = 0, len(texts)
    if _casts(texts, kind):
        return None
    while stop - start > 1:
        middle = (start + stop) // 2
        start, stop = (middle, stop) if _casts(texts.slice(start, middle - start), kind) else (start, middle)
    return start


def _casts(texts: pa.Array, kind: pa.DataType) -> bool:
    try:
        texts.cast(pa.string()).cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def names_of(file: Path) -> tuple[str, ...]:
    """The names in a file's first line. Raises DataError when there is none, or it cannot be read."""
    try:
        data = np.memmap(file, np.uint8, "r") if file.stat().st_size else np.empty(0, np.uint8)
        end = _header_end(data)
        if not end:
            raise DataError("the file is empty: it has not even a line of column names", str(file))
        header = data[:end].tobytes().rstrip(b"\r\n") + b"\n"
        with pc.open_csv(pa.py_buffer(header), parse_options=pc.ParseOptions(newlines_in_values=True)) as reader:
            names = tuple(reader.schema.names)
    except UnicodeDecodeError:
        raise DataError("the line of column names is no UTF-8", str(file), _UTF8) from None
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataError(f"the file cannot be read: {str(error).splitlines()[0]}", str(file)) from None
    if b"\r" in header:
        raise DataError("its lines end with a carriage return alone", str(file), "write line feeds")
    check_names(names, str(file))
    return names


def types_of(signature: Signature) -> dict[str, pa.DataType]:
    """Features that are read as numbers."""
    return {c.name: pa.int64() if c.integer else pa.float64() for c in signature.features if c.kind == "numeric"}


def units_of(files: Sequence[Path], signature: Signature) -> Iterator[CsvUnit]:
    """All rows of the files in order."""
    numbers, types = count(), types_of(signature)
    for file in files:
        names = names_of(file)
        bounds = _bounds(np.memmap(file, np.uint8, "r"))
        own = {name: kind for name, kind in types.items() if name in names}
        for start, stop in pairwise(bounds):
            yield CsvUnit(next(numbers), str(file), start, stop, names, own)


def rows_about(files: Sequence[Path]) -> int:
    """How many rows there are, as the first mebibyte of each file suggests."""
    rows = 0.0
    for file in files:
        head = np.memmap(file, np.uint8, "r")[:_WINDOW]
        rows += file.stat().st_size / len(head) * int(np.count_nonzero(head == _NEWLINE))
    return round(rows)


def _outside(window: Any, odd: int) -> tuple[Any, int]:
    """Which bytes lie outside of quotes, and whether the next window begins inside (1) or outside (0)."""
    quotes = np.cumsum(window == _QUOTE, dtype=np.int64) + odd
    return quotes % 2 == 0, int(quotes[-1] % 2) if len(window) else odd


def _header_end(data: Any) -> int:
    """The byte after the first line."""
    odd = 0
    for at in range(0, len(data), _WINDOW):
        window = data[at : at + _WINDOW]
        outside, odd = _outside(window, odd)
        ends = np.flatnonzero((window == _NEWLINE) & outside)
        if len(ends):
            return at + int(ends[0]) + 1
    return len(data)


def _bounds(data: Any) -> list[int]:
    """Where units begin and the last one ends."""
    begin = _header_end(data)
    bounds, odd, before = [begin], 0, _NEWLINE
    for at in range(begin, len(data), _WINDOW):
        window = data[at : at + _WINDOW]
        outside, after = _outside(window, odd)
        if not _regular(window, outside, before):
            return [begin, len(data)]
        if at >= bounds[-1] + UNIT_BYTES:
            ends = np.flatnonzero((window == _NEWLINE) & outside)
            if len(ends) and at + int(ends[0]) + 1 < len(data):
                bounds.append(at + int(ends[0]) + 1)
        odd, before = after, int(window[-1])
    return [*bounds, len(data)]


def _regular(window: Any, outside: Any, before: int) -> bool:
    """Whether each quote that opens follows a delimiter, a newline, or the quote that it doubles."""
    opening = np.flatnonzero((window == _QUOTE) & ~outside)
    previous = np.where(opening > 0, window[opening - 1], before)
    return bool(np.isin(previous, (_QUOTE, _NEWLINE, _COMMA)).all())

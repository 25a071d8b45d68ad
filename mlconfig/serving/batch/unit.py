"""What one process scores at a time, and what it tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlconfig.serving.batch.columns import Columns

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 16_384
"""Rows that go through the model at once; more gain nothing, and cost memory."""

Told = Callable[[int], None]
"""Called with the number of rows of each block that is scored."""


class Unit(Protocol):
    """A stretch of the input that is read by whoever scores it. Pickled."""

    @property
    def index(self) -> int:
        """Its place in the input, from 0."""
        ...

    @property
    def mark(self) -> Any:
        """Where a source without files goes on after this unit; null for files."""
        ...

    def blocks(self, columns: Columns) -> Iterator[pa.Table]:
        """Its rows, in order, in blocks of at most ``BLOCK_ROWS`` with the columns that are read.

        Raises DataError for what cannot be read; it names the file, and the row where there is one.
        """
        ...

    def row(self, offset: int) -> str:
        """How messages name a row, counted from the unit's first: the file and the row in it."""
        ...


@dataclass(frozen=True)
class Model:
    """A packaged version: its folder, the digest of its bytes, its number."""

    folder: Path
    sha256: str
    version: str


@dataclass(frozen=True)
class Work:
    """What every process needs to know: pickled once to each. ``form`` of the parts: parquet, csv, or arrow (a stream)."""

    model: Model
    columns: Columns
    folder: Path
    form: str

    def part(self, index: int) -> Path:
        """Where a unit's answers go."""
        return self.folder / f"part-{index:05d}.{self.form}"


@dataclass(frozen=True)
class Done:
    """A finished unit: rows, bytes of its part, and the unit's mark."""

    index: int
    rows: int
    size: int
    mark: Any = None

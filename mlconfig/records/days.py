"""Compacted files by the UTC day of arrival, and how little of them is read for what is wanted.

<folder>/day=YYYY-MM-DD/<segment>.parquet
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


def day_of(moment: float) -> str:
    """The UTC day of a moment, as the partitions are named."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


class Bounds(NamedTuple):
    """``since <= column < until``; null is no bound."""

    since: float | None
    until: float | None
    column: str

    @property
    def are_empty(self) -> bool:
        """Whether nothing can be within them."""
        return self.since is not None and self.until is not None and self.since >= self.until

    def exclude(self, lowest: float | None, highest: float | None) -> bool:
        """Whether nothing between the two can be wanted."""
        if lowest is None or highest is None:
            return False
        return (self.since is not None and highest < self.since) or (self.until is not None and lowest >= self.until)


def day_files(folder: Path, without: set[str], bounds: Bounds) -> list[Path]:
    """Compacted files by day; where the bounds are of arrival, days outside are passed over."""
    by_day = bounds.column == "arrived"
    first = day_of(bounds.since) if by_day and bounds.since is not None else ""
    last = day_of(bounds.until) if by_day and bounds.until is not None else "~"
    return [
        file
        for file in sorted(folder.glob("day=*/*.parquet"))
        if file.stem not in without and first <= file.parent.name.removeprefix("day=") <= last
    ]


def read_within(file: Path, columns: list[str], bounds: Bounds) -> pa.Table | None:
    """A compacted file's rows, without the row groups whose statistics lie outside the bounds; null when none is left."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        wanted = _groups_within(parquet, bounds)
        there = parquet.schema_arrow.get_field_index(bounds.column) >= 0
        return parquet.read_row_groups(wanted, columns=columns) if wanted and there else None


def blocks_within(file: Path, columns: list[str], bounds: Bounds) -> Iterator[pa.Table]:
    """The same rows, a row group at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        for group in _groups_within(parquet, bounds):
            yield parquet.read_row_group(group, columns=columns, use_threads=False)


def _groups_within(parquet: Any, bounds: Bounds) -> list[int]:
    leaf = _leaf(parquet, bounds.column)
    return [
        group
        for group in range(parquet.num_row_groups)
        if leaf is None or not bounds.exclude(*_extent(parquet.metadata.row_group(group).column(leaf).statistics))
    ]


def _leaf(parquet: Any, name: str) -> int | None:
    """The number of a plain column among the file's leaves."""
    names = [parquet.schema.column(i).path for i in range(len(parquet.schema))]
    return names.index(name) if name in names else None


def _extent(statistics: Any) -> tuple[float | None, float | None]:
    if statistics is None or not statistics.has_min_max:
        return None, None
    return statistics.min, statistics.max

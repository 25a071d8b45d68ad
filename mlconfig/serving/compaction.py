"""Closed segments become Parquet: temp file, fsync, rename, fsync of the folder, manifest row, delete of the segment.

Whatever step it is stopped at, running it again ends in the same state: a file of the same name is replaced by the same
rows, and a reader takes a segment before the Parquet made of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import msgspec

from mlconfig.errors import DataError
from mlconfig.records.days import day_of
from mlconfig.records.feedback import label_table
from mlconfig.records.prediction import segment_table
from mlconfig.records.prediction_log import FEEDBACK, LABELS, PARQUET, SEGMENTS
from mlconfig.records.segments import (
    Segment,
    lock_segment,
    parse_segment,
    read_header,
    record_blocks,
    segment_files,
    sync_folder,
)

if TYPE_CHECKING:
    import pyarrow as pa


class ManifestRow(msgspec.Struct, frozen=True):
    """One compacted segment. ``damaged`` counts frames whose checksum was wrong."""

    segment: str
    replica: str
    boot: str
    rows: int
    damaged: int
    files: tuple[str, ...]


class Manifest(Protocol):
    """Which segments are compacted; durable when ``add`` returns, one row a segment."""

    def has(self, segment: str) -> bool:
        """Whether the segment was compacted."""

    def add(self, row: ManifestRow) -> None:
        """Remember it; a segment that is there already changes nothing."""


class FileManifest:
    """A manifest as one JSON line a segment in ``file``."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def rows(self) -> list[ManifestRow]:
        """All rows; a torn last line is none."""
        lines = self.file.read_bytes().split(b"\n")[:-1] if self.file.exists() else []
        return [msgspec.json.decode(line, type=ManifestRow) for line in lines if line]

    def has(self, segment: str) -> bool:
        return any(row.segment == segment for row in self.rows())

    def add(self, row: ManifestRow) -> None:
        if self.has(row.segment):
            return
        with self.file.open("ab+") as file:
            self._cut_torn_line(file)
            file.write(msgspec.json.encode(row) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.file.parent)

    @staticmethod
    def _cut_torn_line(file: BinaryIO) -> None:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


@dataclass(frozen=True)
class Compaction:
    """What was done: segments and rows moved, and files set aside because they could not be read."""

    segments: int = 0
    rows: int = 0
    set_aside: tuple[str, ...] = ()


def compact(folder: Path, manifest: Manifest) -> Compaction:
    """Move the closed segments of an endpoint's log (see `records.prediction_log.log_folder`) into Parquet.

    A segment whose writer lives is left alone. One with a damaged header is renamed to ``*.damaged`` and reported.
    """
    return _each_closed(folder / SEGMENTS, lambda path, file: _compact_one(folder, path, file.read(), manifest))


def compact_labels(folder: Path) -> Compaction:
    """The same with the labels of an endpoint. They need no manifest: a label that is read twice counts once."""
    return _each_closed(folder / FEEDBACK, lambda path, _: _compact_feedback(folder, path))


def _each_closed(folder: Path, move: Callable[[Path, BinaryIO], int]) -> Compaction:
    """Do something with each segment whose writer is gone; it returns the rows."""
    moved, rows, aside = 0, 0, []
    for path in segment_files(folder):
        try:
            with path.open("rb") as file:
                if not lock_segment(file) or not path.exists():
                    continue
                rows += move(path, file)
                moved += 1
        except FileNotFoundError:
            continue
        except DataError:
            path.rename(path.with_suffix(".damaged"))
            aside.append(path.name)
    return Compaction(moved, rows, tuple(aside))


def _compact_one(folder: Path, path: Path, data: bytes, manifest: Manifest) -> int:
    segment = parse_segment(data, str(path))
    name = segment.header.segment
    if not manifest.has(name):
        files = tuple(write_parquet(folder / PARQUET, segment))
        header = segment.header
        manifest.add(ManifestRow(name, header.replica, header.boot, len(segment.records), segment.damaged, files))
    path.unlink()
    sync_folder(path.parent)
    return len(segment.records)


def _compact_feedback(folder: Path, path: Path) -> int:
    """A segment's labels as one durable file a day, with a stretch of the segment in memory."""
    name, rows = read_header(path).segment, 0
    with ExitStack() as drafts:
        writers: dict[Path, Any] = {}
        for bodies in record_blocks(path):
            rows += len(bodies)
            for day, part in _by_day(label_table(bodies, str(path))):
                target = folder / LABELS / f"day={day}" / f"{name}.parquet"
                if target not in writers:
                    writers[target] = drafts.enter_context(_draft(target, part.schema))
                writers[target].write_table(part)
    path.unlink()
    sync_folder(path.parent)
    return rows


@contextmanager
def _draft(target: Path, schema: pa.Schema) -> Iterator[Any]:
    """A Parquet file that has its name, durably, once all was written."""
    import pyarrow.parquet as pq

    target.parent.mkdir(parents=True, exist_ok=True)
    unnamed = target.with_name(f".{target.name}.tmp")
    with unnamed.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            yield writer
        file.flush()
        os.fsync(file.fileno())
    unnamed.rename(target)
    for place in (target.parent, target.parent.parent, target.parent.parent.parent):
        sync_folder(place)


def write_parquet(folder: Path, segment: Segment) -> list[str]:
    """Write a segment's rows as one durable file a day; returns their names relative to ``folder``."""
    table = segment_table(segment)
    return [] if table is None else [_write_day(folder, day, part, segment) for day, part in _by_day(table)]


def _by_day(table: pa.Table) -> list[tuple[str, pa.Table]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    first, last = (day_of(moment) for moment in pc.min_max(table.column("arrived")).as_py().values())
    if first == last:
        return [(first, table)]
    days = pa.array([day_of(moment) for moment in table.column("arrived").to_pylist()])
    return [(day, table.filter(pc.equal(days, day))) for day in sorted(set(days.to_pylist()))]


def _write_day(folder: Path, day: str, table: pa.Table, segment: Segment) -> str:
    target = folder / f"day={day}" / f"{segment.header.segment}.parquet"
    with _draft(target, table.schema) as writer:
        writer.write_table(table)
    return str(target.relative_to(folder))

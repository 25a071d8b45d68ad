"""Closed segments become Parquet: temp file, fsync, rename, fsync of the folder, manifest row, delete of the segment.

Whatever step it is stopped at, running it again ends in the same state: a file of the same name is replaced by the same
rows, and a reader takes a segment before the Parquet made of it.
"""

from __future__ import annotations

import math
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
from mlconfig.records.removed import note_erased
from mlconfig.records.resent import SETTLED_S, Resent, find_resent
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


def compact(folder: Path, manifest: Manifest, now: float = math.inf) -> Compaction:
    """Move the closed segments of an endpoint's log (see `records.prediction_log.log_folder`) into Parquet, without the records
    that were logged again by another replica. One compactor at a time (`records.removed.tidying`).

    A segment whose writer lives is left alone, and so is one that was written shortly before ``now``: what it has may still be
    logged again. One with a damaged header is renamed to ``*.damaged`` and reported.
    """
    resent = find_resent(folder / SEGMENTS, folder / PARQUET)

    def is_due(path: Path) -> bool:
        return path.stem in resent.closed and abs(now - path.stat().st_mtime) >= SETTLED_S

    def move(path: Path, file: BinaryIO) -> int:
        return _compact_one(folder, path, file.read(), manifest, resent)

    return _each_closed(folder / SEGMENTS, move, is_due)


def compact_labels(folder: Path) -> Compaction:
    """The same with the labels of an endpoint. They need no manifest: a label that is read twice counts once."""
    return _each_closed(folder / FEEDBACK, lambda path, _: _compact_feedback(folder, path))


def _each_closed(
    folder: Path, move: Callable[[Path, BinaryIO], int], is_due: Callable[[Path], bool] = lambda _: True
) -> Compaction:
    """Do something with each segment that nobody writes, when it is due; it returns the rows."""
    moved, rows, aside = 0, 0, []
    for path in segment_files(folder):
        try:
            with path.open("rb") as file:
                if not is_due(path) or not lock_segment(file, shared=True) or not path.exists():
                    continue
                rows += move(path, file)
                moved += 1
        except FileNotFoundError:
            continue
        except DataError:
            path.rename(path.with_suffix(".damaged"))
            aside.append(path.name)
    return Compaction(moved, rows, tuple(aside))


def _compact_one(folder: Path, path: Path, data: bytes, manifest: Manifest, resent: Resent) -> int:
    segment = parse_segment(data, str(path))
    header = segment.header
    name = header.segment
    if not manifest.has(name):
        if passed := resent.numbers(segment):
            note_erased(folder, name, header.replica, header.boot, passed)
            segment = resent.without(segment)
        files = tuple(write_parquet(folder / PARQUET, segment))
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

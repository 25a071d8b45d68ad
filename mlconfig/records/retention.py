"""Whole days of a log that were kept long enough are removed; never a row that is younger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from mlconfig.records.prediction_log import LABELS, PARQUET
from mlconfig.records.removed import Removed, note_day
from mlconfig.records.segments import sync_folder


class Days(NamedTuple):
    """What was removed: days, the newest of them, and rows."""

    days: int = 0
    until: str = ""
    rows: int = 0

    def plus(self, other: Days) -> Days:
        """Both."""
        return Days(self.days + other.days, max(self.until, other.until), self.rows + other.rows)


def remove_predictions(log: Path, keep: timedelta, now: float) -> Days:
    """Remove the days of a log's predictions that ended so long ago. What is removed is noted before, so that it does not
    count as lost.
    """

    def note(day: str, files: list[Path]) -> int:
        removed = {file.stem: found for file in files if (found := _rows(file)) is not None}
        note_day(log, day, removed)
        return sum(each.rows for each in removed.values())

    return _remove(log / PARQUET, keep, now, note)


def remove_labels(log: Path, keep: timedelta, now: float) -> Days:
    """Remove the days of labels that ended so long ago."""
    return _remove(log / LABELS, keep, now, lambda _, files: sum(_count(file) for file in files))


def _remove(folder: Path, keep: timedelta, now: float, note: Callable[[str, list[Path]], int]) -> Days:
    removed = Days()
    for place in sorted(folder.glob("day=*")):
        day = place.name.removeprefix("day=")
        if _end_of(day) + keep.total_seconds() > now:
            continue
        rows = note(day, sorted(place.glob("*.parquet")))
        for file in sorted(place.iterdir()):
            file.unlink()
        place.rmdir()
        sync_folder(folder)
        removed = removed.plus(Days(1, day, rows))
    return removed


def _end_of(day: str) -> float:
    return (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)).timestamp()


def _count(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def _rows(file: Path) -> Removed | None:
    """The rows of a file, which are one writer's; null where it has none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(file, columns=["replica", "boot", "seq"], partitioning=None)
    if not len(table):
        return None
    replica, boot = (table.column(name)[0].as_py() for name in ("replica", "boot"))
    return Removed(replica, boot, pc.max(table.column("seq")).as_py(), len(table))


def remove_old_files(folder: Path, pattern: str, keep: timedelta, now: float) -> int:
    """Remove a folder's files of a name that were last written so long ago; returns how many."""
    old = [file for file in folder.glob(pattern) if file.stat().st_mtime + keep.total_seconds() <= now]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)

"""Keeps the service log small: files of writers that are gone become one, and its old lines one an hour.

Temp file, fsync, rename, fsync of the folder, delete of what went into it. Whatever step it is stopped at, nothing is counted
twice: the file names what went into it, and running it again ends in the same state.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mlconfig.records.segments import lock_segment, sync_folder
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_log import COMPACTED, Header, decode, log_files, read_header, whole_lines
from mlconfig.records.service_writer import SERVICE, Line

logger = logging.getLogger(__name__)

KEEP_SECONDS = 2 * 86_400
"""Age up to which lines keep their ten seconds."""
HOUR = 3600
_LOCK = ".lock"


@dataclass
class _Lines:
    """Counts by interval (start, seconds)."""

    by_interval: dict[tuple[int, int], ServiceCounts] = field(default_factory=dict)

    def take(self, raw: Iterable[bytes], totals: ServiceCounts | None = None) -> int:
        """Add lines, and their counts to ``totals``; returns how many could not be read."""
        bad = 0
        for text in raw:
            line = decode(text, Line)
            if line is None:
                bad += 1
                continue
            self.by_interval.setdefault((line.start, line.seconds), ServiceCounts()).add(line.counts)
            if totals is not None:
                totals.add(line.counts)
        return bad

    def rolled(self, before: float) -> _Lines:
        """The same with what ended before a moment by the hour."""
        rolled = _Lines()
        for (start, seconds), counts in self.by_interval.items():
            old = start + seconds <= before and seconds < HOUR
            key = (start // HOUR * HOUR, HOUR) if old else (start, seconds)
            rolled.by_interval.setdefault(key, ServiceCounts()).add(counts)
        return rolled

    def fine_from(self) -> int | None:
        """When the oldest that is no hour begins."""
        return min((start for start, seconds in self.by_interval if seconds < HOUR), default=None)

    def encoded(self) -> Iterator[bytes]:
        """As lines, by time."""
        for (start, seconds), counts in sorted(self.by_interval.items(), key=lambda item: item[0]):
            yield msgspec.json.encode(Line(1, start, seconds, counts)) + b"\n"


def compact_service_log(folder: Path, now: float) -> int:
    """Compact the service log in an endpoint's log folder; returns how many files went into the compacted one.

    Safe beside writers, readers and another compactor: a file whose writer lives is left alone, and of two compactors one
    does nothing. A file with damaged lines is kept as ``*.damaged``, its readable lines are counted.

    Args:
        folder: the endpoint's log folder (`records.prediction_log.log_folder`).
        now: seconds since 1970.

    Raises:
        OSError: the disk refuses; nothing is lost or counted twice.
    """
    place = folder / SERVICE
    if not place.is_dir():
        return 0
    with _alone(place) as alone, ExitStack() as held:
        return _compact(place, now, held) if alone else 0


@contextmanager
def _alone(place: Path) -> Iterator[bool]:
    with (place / _LOCK).open("ab") as lock:
        yield lock_segment(lock)


def _compact(place: Path, now: float, held: ExitStack) -> int:
    header = read_header(place)
    for name in header.merged:  # it was stopped before it deleted them
        (place / name).unlink(missing_ok=True)
    dead = [file for file in log_files(place) if _is_dead(file, held)]
    before = int(now - KEEP_SECONDS) // HOUR * HOUR
    if not dead and (header.fine_from is None or header.fine_from + HOUR > before):
        return 0
    lines, totals = _Lines(), header.totals
    if lines.take(whole_lines(_all_of(place / COMPACTED))[1:]):
        logger.warning("%s: damaged lines are dropped; totals are kept", place / COMPACTED)
    damaged = {file for file in dead if lines.take(whole_lines(file.read_bytes()), totals)}
    rolled = lines.rolled(before)
    _replace(place, Header(1, tuple(file.name for file in dead), totals, rolled.fine_from()), rolled)
    for file in dead:
        if file in damaged:
            logger.warning("%s: damaged lines are not counted; the file is set aside", file)
            file.rename(file.with_suffix(".damaged"))
        else:
            file.unlink(missing_ok=True)
    sync_folder(place)
    return len(dead)


def _all_of(compacted: Path) -> bytes:
    """The file that will be replaced: when it cannot be read, nothing is."""
    return compacted.read_bytes() if compacted.exists() else b""


def _is_dead(file: Path, held: ExitStack) -> bool:
    try:
        opened = held.enter_context(file.open("rb"))
    except OSError:
        return False
    return lock_segment(opened)


def _replace(place: Path, header: Header, lines: _Lines) -> None:
    unnamed = place / f".{COMPACTED}.{os.getpid()}.tmp"
    with unnamed.open("wb") as file:
        file.write(msgspec.json.encode(header) + b"\n")
        file.writelines(lines.encoded())
        file.flush()
        os.fsync(file.fileno())
    unnamed.rename(place / COMPACTED)
    sync_folder(place)

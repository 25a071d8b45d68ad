"""Reading an endpoint's service log: what all replicas counted, by time, each count once.

<log folder>/service/<replica>-<boot>-<unique>.jsonl    one a writer, ten seconds a line
                     compacted.jsonl                    of writers that are gone; hours where it is old

The first line of ``compacted.jsonl`` names the files that went into it, so that one that is not deleted yet is not counted
again. A reader lists the folder before it opens that file: what it then misses in the list is in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from mlconfig.records.service import ServiceStats
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_writer import SERVICE, SUFFIX, Line

COMPACTED = f"compacted{SUFFIX}"
_TRIES = 20

T = TypeVar("T")


class Header(msgspec.Struct, frozen=True):
    """The first line of the compacted file.

    Args:
        v: the version of the format.
        merged: the files that went into it last and may not be deleted yet.
        totals: of all that ever went into it.
        fine_from: when its oldest line that is no hour yet begins; null when there is none.
    """

    v: int = 1
    merged: tuple[str, ...] = ()
    totals: ServiceCounts = msgspec.field(default_factory=ServiceCounts)
    fine_from: int | None = None


class Moment(msgspec.Struct, frozen=True):
    """When a line is of: all that is read of the lines outside a window."""

    v: int
    start: int
    seconds: int


def whole_lines(data: bytes) -> list[bytes]:
    """The lines of some bytes; a torn last one is none."""
    return data.split(b"\n")[:-1]


def decode(line: bytes, kind: type[T]) -> T | None:
    """A line; None where it is damaged, or newer than this version."""
    try:
        read = msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError:
        return None
    return read if getattr(read, "v", 1) == 1 else None


def read_header(place: Path) -> Header:
    """The compacted file's first line. Where it is damaged, it is made anew of the other lines, to be compacted at once."""
    try:
        with (place / COMPACTED).open("rb") as file:
            header = decode(file.readline(), Header)
            return header if header is not None else Header(totals=_sum(whole_lines(file.read())), fine_from=0)
    except OSError:
        return Header()


def _sum(lines: list[bytes]) -> ServiceCounts:
    total = ServiceCounts()
    for line in (decode(raw, Line) for raw in lines):
        if line is not None:
            total.add(line.counts)
    return total


def log_files(folder: Path) -> list[Path]:
    """The writers' files, by name; none where the folder cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and path.name != COMPACTED)
    except OSError:
        return []


def read_bytes(path: Path, offset: int = 0) -> bytes:
    """A file from ``offset`` on; nothing where it cannot be read. Raises FileNotFoundError when it has gone."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        raise
    except OSError:
        return b""


def read_or_nothing(path: Path) -> bytes:
    """A file that need not be there."""
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return b""


def settled(look: Callable[[], T]) -> T:
    """What a look at the folder finds; when a file was compacted meanwhile, it is looked again."""
    for _ in range(_TRIES):
        try:
            return look()
        except FileNotFoundError:
            continue
    return look()


class ServiceLog:
    """The service log of one endpoint, in its ``folder`` (see `records.prediction_log.log_folder`).

    Safe beside writers and a compactor. What is damaged is passed over.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / SERVICE

    def stats(self, since: float, until: float) -> ServiceStats:
        """Of all replicas together, the intervals that begin in ``since <= start < until``, seconds since 1970.

        An interval is ten seconds; an hour where the log is older than ``service_compaction.KEEP_SECONDS``.
        """
        total = ServiceCounts()
        for raw in settled(lambda: list(self._lines())):
            moment = decode(raw, Moment)
            if moment is not None and since <= moment.start < until and (line := decode(raw, Line)) is not None:
                total.add(line.counts)
        return total.stats()

    def first(self) -> float | None:
        """When the oldest interval begins; null when there is none."""
        return min((float(moment.start) for moment in self._moments()), default=None)

    def last(self) -> float | None:
        """When the newest interval ends; null when there is none."""
        return max((float(moment.start + moment.seconds) for moment in self._moments()), default=None)

    def _moments(self) -> list[Moment]:
        read = (decode(raw, Moment) for raw in settled(lambda: list(self._lines())))
        return [moment for moment in read if moment is not None]

    def _lines(self) -> Iterator[bytes]:
        files = log_files(self.folder)
        first, *compacted = whole_lines(read_or_nothing(self.folder / COMPACTED)) or [b""]
        header = decode(first, Header)
        merged = header.merged if header is not None else ()
        yield from compacted
        for file in files:
            if file.name not in merged:
                yield from whole_lines(read_bytes(file))

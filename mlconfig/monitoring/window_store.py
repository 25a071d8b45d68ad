"""The counts of closed windows on disk, a file each: what is merged into longer windows, compared and shown, long after.

<log folder>/windows/<version>/<layout>/<length>/<start>-<rows>.mlpw     layout: 12 digits of its digest; times in seconds
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlconfig.errors import DataError
from mlconfig.monitoring.window_counts import WindowCounts, dump_counts, load_counts

FOLDER = "windows"
_NAME = re.compile(r"(-?\d+(?:\.\d+)?)-(\d+)\.mlpw")


class StoredWindow(NamedTuple):
    """One file: where the window starts (seconds since 1970) and how many rows it has."""

    start: float
    rows: int
    path: Path


class WindowStore:
    """Windows of one version, counted by one layout, of one length in seconds.

    Args:
        folder: of the endpoint's log.
        version: whose answers are counted.
        layout: digest of the inputs' layout.
        length: of a window.
        root: the folder's name; ``windows`` are those that are judged.
    """

    def __init__(self, folder: Path, version: str, layout: str, length: float, root: str = FOLDER) -> None:
        self.folder = folder / root / _safe(version) / layout[:12] / _number(length)
        self._known: dict[float, StoredWindow] | None = None

    @property
    def windows(self) -> dict[float, StoredWindow]:
        """All that are kept, by start, ascending."""
        if self._known is None:
            found = sorted(_listed(self.folder))
            self._known = {stored.start: stored for stored in found}
        return self._known

    def get(self, start: float) -> WindowCounts | None:
        """The counts of a window; null where it is not kept, or its file cannot be read (it is then counted again)."""
        stored = self.windows.get(start)
        if stored is None:
            return None
        try:
            return load_counts(stored.path.read_bytes())
        except (DataError, OSError):
            self.windows.pop(start, None)
            return None

    def put(self, start: float, counts: WindowCounts) -> None:
        """Keep a window, at once or not at all; one that is kept already is replaced."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{_number(start)}-{counts.rows}.mlpw"
        draft = path.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(dump_counts(counts))
        earlier = self.windows.get(start)
        draft.replace(path)
        if earlier is not None and earlier.path != path:
            earlier.path.unlink(missing_ok=True)
        self.windows[start] = StoredWindow(start, counts.rows, path)

    def between(self, since: float, until: float) -> Iterator[tuple[float, WindowCounts]]:
        """The kept windows with ``since <= start < until``, oldest first."""
        for start in [start for start in self.windows if since <= start < until]:
            counts = self.get(start)
            if counts is not None:
                yield start, counts


def rows_by_start(folder: Path, length: float) -> dict[float, int]:
    """Rows of an endpoint's windows of a length, over all versions; from names alone."""
    rows: dict[float, int] = {}
    for place in (folder / FOLDER).glob(f"*/*/{_number(length)}"):
        for stored in _listed(place):
            rows[stored.start] = rows.get(stored.start, 0) + stored.rows
    return rows


def _listed(folder: Path) -> Iterator[StoredWindow]:
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is not None:
            yield StoredWindow(float(match[1]), int(match[2]), path)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _safe(version: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", version)

"""Which rows of a log are gone on purpose, so that they are not taken for lost: by the day, or one by one.

<log folder>/removed/day=YYYY-MM-DD.json      rows of a day that were kept long enough, by segment
                     <segment>.json           numbers of rows that were erased, or that another replica has as well
                     tidy.lock                held by who moves or removes rows

What is noted twice counts once, so whoever was stopped in between does it again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlconfig.records.segments import sync_folder

FOLDER = "removed"


class Removed(msgspec.Struct, frozen=True):
    """Rows of one writer: how many, and the highest number among them."""

    replica: str
    boot: str
    highest: int
    rows: int


class _Erased(msgspec.Struct, frozen=True):
    replica: str
    boot: str
    numbers: tuple[int, ...]


@contextmanager
def tidying(log: Path) -> Iterator[None]:
    """Alone among those that move rows of a log, or remove them; waits for who is at it. Writers and readers are not kept."""
    folder = log / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tidy.lock").open("ab") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield


def note_day(log: Path, day: str, removed: dict[str, Removed]) -> None:
    """Note a day's rows by segment, before they are removed."""
    path = log / FOLDER / f"day={day}.json"
    known = msgspec.json.decode(path.read_bytes(), type=dict[str, Removed]) if path.is_file() else {}
    _write(path, msgspec.json.encode({**known, **removed}))


def note_erased(log: Path, segment: str, replica: str, boot: str, numbers: Sequence[int]) -> None:
    """Note rows of a segment by their numbers, before they are erased."""
    path = log / FOLDER / f"{segment}.json"
    known = msgspec.json.decode(path.read_bytes(), type=_Erased).numbers if path.is_file() else ()
    _write(path, msgspec.json.encode(_Erased(replica, boot, tuple(sorted({*known, *numbers})))))


def removed_rows(log: Path) -> Iterator[Removed]:
    """All that is noted."""
    for path in sorted((log / FOLDER).glob("*.json")):
        data = path.read_bytes()
        if path.name.startswith("day="):
            yield from msgspec.json.decode(data, type=dict[str, Removed]).values()
        else:
            erased = msgspec.json.decode(data, type=_Erased)
            yield Removed(erased.replica, erased.boot, max(erased.numbers, default=-1), len(erased.numbers))


def _write(path: Path, data: bytes) -> None:
    """A file that is the old one or the new one, durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)

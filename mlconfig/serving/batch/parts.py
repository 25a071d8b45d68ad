"""Finished parts, kept beside the output until it is whole, so that a stopped run goes on where it was.

``.<output>.parts/<digest>/``: the digest is of the manifest, which pins the model's bytes, the input's identity and the
settings; so a process that outlived its run cannot leave a part among those of another. ``_done.jsonl`` lists the parts that
are whole and synced, one a line.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlconfig.errors import DataError
from mlconfig.records.segments import sync_folder
from mlconfig.serving.batch.unit import Done
from mlconfig.serving.batch.write import cannot_write

MANIFEST, DONE = "_manifest.json", "_done.jsonl"
"""An underscore first: programs that read a folder of parts pass over such names."""
_NAMED = {
    "model": "by another version",
    "input": "of another input, or of one that has changed since",
    "settings": "with other settings",
}


class Parts:
    """The parts of one run. A lock keeps a second run away from the same output.

    Args:
        home: ``.<output>.parts``; made when it is not there.
        manifest: ``model``, ``input`` and ``settings``, each of plain JSON.
        resume: whether parts of an earlier run with the same manifest count.

    Raises:
        DataError: the folder cannot be made, or another run is writing there.
    """

    def __init__(self, home: Path, manifest: Mapping[str, Any], form: str, *, resume: bool) -> None:
        self.home, self._form = home, form
        text = json.dumps(manifest, sort_keys=True, default=str)
        self.folder = home / hashlib.sha256(text.encode()).hexdigest()[:16]
        try:
            home.mkdir(parents=True, exist_ok=True)
            self._lock: int | None = _locked(home)
            self.afresh = self._clear(manifest, resume)
            self.folder.mkdir(exist_ok=True)
            (self.folder / MANIFEST).write_text(text)
            self.done = self._read()
            self._listed = len(self.done)
            self._list = (self.folder / DONE).open("a")
        except OSError as error:
            raise cannot_write(error, str(home.parent)) from None

    def _clear(self, manifest: Mapping[str, Any], resume: bool) -> str:
        """Remove what cannot be gone on with; returns in what an earlier run was another, empty where there was none."""
        said = ""
        for other in sorted(entry for entry in self.home.iterdir() if entry.is_dir()):
            if other == self.folder and resume:
                continue
            said = said or _difference(other, manifest)
            shutil.rmtree(other)
        return said

    def _read(self) -> dict[int, Done]:
        done: dict[int, Done] = {}
        with suppress(OSError):
            for line in (self.folder / DONE).read_text().splitlines():
                with suppress(ValueError, TypeError):  # the last line may be torn
                    each = Done(**json.loads(line))
                    if self.path(each.index).stat().st_size == each.size:
                        done[each.index] = each
        return done

    def path(self, index: int) -> Path:
        """A part's file."""
        return self.folder / f"part-{index:05d}.{self._form}"

    def record(self, done: Done) -> None:
        """Note that a part is whole; it lies on the disk then. Raises DataError."""
        try:
            sync_file(self.path(done.index))
            self._list.write(json.dumps(asdict(done)) + "\n")
            self._list.flush()
        except OSError as error:
            raise cannot_write(error, str(self.home.parent)) from None
        self.done[done.index] = done

    def relist(self) -> None:
        """Write the list anew, after parts were taken out of ``done``."""
        if len(self.done) == self._listed:
            return
        self._list.close()
        unnamed = self.folder / f".{DONE}"
        unnamed.write_text("".join(json.dumps(asdict(done)) + "\n" for done in self.done.values()))
        unnamed.replace(self.folder / DONE)
        self._list = (self.folder / DONE).open("a")

    def remove(self) -> None:
        """The output is whole: nothing of it is needed any more."""
        self.close()
        shutil.rmtree(self.home, ignore_errors=True)
        sync_folder(self.home.parent)

    def close(self) -> None:
        """Let go; finished parts stay, a folder without any does not."""
        self._list.close()
        if not self.done and self._lock is not None:
            shutil.rmtree(self.home, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sync_file(file: Path) -> None:
    """Have a file's bytes on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(home: Path) -> int:
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataError("another run is writing this output", str(home), "wait for it, or end it") from None
    return descriptor


def _difference(other: Path, manifest: Mapping[str, Any]) -> str:
    try:
        earlier = json.loads((other / MANIFEST).read_text())
        if not (other / DONE).read_text():
            return ""
    except (OSError, ValueError):
        return ""
    now = json.loads(json.dumps(dict(manifest), default=str))
    return next((words for key, words in _NAMED.items() if earlier.get(key) != now.get(key)), "")

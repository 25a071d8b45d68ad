"""Where a result of files goes. It appears under its name whole, or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from mlconfig.errors import DataError
from mlconfig.records.segments import sync_folder
from mlconfig.serving.batch.columns import Columns
from mlconfig.serving.batch.inputs import FileInput
from mlconfig.serving.batch.parts import DONE, MANIFEST, Parts, sync_file
from mlconfig.serving.batch.places import SUFFIXES
from mlconfig.serving.batch.unit import Done
from mlconfig.serving.batch.write import TableWriter, cannot_write, write_part

SUCCESS = "_SUCCESS"


class Output(Protocol):
    """Puts parts together."""

    form: str
    """Of the parts: parquet, csv or arrow."""
    parts: Path
    """Where they lie until then."""

    def check(self, *, overwrite: bool, files: FileInput | None) -> None:
        """Raise DataError when the output may not be written, before any work is done.

        ``files``: the input, unless it is a table.
        """
        ...

    def add(self, part: Path, columns: Columns) -> None:
        """Take the next part, in order."""
        ...

    def finish(self, parts: Parts, columns: Columns, manifest: dict[str, Any]) -> None:
        """All parts were added: make the result appear."""
        ...

    def abandon(self) -> None:
        """Remove what was begun; finished parts stay."""
        ...


def output_of(path: Path, form: str | None) -> Output:
    """A file by its suffix; else a folder of parts in ``form``, parquet where none is asked for."""
    if path.suffix in SUFFIXES and not path.is_dir():
        if form not in (None, path.suffix[1:]):
            raise DataError(f"the file's name says {path.suffix[1:]}, and {form} is asked for", str(path))
        return FileOutput(path)
    if path.suffix and not path.is_dir():
        raise DataError(f"`{path.suffix}` is no kind of file that can be scored", str(path), "use .csv or .parquet")
    return FolderOutput(path, form or "parquet")


def _parts_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.parts")


def _check_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise DataError("the result cannot be written: No such file or directory", str(path), "make the folder first")


def _check_outside(files: FileInput | None, path: Path, file: Path) -> None:
    """``file``: one that the output at ``path`` would have."""
    if files is not None and files.reads(file):
        what = "the output lies within the input, so the next run would read it"
        raise DataError(what, str(path), "write beside the input, or below a name that begins with an underscore")


def tables_of(part: Path) -> Iterator[pa.Table]:
    """The tables of a part in Arrow's form, read where they lie."""
    with pa.memory_map(str(part)) as mapped:
        yield pa.ipc.open_stream(mapped).read_all()


class FileOutput:
    """One file. Processes write parts as Arrow streams; this process encodes them, in order, while the others go on."""

    form = "arrow"

    def __init__(self, path: Path) -> None:
        self.path, self.parts = path, _parts_beside(path)
        self._unnamed = self.parts / f".{os.getpid()}{path.suffix}"
        self._out: Any = None
        self._writer: TableWriter | None = None
        self._overwrite = False

    def check(self, *, overwrite: bool, files: FileInput | None) -> None:
        """The folder is there, the file is not, or may be replaced and is no input."""
        self._overwrite = overwrite
        _check_parent(self.path)
        if files is not None and any(self.path.resolve() == each.resolve() for each in files.files):
            raise DataError("the output is one of the input's files", str(self.path), "give it another name")
        _check_outside(files, self.path, self.path)
        self._refuse_existing()

    def _refuse_existing(self) -> None:
        if self.path.exists() and not self._overwrite:
            raise DataError("the output exists", str(self.path), "--overwrite replaces it")

    def add(self, part: Path, columns: Columns) -> None:
        """Append a part."""
        try:
            for table in tables_of(part):
                self._open(columns, table).write(table)
        except OSError as error:
            raise cannot_write(error, str(self.path)) from None

    def _open(self, columns: Columns, first: pa.Table) -> TableWriter:
        if self._writer is None:
            self._out = pa.OSFile(str(self._unnamed), "wb")
            self._writer = TableWriter(self._out, columns, self.path.suffix[1:], first)
        return self._writer

    def finish(self, parts: Parts, columns: Columns, manifest: dict[str, Any]) -> None:  # noqa: ARG002 - no room for it
        """Sync and rename."""
        try:
            self._open(columns, columns.output.empty_table()).close()
            self._out.close()
            sync_file(self._unnamed)
            self._refuse_existing()
            self._unnamed.replace(self.path)
        except OSError as error:
            raise cannot_write(error, str(self.path)) from None
        sync_folder(self.path.parent)
        parts.remove()

    def abandon(self) -> None:
        """Remove the temporary file."""
        if self._writer is not None:
            with suppress(OSError, ValueError):  # the disk may be full, or the file closed
                self._writer.close()
            self._out.close()
        self._unnamed.unlink(missing_ok=True)


class FolderOutput:
    """A folder of ``part-00000.parquet``, …, and ``_SUCCESS``, which lists them; it gets its name when it is whole."""

    def __init__(self, path: Path, form: str) -> None:
        self.path, self.form, self.parts = path, form, _parts_beside(path)

    def check(self, *, overwrite: bool, files: FileInput | None) -> None:
        """The folder is not there, or empty, or one of ours that may be replaced and holds no input."""
        _check_parent(self.path)
        if files is not None and any(each.resolve().is_relative_to(self.path.resolve()) for each in files.files):
            raise DataError("the output folder holds the input", str(self.path), "give it another name")
        _check_outside(files, self.path, self.path / f"part-00000.{self.form}")
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            return
        if not (self.path / SUCCESS).is_file():
            raise DataError("the output exists, and was not written by a batch", str(self.path), "give it another name")
        if not overwrite:
            raise DataError("the output exists", str(self.path), "--overwrite replaces it")

    def add(self, part: Path, columns: Columns) -> None:
        """Parts lie where they will be found."""

    def finish(self, parts: Parts, columns: Columns, manifest: dict[str, Any]) -> None:
        """Write the list, rename the folder. A batch without rows has one part, so that a reader finds the columns."""
        try:
            if not parts.done:
                write_part([], columns, parts.path(0), self.form)
                parts.record(Done(0, 0, parts.path(0).stat().st_size))
            listed = self._only_whole(parts)
            with (parts.folder / SUCCESS).open("w") as file:
                json.dump({**manifest, "parts": listed}, file, indent=2, default=str)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(parts.folder)
            self._swap(parts.folder)
            for name in (MANIFEST, DONE):
                (self.path / name).unlink()
        except OSError as error:
            raise cannot_write(error, str(self.path)) from None
        parts.remove()

    def _only_whole(self, parts: Parts) -> list[dict[str, Any]]:
        """What stands there beside finished parts was left by a process that was ended."""
        whole = [parts.done[index] for index in sorted(parts.done)]
        listed = [{"file": parts.path(each.index).name, "rows": each.rows} for each in whole]
        known = {each["file"] for each in listed} | {MANIFEST, DONE}
        for entry in parts.folder.iterdir():
            if entry.name not in known:
                entry.unlink()
        return listed

    def _swap(self, folder: Path) -> None:
        if not self.path.exists():
            folder.rename(self.path)
        elif any(self.path.iterdir()):
            old = self.path.with_name(f".{self.path.name}.{os.getpid()}.old")
            self.path.rename(old)
            folder.rename(self.path)
            self._remove_old()
        else:
            folder.replace(self.path)
        sync_folder(self.path.parent)

    def _remove_old(self) -> None:
        """What this run has replaced, and what one that was killed just then left."""
        old = re.compile(rf"\.{re.escape(self.path.name)}\.\d+\.old")
        for entry in self.path.parent.iterdir():
            if old.fullmatch(entry.name):
                shutil.rmtree(entry)

    def abandon(self) -> None:
        """Nothing was begun beside the parts."""

"""What INPUT and OUTPUT of a batch name: a file, a folder, a glob, or a table of a database."""

from __future__ import annotations

import difflib
import fnmatch
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlconfig.errors import DataError
from mlconfig.sections.batch import DATABASE

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class SqlPlace:
    """A database, and the table or the query in it. ``url`` has its secrets resolved and is never shown whole."""

    url: str
    table: str = ""
    query: str = ""

    @classmethod
    def parse(cls, text: str, query: str = "") -> SqlPlace:
        """``postgresql://user@host/database#table``; a table may be ``schema.table``. A query takes the table's place."""
        url, _, table = text.partition("#")
        return cls(url, "" if query else table, query)

    def __str__(self) -> str:
        from sqlalchemy import make_url

        shown = make_url(self.url).render_as_string(hide_password=True)
        return f"{shown}#{self.table}" if self.table else shown


Place = Path | SqlPlace


def is_database(text: str) -> bool:
    """Whether a place is a database and no path. An address may be a secret as a whole."""
    return DATABASE.match(text) is not None


def files_of(place: Path) -> tuple[Path, ...]:
    """The files that a path stands for, sorted by name: a file, a folder with all below it, or a glob.

    In a folder, names that begin with a dot or an underscore are passed over, as other programs write ``_SUCCESS``.

    Raises:
        DataError: nothing is there, or it is of several kinds, or of one that is not read.
    """
    if place.is_dir():
        found = sorted(file for file in place.rglob("*") if file.suffix in SUFFIXES and _is_shown(file, place))
        if not found:
            raise DataError(f"the folder holds no {' or '.join(SUFFIXES)} file", str(place))
    elif place.is_file():
        found = [place]
    elif glob.has_magic(str(place)):
        found = sorted(Path(name) for name in glob.glob(str(place), recursive=True) if Path(name).is_file())  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not found:
            raise DataError("no file matches", str(place))
    else:
        raise DataError("there is no such file or folder", str(place), _near(place))
    kinds = sorted({_kind(file) for file in found})
    if len(kinds) > 1:
        raise DataError(f"files of several kinds: {', '.join(kinds)}", str(place), "choose one kind, with a glob")
    return tuple(found)


def reads(place: Path, file: Path) -> bool:
    """Whether ``files_of(place)`` would find a file of that name."""
    given, file = place.resolve(), file.resolve()
    if place.is_dir():
        return file.is_relative_to(given) and _is_shown_below(file, given)
    return glob.has_magic(str(place)) and not place.is_file() and _matches(file.parts, given.parts)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _is_shown(file: Path, folder: Path) -> bool:
    return file.is_file() and _is_shown_below(file, folder)


def _is_shown_below(file: Path, folder: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _kind(file: Path) -> str:
    if file.suffix not in SUFFIXES:
        raise DataError(f"`{file.suffix}` is no kind of file that can be scored", str(file), "use .csv or .parquet")
    return file.suffix


def _near(missing: Path) -> str:
    folder = missing.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(missing.name, names, n=1)
    return f"did you mean {folder / near[0]}?" if near else ""

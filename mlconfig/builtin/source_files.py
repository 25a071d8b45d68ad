"""The files behind a path of a recipe: found, digested, and named clearly when they are not there."""

from __future__ import annotations

import difflib
import glob
import hashlib
from collections.abc import Sequence
from pathlib import Path

from mlconfig.errors import DataError

_CHUNK = 1 << 20


def files_at(path: str, project: Path, suffixes: Sequence[str]) -> tuple[Path, ...]:
    """The files that a path stands for, sorted: a file, a folder (all files below with these suffixes) or a glob.

    Args:
        path: absolute, or relative to the project.
        project: the project's folder.
        suffixes: endings that count inside a folder, such as ``.csv``.

    Raises:
        DataError: nothing is there; the hint names files that are close.
    """
    whole = project / Path(path).expanduser()
    if whole.is_file():
        return (whole,)
    if whole.is_dir():
        found = sorted(file for file in whole.rglob("*") if file.is_file() and file.name.endswith(tuple(suffixes)))
        if not found:
            raise DataError(f"the folder holds no {' or '.join(suffixes)} file", where=str(whole))
        return tuple(found)
    if glob.has_magic(path):
        matches = sorted(Path(name) for name in glob.glob(str(whole), recursive=True) if Path(name).is_file())  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            raise DataError("no file matches", where=str(whole), hint=_close(whole))
        return tuple(matches)
    raise DataError("no such file or folder", where=str(whole), hint=_close(whole))


def _close(missing: Path) -> str:
    """What stands near a missing path, as far as that can be said."""
    parent = missing.parent
    if not parent.is_dir():
        nearest = next((folder for folder in parent.parents if folder.is_dir()), Path("/"))
        return f"the folder {parent} does not exist; the nearest that does is {nearest}"
    names = sorted(entry.name for entry in parent.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(missing.name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + ", ".join(str(parent / name) for name in near) + "?"
    shown = ", ".join(names[:5]) or "nothing"
    return f"{parent} holds {shown}" + (", …" if len(names) > 5 else "")


def content_digest(files: Sequence[Path]) -> str:
    """``sha256:…`` over each file's place, size and content, read in blocks of 1 MiB.

    A file's place is its path below the folder that all files share, so a moved project keeps its digests.
    """
    digest = hashlib.sha256()
    base = files[0].parent if len({file.parent for file in files}) == 1 else _shared_folder(files)
    for file in files:
        try:
            with file.open("rb") as stream:
                digest.update(f"{file.relative_to(base).as_posix()}\0{file.stat().st_size}\0".encode())
                while block := stream.read(_CHUNK):
                    digest.update(block)
        except OSError as error:
            raise unreadable(file, error) from error
    return f"sha256:{digest.hexdigest()}"


def _shared_folder(files: Sequence[Path]) -> Path:
    return next(folder for folder in files[0].parents if all(file.is_relative_to(folder) for file in files))


def unreadable(file: Path, error: Exception, hint: str = "") -> DataError:
    """The error for a file that is there but cannot be read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
    return DataError(f"cannot be read: {reason}", where=str(file), hint=hint)
